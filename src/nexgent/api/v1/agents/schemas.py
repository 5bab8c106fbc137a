"""Shapes of agents."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, Strict, WithJsonSchema

from nexgent.api.http.models import ApiModel, Body, Query, SchemaBody
from nexgent.api.http.types import Instant, Stripped
from nexgent.domain.agents.config_history import ConfigVersion, changed_settings
from nexgent.domain.agents.config_models import TradingConfig
from nexgent.domain.agents.models import Agent, TradingMode

Name = Annotated[str, Field(min_length=3, max_length=50, examples=["First agent"])]
Mode = Annotated[TradingMode, Strict(False)]


class AgentIn(SchemaBody):
    """A new agent."""

    name: Name
    trading_mode: Mode = TradingMode.SIMULATION


class AgentChangesIn(SchemaBody):
    """What shall change; at least one field. What is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Renamed agent", "automatedTradingSimulation": True}]}
    )

    name: Name = ""
    trading_mode: Mode = TradingMode.SIMULATION
    automated_trading_simulation: bool = False
    automated_trading_live: bool = False


class AgentOut(ApiModel):
    """An agent."""

    id: UUID
    user_id: UUID
    name: str
    trading_mode: Mode
    automated_trading_simulation: bool
    automated_trading_live: bool
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, agent: Agent) -> AgentOut:
        """Return what clients see of an agent."""
        return cls.showing(agent)


class AgentsQuery(Query):
    """Which agents of the caller."""

    deleted: Annotated[bool | None, Stripped] = Field(
        default=None,
        description="true lists the deleted agents instead: their transactions, closed trades and decisions are still there",
    )


class DeletionQuery(Query):
    """Whether open positions may go with the agent."""

    confirm: Annotated[bool | None, Stripped] = Field(
        default=None,
        description="true: open positions go with the agent. Left out: those of paper wallets do, and with open positions of a "
        "live wallet nothing is deleted (409). false: with any open position nothing is deleted (409)",
    )


class AgentDeletedOut(ApiModel):
    """An agent that is gone, and what went with it."""

    success: bool
    message: str
    open_positions: int
    """Positions that were open and are not watched any more."""


class ConfigIn(Body):
    """A partial configuration to merge over the effective one; null goes back to the defaults."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"config": {"stopLoss": {"defaultPercentage": -20}}}]}
    )

    missing = MappingProxyType({"config": "Config is required in request body"})

    config: Any


class ConfigOut(ApiModel):
    """The complete effective configuration."""

    config: TradingConfig


class ConfigVersionOut(ApiModel):
    """A configuration from the moment it was saved until the next one was.

    `savedBy` is an e-mail address, null where nobody chose it: a new agent, or what was there before there was a history.
    `changed` are the settings it changed, such as `stopLoss.defaultPercentage`; empty for the oldest that is kept.
    """

    id: int
    saved_at: Instant
    saved_by: str | None
    changed: list[str]
    config: Annotated[Mapping[str, object], WithJsonSchema({"type": "object"})]

    @classmethod
    def of(cls, version: ConfigVersion, earlier: ConfigVersion | None) -> ConfigVersionOut:
        """Return a version beside the one before it, None for the oldest."""
        changed = [] if earlier is None else changed_settings(earlier.config, version.config)
        return cls.showing(version, saved_by=version.saved_by or None, changed=changed)
