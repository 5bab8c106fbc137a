"""Shapes of open positions."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from nexgent.api.http.models import Query
from nexgent.api.http.types import OptionalText


class PositionsQuery(Query):
    """Which positions of an agent."""

    wallet_address: OptionalText = Field(default=None, description="Only positions of this wallet")


class PurchaseTransactionOut(BaseModel):
    """The first purchase."""

    id: str
    hash: str | None
    time: str


class PurchaseOut(BaseModel):
    """What was bought, at the average price."""

    priceNative: float  # noqa: N815 -- the contract's names
    priceUsd: float  # noqa: N815
    amount: float
    transaction: PurchaseTransactionOut


class CurrentOut(BaseModel):
    """What is held now and what it is worth."""

    priceNative: float  # noqa: N815
    priceUsd: float  # noqa: N815
    valueNative: float  # noqa: N815
    valueUsd: float  # noqa: N815


class ProfitLossOut(BaseModel):
    """Profit of everything invested, partial sales and fees included."""

    native: float
    usd: float
    percent: float
    priceChangePercent: float  # noqa: N815


class StopLossOut(BaseModel):
    """The present stop, in percent from the entry price."""

    percentage: float
    peakPrice: float  # noqa: N815


class TakeProfitOut(BaseModel):
    """Partial sales so far."""

    levelsHit: int  # noqa: N815
    totalLevels: int | None  # noqa: N815
    tpBatchStartLevel: int  # noqa: N815
    remainingAmount: float  # noqa: N815
    originalAmount: float  # noqa: N815
    soldPercent: float  # noqa: N815
    moonBagActivated: bool  # noqa: N815
    moonBagAmount: float | None  # noqa: N815
    lastTakeProfitTime: str | None  # noqa: N815
    transactionIds: list[str]  # noqa: N815


class DcaOut(BaseModel):
    """Purchases after the first one."""

    count: int
    totalInvestedSol: float  # noqa: N815
    lastDcaTime: str | None  # noqa: N815


class PositionOut(BaseModel):
    """An open position."""

    id: str
    agentId: str  # noqa: N815
    walletAddress: str  # noqa: N815
    tokenAddress: str  # noqa: N815
    tokenSymbol: str  # noqa: N815
    purchase: PurchaseOut
    current: CurrentOut
    profitLoss: ProfitLossOut  # noqa: N815
    stopLoss: StopLossOut  # noqa: N815
    takeProfit: TakeProfitOut  # noqa: N815
    dca: DcaOut
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815


class CloseIn(BaseModel):
    """Why the position is closed."""

    reason: Literal["manual", "stop_loss"] = "manual"


class ClosedOut(BaseModel):
    """What the sale brought."""

    success: bool
    transactionId: str  # noqa: N815
    historicalSwapId: str  # noqa: N815
    positionId: str  # noqa: N815
    inputAmount: float  # noqa: N815
    outputAmount: float  # noqa: N815
    salePrice: float  # noqa: N815
    profitLossSol: float  # noqa: N815
    profitLossUsd: float  # noqa: N815
    changePercent: float  # noqa: N815
    transactionHash: str | None  # noqa: N815
