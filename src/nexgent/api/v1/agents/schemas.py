"""Shapes of agents."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nexgent.domain.agents.config import TradingConfig


class AgentIn(BaseModel):
    """A new agent."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "First agent", "tradingMode": "simulation"}]}
    )

    name: str = Field(min_length=3, max_length=50)
    tradingMode: Literal["simulation", "live"] = "simulation"  # noqa: N815 -- the contract's name


class AgentChangesIn(BaseModel):
    """What shall change; at least one field."""

    name: str | None = Field(default=None, min_length=3, max_length=50)
    tradingMode: Literal["simulation", "live"] | None = None  # noqa: N815
    automatedTradingSimulation: bool | None = None  # noqa: N815
    automatedTradingLive: bool | None = None  # noqa: N815


class AgentOut(BaseModel):
    """An agent."""

    id: str
    userId: str  # noqa: N815
    name: str
    tradingMode: Literal["simulation", "live"]  # noqa: N815
    automatedTradingSimulation: bool  # noqa: N815
    automatedTradingLive: bool  # noqa: N815
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815


class ConfigIn(BaseModel):
    """A partial configuration to merge over the effective one; null goes back to the defaults."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"config": {"stopLoss": {"defaultPercentage": -20}}}]}
    )

    config: dict[str, Any] | None


class ConfigOut(BaseModel):
    """The complete effective configuration."""

    config: TradingConfig
