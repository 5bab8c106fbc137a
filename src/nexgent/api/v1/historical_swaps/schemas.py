"""Shapes of closed trades."""

from __future__ import annotations

from pydantic import BaseModel


class HistoricalSwapOut(BaseModel):
    """A position from its first purchase to its last sale; amounts are exact texts."""

    id: str
    agentId: str  # noqa: N815 -- the contract's names
    walletAddress: str | None  # noqa: N815
    tokenAddress: str  # noqa: N815
    tokenSymbol: str  # noqa: N815
    amount: str
    purchasePrice: str  # noqa: N815
    salePrice: str  # noqa: N815
    changePercent: str  # noqa: N815
    profitLossUsd: str  # noqa: N815
    profitLossSol: str  # noqa: N815
    purchaseTime: str  # noqa: N815
    saleTime: str  # noqa: N815
    purchaseTransactionId: str | None  # noqa: N815
    saleTransactionId: str | None  # noqa: N815
    signalId: str | None  # noqa: N815
    closeReason: str | None  # noqa: N815
    createdAt: str  # noqa: N815
