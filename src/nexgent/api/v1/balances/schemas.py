"""Shapes of balances."""

from __future__ import annotations

from pydantic import BaseModel


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
