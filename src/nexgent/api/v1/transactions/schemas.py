"""Shapes of transactions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class TransactionIn(BaseModel):
    """A transaction to record. Numbers may be JSON numbers or texts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agentId": "6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2",
                    "transactionType": "DEPOSIT",
                    "transactionValueUsd": "1500",
                    "transactionTime": "2026-01-01T12:00:00.000Z",
                    "inputMint": "So11111111111111111111111111111111111111112",
                    "inputSymbol": "SOL",
                    "inputAmount": "10",
                    "inputPrice": "1",
                }
            ]
        }
    )

    agentId: str  # noqa: N815 -- the contract's names
    walletAddress: str | None = None  # noqa: N815
    transactionType: Literal["DEPOSIT", "SWAP", "BURN"]  # noqa: N815
    transactionValueUsd: str | float  # noqa: N815
    transactionTime: str | int  # noqa: N815
    destinationAddress: str | None = None  # noqa: N815
    signalId: int | str | None = None  # noqa: N815
    fees: str | float | None = None
    routes: Any | None = None
    inputMint: str | None = None  # noqa: N815
    inputSymbol: str | None = None  # noqa: N815
    inputAmount: str | float | None = None  # noqa: N815
    inputPrice: str | float | None = None  # noqa: N815
    outputMint: str | None = None  # noqa: N815
    outputSymbol: str | None = None  # noqa: N815
    outputAmount: str | float | None = None  # noqa: N815
    outputPrice: str | float | None = None  # noqa: N815
    slippage: str | float | None = None
    priceImpact: str | float | None = None  # noqa: N815
    isDca: bool = False  # noqa: N815


class TransactionChangesIn(BaseModel):
    """What is to be changed of a transaction; what is left out stays. Numbers may be JSON numbers or texts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"fees": "0.000105", "slippage": "0.5"}]})

    transactionType: Literal["DEPOSIT", "SWAP", "BURN"] | None = None  # noqa: N815 -- the contract's names
    transactionValueUsd: str | float | None = None  # noqa: N815
    transactionTime: str | int | None = None  # noqa: N815
    destinationAddress: str | None = None  # noqa: N815
    signalId: int | str | None = None  # noqa: N815
    fees: str | float | None = None
    routes: Any | None = None
    inputMint: str | None = None  # noqa: N815
    inputSymbol: str | None = None  # noqa: N815
    inputAmount: str | float | None = None  # noqa: N815
    inputPrice: str | float | None = None  # noqa: N815
    outputMint: str | None = None  # noqa: N815
    outputSymbol: str | None = None  # noqa: N815
    outputAmount: str | float | None = None  # noqa: N815
    outputPrice: str | float | None = None  # noqa: N815
    slippage: str | float | None = None
    priceImpact: str | float | None = None  # noqa: N815
    isDca: bool | None = None  # noqa: N815
    isTakeProfit: bool | None = None  # noqa: N815


class TransactionOut(BaseModel):
    """A recorded transaction; amounts are exact texts."""

    id: str
    agentId: str  # noqa: N815
    walletAddress: str | None  # noqa: N815
    transactionType: str  # noqa: N815
    transactionValueUsd: str  # noqa: N815
    transactionTime: str  # noqa: N815
    destinationAddress: str | None  # noqa: N815
    signalId: int | None  # noqa: N815
    fees: str | None
    routes: Any | None
    inputMint: str | None  # noqa: N815
    inputSymbol: str | None  # noqa: N815
    inputAmount: str | None  # noqa: N815
    inputPrice: str | None  # noqa: N815
    outputMint: str | None  # noqa: N815
    outputSymbol: str | None  # noqa: N815
    outputAmount: str | None  # noqa: N815
    outputPrice: str | None  # noqa: N815
    slippage: str | None
    priceImpact: str | None  # noqa: N815
    isDca: bool  # noqa: N815
    isTakeProfit: bool  # noqa: N815
    transactionHash: str | None  # noqa: N815
    protocolFeeSol: str | None  # noqa: N815
    networkFeeSol: str | None  # noqa: N815
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815
