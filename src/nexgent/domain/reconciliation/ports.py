"""What reconciliation needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from nexgent.domain.ledger.models import Submission
from nexgent.domain.reconciliation.models import (
    ChainSnapshot,
    ExpiredSwap,
    Movement,
    Reconciled,
    TokenAccount,
)
from nexgent.domain.trading.models import SwapOutcome
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress


class WalletChain(Protocol):
    """What nodes say of a wallet. All methods raise `UnavailableError` or `UpstreamError`: silence is never "nothing"."""

    async def snapshot(self, wallet: WalletAddress, *, min_slot: int = 0) -> ChainSnapshot:
        """Return what the wallet holds, as a node says that has reached a slot."""

    async def confirms(self, snapshot: ChainSnapshot, mints: Collection[TokenAddress]) -> bool:
        """Ask for SOL and the accounts of these mints one by one, another node where there is one; tell if it says the same."""

    async def block_time(self, slot: int) -> datetime:
        """Return when the block of a slot was made, by the chain's clock, in whole seconds."""

    async def movements(self, wallet: WalletAddress, *, after_slot: int) -> Sequence[Movement]:
        """Return what transactions after a slot changed, oldest first. One that cannot be read is left out."""

    async def movement(self, wallet: WalletAddress, signature: str) -> Movement | None:
        """Return what one transaction changed, None when the node does not have it."""


class ReconciliationStore(Protocol):
    """What is durable about reconciliation. All methods raise `UnavailableError`."""

    async def find(self, wallet: WalletAddress) -> Reconciled | None:
        """Return how far a wallet is."""

    async def save(self, reconciled: Reconciled) -> None:
        """Take note of how far a wallet is; which tokens are ignored stays as it is. It never goes back."""

    async def ignore(self, wallet: WalletAddress, mint: TokenAddress, *, ignored: bool) -> bool:
        """Take note of whether somebody wants to hear of an orphan; False when the wallet was never looked at."""

    async def known(
        self, wallet: WalletAddress, agent_id: AgentId, signatures: Collection[str]
    ) -> frozenset[str]:
        """Return those transactions that the books have: booked, or sent by us and ended otherwise than expired."""

    async def expired(
        self, wallet: WalletAddress, agent_id: AgentId, since: datetime
    ) -> Sequence[ExpiredSwap]:
        """Return the swaps that were called expired since then and are not booked."""


class RentChain(Protocol):
    """Token accounts closed by transactions of our own."""

    async def excess_lamports(self, account: TokenAccount) -> int:
        """Return what an account holds beyond the deposit the chain asks for now."""

    async def prepare(
        self, wallet: WalletAddress, close: Sequence[TokenAccount], trim: Sequence[TokenAccount]
    ) -> Submission:
        """Sign a transaction that closes accounts and takes the excess of others. Raises `WalletNotLoadedError`."""

    async def send(self, submission: Submission) -> None:
        """Send it. Raises what keeps it from being accepted; it may have been all the same."""

    async def outcome(self, submission: Submission, wallet: WalletAddress) -> Movement | SwapOutcome:
        """Return what it changed once it landed; otherwise that it never will, or that nobody can say yet."""
