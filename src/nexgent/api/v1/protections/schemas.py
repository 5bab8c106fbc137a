"""Shapes of protections."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from nexgent.domain.agents.config_models import ProtectionsConfig


class GateOut(BaseModel):
    """One check: what it looked at, the limit, and whether it passed."""

    name: str
    value: str | None
    limit: str | None
    passed: bool


class WalletProtectionsOut(BaseModel):
    """How a wallet of the agent stands; `code` and `reason` say what blocks it."""

    walletAddress: str  # noqa: N815 -- the contract's way of naming
    walletType: str  # noqa: N815
    blocked: bool
    code: str | None
    reason: str | None
    gates: list[GateOut]


class ProtectionsOut(BaseModel):
    """How an agent stands with its protections."""

    agentId: str  # noqa: N815
    config: ProtectionsConfig
    resetAt: str | None  # noqa: N815
    wallets: list[WalletProtectionsOut]


class ProtectionsResetOut(BaseModel):
    """From when on the agent's record counts."""

    success: bool
    agentId: str  # noqa: N815
    resetAt: str  # noqa: N815


class KillSwitchIn(BaseModel):
    """Stop all entries, or allow them again. `scope` system is for the administrator."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"engaged": True, "reason": "News"}]})

    engaged: bool
    scope: str | None = Field(default="user", pattern="^(user|system)?$")
    reason: str | None = Field(default=None, max_length=500)


class KillSwitchOut(BaseModel):
    """One switch; `changedAt` is null as long as nobody has used it."""

    engaged: bool
    reason: str | None
    changedAt: str | None  # noqa: N815


class KillSwitchesOut(BaseModel):
    """The switch of the user's agents and that of the whole system."""

    user: KillSwitchOut
    system: KillSwitchOut
