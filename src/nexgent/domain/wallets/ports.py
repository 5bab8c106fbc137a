"""What the wallets package needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nexgent.domain.agents.models import Wallet
from nexgent.shared.types import UserId, WalletAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRows:
    """How many rows there are about a wallet."""

    positions: int
    historical_swaps: int
    balances: int
    transactions: int
    balance_snapshots: int


class WalletRepository(Protocol):
    """The durable record of wallets. All methods raise `UnavailableError` when it cannot be reached."""

    async def count(self, wallet: WalletAddress) -> WalletRows:
        """Count what the read tables hold about a wallet."""

    async def add_wallet(self, wallet: Wallet) -> None:
        """Give an agent a wallet. Raises `ConflictError` when the address or the agent's mode is taken."""

    async def replace_wallet(self, old: WalletAddress, new: Wallet) -> None:
        """Put another wallet in the place of one, all or nothing.

        Transactions and closed trades of the old one stay with the agent, without an address: they did not happen in
        the new one. Raises `ConflictError` when the new address is taken.
        """

    async def remove_wallet(self, address: WalletAddress) -> bool:
        """Remove a wallet and everything recorded about it; tell whether it was there."""


class LoadedWallets(Protocol):
    """Live wallets whose keys are here."""

    @property
    def addresses(self) -> Sequence[WalletAddress]:
        """The wallets of the environment, in the order they were loaded."""

    def is_loaded(self, wallet: WalletAddress) -> bool:
        """Tell whether the wallet's key is in memory."""

    def is_stored(self, wallet: WalletAddress) -> bool:
        """Tell whether the wallet's key is stored encrypted here, whoever owns it and whether it is unlocked or not."""

    def is_stored_for(self, wallet: WalletAddress, user_id: UserId) -> bool:
        """Tell whether the wallet's key is stored encrypted here for that user."""


class ChainBalances(Protocol):
    """What the chain says about addresses."""

    async def balance_lamports(self, wallet: WalletAddress) -> int:
        """Return the lamports of an address, 0 for an unknown one. Raises `UnavailableError`, `UpstreamError`."""
