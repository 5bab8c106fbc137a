"""Balances that are set by hand: what the parts of it share."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.bookkeeping.errors import UnknownBalanceError
from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.state import Balance
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.ids import derived_id
from nexgent.shared.money import MAX_RAW, from_raw, to_raw
from nexgent.shared.types import AgentId, TokenAddress, UserId, WalletAddress

BY_HAND = "set by hand"


@dataclass(frozen=True, slots=True)
class OwnedBalance:
    """A balance and whose it is."""

    agent_id: AgentId
    wallet_address: WalletAddress
    balance: Balance

    @property
    def id(self) -> UUID:
        """The balance's id in the contract."""
        return balance_id(self.wallet_address, self.balance.mint)


def balance_id(wallet: WalletAddress, mint: TokenAddress) -> UUID:
    """Return the id of a balance: the same here and in the read tables."""
    return derived_id("balance", wallet, mint)


class BalanceFinder:
    """Finds a balance of one of the user's agents by its id; a foreign one looks like a missing one."""

    def __init__(self, *, directory: AgentDirectory, ledger: Ledger) -> None:
        self._directory = directory
        self._ledger = ledger

    async def owned(self, wanted: UUID, user_id: UserId) -> OwnedBalance:
        """Return the balance. Raises `UnknownBalanceError`, `UnavailableError`."""
        for agent in self._directory.of_user(user_id):
            for wallet in agent.wallets:
                try:
                    state = await self._ledger.fresh(wallet.address)
                except UnknownWalletError:
                    continue
                for mint, balance in state.balances.items():
                    if balance_id(wallet.address, mint) == wanted:
                        return OwnedBalance(agent.id, wallet.address, balance)
        raise UnknownBalanceError


def raw_amount(amount: Decimal, decimals: int) -> int:
    """Return tokens as base units; what is finer is cut off. Raises `InvalidInputError` for more than there can be."""
    if amount < 0:
        raise InvalidInputError("Invalid balance: it must not be negative")
    if amount > from_raw(MAX_RAW, decimals):
        raise InvalidInputError("Invalid balance: it is larger than any amount of this token can be")
    return to_raw(amount, decimals)
