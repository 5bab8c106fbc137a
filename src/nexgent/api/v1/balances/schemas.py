"""Shapes of balances."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BalanceIn(BaseModel):
    """A balance to put on the books."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agentId": "6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2",
                    "tokenAddress": "So11111111111111111111111111111111111111112",
                    "tokenSymbol": "SOL",
                    "balance": "12.5",
                }
            ]
        }
    )

    agentId: str  # noqa: N815 -- the contract's names
    tokenAddress: str = Field(max_length=255)  # noqa: N815
    tokenSymbol: str = Field(max_length=20)  # noqa: N815
    balance: str = Field(pattern=r"^[0-9]+(\.[0-9]+)?$")
    walletAddress: str | None = Field(default=None, max_length=44)  # noqa: N815


class BalanceChangesIn(BaseModel):
    """What is to be changed of a balance: at least one of both."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"balance": "10"}]})

    balance: str | None = Field(default=None, pattern=r"^[0-9]+(\.[0-9]+)?$")
    tokenSymbol: str | None = Field(default=None, max_length=20)  # noqa: N815 -- the contract's names


class BalanceDeletedOut(BaseModel):
    """A balance was removed."""

    success: bool
    message: str


class BalanceOut(BaseModel):
    """What a wallet holds of one token; `balance` is the exact amount as text."""

    id: str
    agentId: str  # noqa: N815 -- the contract's names
    walletAddress: str  # noqa: N815
    tokenAddress: str  # noqa: N815
    tokenSymbol: str  # noqa: N815
    balance: str
    lastUpdated: str  # noqa: N815
    priceSol: float | None = None  # noqa: N815
