"""Shapes of protections."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from nexgent.api.http.models import ApiModel, Body, Query
from nexgent.api.http.problems import problem
from nexgent.api.http.types import BLANK, Instant, Stripped
from nexgent.api.v1.signals.schemas import GateOut
from nexgent.domain.agents.config_models import ProtectionsConfig
from nexgent.domain.agents.models import Wallet
from nexgent.domain.panic.models import PanicReport, Remaining
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


Scope = Annotated[
    str | None,
    Stripped,
    AfterValidator(_scope),
    WithJsonSchema({"anyOf": [{"type": "string", "enum": ["user", "system"]}, BLANK, {"type": "null"}]}),
]
"""Whose agents: the user's own, or, for the administrator, everybody's."""


class KillSwitchIn(Body):
    """Stop all entries, or allow them again. `scope` system is for the administrator."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"engaged": True, "reason": "News"}]})

    engaged: bool
    scope: Scope = None
    reason: Annotated[Annotated[str, StringConstraints(max_length=500)] | None, Stripped] = None


class KillSwitchOut(ApiModel):
    """One switch; `changedAt` is null as long as nobody has used it. `flatten`: everything is being exited as well."""

    engaged: bool
    reason: str | None
    changed_at: Instant | None
    flatten: bool

    @classmethod
    def of(cls, switch: KillSwitch | None) -> KillSwitchOut:
        """Return a switch, also one that nobody has used."""
        if switch is None:
            return cls(engaged=False, reason=None, changed_at=None, flatten=False)
        return cls(
            engaged=switch.engaged,
            reason=switch.reason,
            changed_at=switch.changed_at,
            flatten=switch.flatten,
        )


class KillSwitchesOut(ApiModel):
    """The switch of the user's agents and that of the whole system."""

    user: KillSwitchOut
    system: KillSwitchOut


class PanicIn(Body):
    """Stop all entries and, with `flatten`, exit everything. `scope` system is for the administrator."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"flatten": True, "reason": "News"}]})

    flatten: bool = False
    scope: Scope = None
    reason: Annotated[Annotated[str, StringConstraints(max_length=500)] | None, Stripped] = None


class PanicQuery(Query):
    """Whose positions."""

    scope: Annotated[
        str | None,
        Stripped,
        AfterValidator(_scope),
        WithJsonSchema({"type": "string", "enum": ["user", "system"]}),
    ] = Field(
        default=None, description="user for your own (the default), system for everybody's (administrator)"
    )


class RemainingOut(ApiModel):
    """A position that is still open; `exitReason` is null while nothing leaves it, `code` why the newest attempt failed."""

    agent_id: UUID
    agent_name: str
    position_id: UUID
    token_address: str
    token_symbol: str
    wallet_address: str
    wallet_type: str
    exit_reason: str | None
    attempts: int
    code: str | None

    @classmethod
    def of(cls, one: Remaining) -> RemainingOut:
        """Return a position that remains."""
        position = one.position
        return cls(
            agent_id=position.agent_id,
            agent_name=one.agent_name,
            position_id=position.id,
            token_address=position.token_address,
            token_symbol=position.token_symbol,
            wallet_address=position.wallet_address,
            wallet_type="live" if one.live else "simulation",
            exit_reason=one.exit_reason.value if one.exit_reason is not None else None,
            attempts=one.attempts,
            code=one.code,
        )


MOST_REMAINING = 500


class PanicOut(ApiModel):
    """How things stand. `flat`: nothing is held, and no purchase is under way that could still become a position.

    `recorded` false: the database is away, and the service remembers it by itself until it is back. `engine` false: this
    process is a replica, the engine takes it from the database.
    """

    scope: str
    engaged: bool
    flatten: bool
    reason: str | None
    changed_at: Instant | None
    recorded: bool
    engine: bool
    flat: bool
    entries_under_way: int
    remaining_count: int
    remaining: list[RemainingOut]
    """At most 500 of them."""
    resume: str
    """How to let agents buy again."""

    @classmethod
    def of(cls, report: PanicReport) -> PanicOut:
        """Return how things stand."""
        switch = report.switch
        scope = "system" if report.system_wide else "user"
        return cls(
            scope=scope,
            engaged=report.engaged,
            flatten=report.flattens,
            reason=switch.reason if switch is not None else None,
            changed_at=switch.changed_at if switch is not None else None,
            recorded=report.recorded,
            engine=report.here,
            flat=report.flat,
            entries_under_way=report.entries_under_way,
            remaining_count=len(report.remaining),
            remaining=[RemainingOut.of(one) for one in report.remaining[:MOST_REMAINING]],
            resume=f'PUT /api/v1/protections/kill-switch {{"engaged": false, "scope": "{scope}"}}',
        )
