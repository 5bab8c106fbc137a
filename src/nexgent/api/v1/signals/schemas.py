"""Shapes of trading signals."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SignalIn(BaseModel):
    """A signal to trade on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tokenAddress": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf",
                    "symbol": "EXM",
                    "signalType": "Velocity (Breakout Confirmation)",
                    "signalStrength": 4,
                }
            ]
        }
    )

    tokenAddress: str = Field(max_length=255)  # noqa: N815 -- the contract's names
    signalType: str = Field(max_length=50)  # noqa: N815
    signalStrength: int = Field(ge=1, le=5)  # noqa: N815
    symbol: str | None = Field(default=None, max_length=50)
    activationReason: str | None = Field(default=None, max_length=5_000)  # noqa: N815
    source: str | None = Field(default=None, max_length=100)


class SignalChangesIn(BaseModel):
    """What is to be changed of a signal; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"signalStrength": 5, "source": "desk"}]})

    tokenAddress: str | None = Field(default=None, max_length=255)  # noqa: N815 -- the contract's names
    signalType: str | None = Field(default=None, max_length=50)  # noqa: N815
    signalStrength: int | None = Field(default=None, ge=1, le=5)  # noqa: N815
    symbol: str | None = Field(default=None, max_length=50)
    activationReason: str | None = Field(default=None, max_length=5_000)  # noqa: N815
    source: str | None = Field(default=None, max_length=100)


class SignalsDeletedOut(BaseModel):
    """How many signals were deleted."""

    message: str
    deletedCount: int  # noqa: N815


class SignalOut(BaseModel):
    """A stored signal."""

    id: int
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815
    tokenAddress: str  # noqa: N815
    symbol: str | None
    signalType: str  # noqa: N815
    activationReason: str | None  # noqa: N815
    signalStrength: int  # noqa: N815
    source: str | None


class GateOut(BaseModel):
    """One check: what was looked at, the limit, and whether it passed."""

    name: str
    value: str | None
    limit: str | None
    passed: bool


class DecisionOut(BaseModel):
    """What one agent made of a signal, and why."""

    agentId: str  # noqa: N815
    outcome: str
    code: str | None
    reason: str | None
    gates: list[GateOut]
    intentId: str | None  # noqa: N815
    transactionId: str | None  # noqa: N815
    positionId: str | None  # noqa: N815
    sizeSol: str | None  # noqa: N815
    priceSol: str | None  # noqa: N815
    priceSource: str | None  # noqa: N815
    priceAgeMs: int | None  # noqa: N815
    latencyMs: dict[str, float]  # noqa: N815
    decidedAt: str  # noqa: N815


class DecisionsOut(BaseModel):
    """All decisions on a signal. `processedAt` is null until every agent's is recorded."""

    signalId: int  # noqa: N815
    processedAt: str | None  # noqa: N815
    note: str | None
    decisions: list[DecisionOut]
