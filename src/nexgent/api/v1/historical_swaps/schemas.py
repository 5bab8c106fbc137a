"""Shapes of closed trades."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class HistoricalSwapChangesIn(BaseModel):
    """What is to be changed of a closed trade; what is left out stays. Numbers may be JSON numbers or texts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"closeReason": "manual", "signalId": None}]})

    tokenAddress: str | None = None  # noqa: N815 -- the contract's names
    tokenSymbol: str | None = None  # noqa: N815
    amount: str | float | None = None
    purchasePrice: str | float | None = None  # noqa: N815
    salePrice: str | float | None = None  # noqa: N815
    changePercent: str | float | None = None  # noqa: N815
    profitLossUsd: str | float | None = None  # noqa: N815
    profitLossSol: str | float | None = None  # noqa: N815
    purchaseTime: str | int | None = None  # noqa: N815
    saleTime: str | int | None = None  # noqa: N815
    purchaseTransactionId: str | None = None  # noqa: N815
    saleTransactionId: str | None = None  # noqa: N815
    signalId: int | str | None = None  # noqa: N815
    closeReason: str | None = None  # noqa: N815


class HistoricalSwapIn(BaseModel):
    """A closed trade to record. Numbers may be JSON numbers or texts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agentId": "6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2",
                    "tokenAddress": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf",
                    "tokenSymbol": "EXM",
                    "amount": "1000",
                    "purchasePrice": "0.00001",
                    "salePrice": "0.000012",
                    "changePercent": "20",
                    "profitLossUsd": "0.3",
                    "profitLossSol": "0.002",
                    "purchaseTime": "2026-01-01T12:00:00.000Z",
                    "saleTime": "2026-01-01T13:00:00.000Z",
                    "closeReason": "manual",
                }
            ]
        }
    )

    agentId: str  # noqa: N815 -- the contract's names
    walletAddress: str | None = None  # noqa: N815
    tokenAddress: str  # noqa: N815
    tokenSymbol: str  # noqa: N815
    amount: str | float
    purchasePrice: str | float  # noqa: N815
    salePrice: str | float  # noqa: N815
    changePercent: str | float  # noqa: N815
    profitLossUsd: str | float  # noqa: N815
    profitLossSol: str | float  # noqa: N815
    purchaseTime: str | int  # noqa: N815
    saleTime: str | int  # noqa: N815
    purchaseTransactionId: str | None = None  # noqa: N815
    saleTransactionId: str | None = None  # noqa: N815
    signalId: int | str | None = None  # noqa: N815
    closeReason: str | None = None  # noqa: N815


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
