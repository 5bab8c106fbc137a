"""Shapes of protections."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, StringConstraints, WithJsonSchema

from nexgent.api.http.models import ApiModel, Body
from nexgent.api.http.problems import problem
from nexgent.api.http.types import BLANK, Instant, Stripped
from nexgent.api.v1.signals.schemas import GateOut
from nexgent.domain.agents.config_models import ProtectionsConfig
from nexgent.domain.agents.models import Wallet
from nexgent.domain.protections.models import KillSwitch, ProtectionVerdict


class WalletProtectionsOut(ApiModel):
    """How a wallet of the agent stands; `code` and `reason` say what blocks it."""

    wallet_address: str
    wallet_type: str
    blocked: bool
    code: str | None
    reason: str | None
    gates: list[GateOut]

    @classmethod
    def of(cls, wallet: Wallet, verdict: ProtectionVerdict) -> WalletProtectionsOut:
        """Return how a wallet stands."""
        return cls(
            wallet_address=wallet.address,
            wallet_type=wallet.mode.value,
            blocked=verdict.blocked,
            code=verdict.code,
            reason=verdict.reason,
            gates=[
                GateOut(name=gate.name, value=gate.value, limit=gate.limit, passed=gate.passed)
                for gate in verdict.gates
            ],
        )


class ProtectionsOut(ApiModel):
    """How an agent stands with its protections."""

    agent_id: UUID
    config: ProtectionsConfig
    reset_at: Instant | None
    wallets: list[WalletProtectionsOut]


class ProtectionsResetOut(ApiModel):
    """From when on the agent's record counts."""

    success: bool
    agent_id: UUID
    reset_at: Instant


def _scope(value: str | None) -> str:
    if value not in {None, "user", "system"}:
        raise problem("it must be user or system")
    return value or "user"


class KillSwitchIn(Body):
    """Stop all entries, or allow them again. `scope` system is for the administrator."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"engaged": True, "reason": "News"}]})

    engaged: bool
    scope: Annotated[
        str | None,
        Stripped,
        AfterValidator(_scope),
        WithJsonSchema({"anyOf": [{"type": "string", "enum": ["user", "system"]}, BLANK, {"type": "null"}]}),
    ] = None
    reason: Annotated[Annotated[str, StringConstraints(max_length=500)] | None, Stripped] = None


class KillSwitchOut(ApiModel):
    """One switch; `changedAt` is null as long as nobody has used it."""

    engaged: bool
    reason: str | None
    changed_at: Instant | None

    @classmethod
    def of(cls, switch: KillSwitch | None) -> KillSwitchOut:
        """Return a switch, also one that nobody has used."""
        if switch is None:
            return cls(engaged=False, reason=None, changed_at=None)
        return cls(engaged=switch.engaged, reason=switch.reason, changed_at=switch.changed_at)


class KillSwitchesOut(ApiModel):
    """The switch of the user's agents and that of the whole system."""

    user: KillSwitchOut
    system: KillSwitchOut
