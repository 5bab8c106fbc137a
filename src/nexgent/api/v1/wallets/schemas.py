"""Shapes of wallets."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AgentWalletOut(BaseModel):
    """A wallet of an agent; `isAvailable` tells whether it can trade."""

    walletAddress: str  # noqa: N815 -- the contract's names
    walletType: Literal["simulation", "live"]  # noqa: N815
    isAvailable: bool  # noqa: N815
    source: Literal["environment", "encrypted", "simulation"]
    isUnlocked: bool  # noqa: N815
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815


class LoadedWalletOut(BaseModel):
    """A live wallet whose key is loaded; `isAssigned` when any agent has it."""

    walletAddress: str  # noqa: N815
    isAssigned: bool  # noqa: N815


class WalletsOut(BaseModel):
    """The wallets of an agent, and the live wallets there are."""

    agentWallets: list[AgentWalletOut]  # noqa: N815
    availableWallets: list[LoadedWalletOut]  # noqa: N815


class AssignIn(BaseModel):
    """Which wallet an agent shall have."""

    agentId: str  # noqa: N815
    walletAddress: str = Field(min_length=1, max_length=44)  # noqa: N815
    walletType: Literal["simulation", "live"]  # noqa: N815


class AssignOut(BaseModel):
    """The wallet an agent has now."""

    success: bool
    walletAddress: str  # noqa: N815
    walletType: Literal["simulation", "live"]  # noqa: N815
    network: Literal["testnet", "mainnet"]
    message: str


class ConfirmIn(BaseModel):
    """Yes, really."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"confirm": True}]})

    confirm: Literal[True]


class DeletedOut(BaseModel):
    """How many rows are gone."""

    positions: int
    historicalSwaps: int  # noqa: N815
    balances: int
    transactions: int
    balanceSnapshots: int  # noqa: N815


class ResetOut(BaseModel):
    """What a reset has deleted; `duration` in milliseconds."""

    success: bool
    message: str
    walletAddress: str  # noqa: N815
    deleted: DeletedOut
    duration: int


class CheckDepositsIn(BaseModel):
    """The agent that has the wallet."""

    agentId: str  # noqa: N815


class CheckDepositsOut(BaseModel):
    """Balances in SOL; a deposit that was found is recorded."""

    success: bool
    depositDetected: bool  # noqa: N815
    previousBalance: float  # noqa: N815
    onChainBalance: float  # noqa: N815
    depositAmount: float | None  # noqa: N815
    transactionId: str | None  # noqa: N815
    message: str
