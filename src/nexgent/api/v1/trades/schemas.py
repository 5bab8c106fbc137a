"""Shapes of trading by hand."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class TradeIn(BaseModel):
    """What to buy. Without a wallet that of the agent's mode buys; without a size it is calculated from the balance."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agentId": "6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2",
                    "tokenAddress": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf",
                    "tokenSymbol": "EXM",
                    "positionSize": 0.5,
                }
            ]
        }
    )

    agentId: str  # noqa: N815 -- the contract's names
    tokenAddress: str = Field(min_length=1, max_length=255)  # noqa: N815
    walletAddress: str | None = Field(default=None, max_length=44)  # noqa: N815
    tokenSymbol: str | None = Field(default=None, max_length=20)  # noqa: N815
    signalId: int | None = Field(default=None, ge=1, le=2**31 - 1)  # noqa: N815
    positionSize: Decimal | None = Field(default=None, gt=0, lt=10**9)  # noqa: N815


class TradeOut(BaseModel):
    """What was bought. Amounts in SOL and tokens, the price in SOL per token; `inputAmount` holds the swap's own fee."""

    success: bool
    transactionId: str  # noqa: N815
    positionId: str | None  # noqa: N815
    inputAmount: float  # noqa: N815
    outputAmount: float  # noqa: N815
    purchasePrice: float  # noqa: N815
    transactionHash: str | None  # noqa: N815
    stopLossInitialized: bool  # noqa: N815
    stopLossPercentage: float | None = None  # noqa: N815
    signalId: int | None = None  # noqa: N815
