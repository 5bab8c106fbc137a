"""Shapes of figures."""

from __future__ import annotations

from pydantic import BaseModel


class PerformanceOut(BaseModel):
    """Balance and profit in SOL, returns and win rate in percent."""

    portfolioBalanceSol: float  # noqa: N815 -- the contract's names
    totalProfitLossSol: float  # noqa: N815
    realizedProfitLossSol: float  # noqa: N815
    unrealizedProfitLossSol: float  # noqa: N815
    averageReturn: float  # noqa: N815
    winRate: float  # noqa: N815
    totalClosedTrades: int  # noqa: N815
    totalOpenPositions: int  # noqa: N815


class SnapshotOut(BaseModel):
    """What a wallet was worth at an exact hour; decimals as text."""

    timestamp: str
    portfolioBalanceSol: str  # noqa: N815
    solBalance: str  # noqa: N815
    positionsValueSol: str  # noqa: N815
    unrealizedPnLSol: str  # noqa: N815


class BalanceHistoryOut(BaseModel):
    """The snapshots of a wallet, oldest first."""

    agentId: str  # noqa: N815
    timeframe: str
    snapshots: list[SnapshotOut]


class TakeProfitPositionOut(BaseModel):
    """A position with at least one level hit."""

    id: str
    tokenSymbol: str  # noqa: N815
    levelsHit: int  # noqa: N815
    remainingPercent: float  # noqa: N815
    moonBagActivated: bool  # noqa: N815
    lastTakeProfitTime: str | None  # noqa: N815


class TakeProfitSummaryOut(BaseModel):
    """How far take profit has come; `positions` only when asked for."""

    totalPositions: int  # noqa: N815
    positionsWithTakeProfitHit: int  # noqa: N815
    activeMoonBags: int  # noqa: N815
    totalLevelsHit: int  # noqa: N815
    positions: list[TakeProfitPositionOut] | None = None
