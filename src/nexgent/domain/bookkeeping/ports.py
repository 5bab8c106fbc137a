"""What keeping the books by hand needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol
from uuid import UUID

from nexgent.domain.ledger.models import Entry
from nexgent.domain.ledger.state import Balance
from nexgent.shared.ids import derived_id
from nexgent.shared.types import AgentId, ClosedTradeId, TokenAddress, TransactionId, WalletAddress


@dataclass(frozen=True, slots=True)
class StreamExcerpt:
    """Chosen entries of a wallet's stream, in order; `seq` is the stream's last durable entry when they were read."""

    seq: int
    entries: Sequence[Entry]


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

    @property
    def mint(self) -> TokenAddress:
        """The balance's token."""
        return self.balance.mint

    @property
    def updated_at(self) -> datetime:
        """When the balance changed last."""
        return self.balance.updated_at


class ListedBalance(NamedTuple):
    """A balance of zero in a list: what it is sorted by, and what the list says of it."""

    updated_at: datetime
    mint: TokenAddress
    written: bytes
    """Its JSON as the contract has it, without a price."""


@lru_cache(maxsize=2_048)
def balance_id(wallet: WalletAddress, mint: TokenAddress) -> UUID:
    """Return the id of a balance: the same here, in its copy and in the read tables. That of SOL is asked for by every trade."""
    return derived_id("balance", wallet, mint)


class EmptyBalances(Protocol):
    """Balances of zero that the read tables list; the ledger forgets them after a while.

    All methods raise `UnavailableError` when the tables cannot be read.
    """

    async def of_wallet(self, wallet: WalletAddress) -> Sequence[ListedBalance]:
        """Return those of a wallet, last changed first; equal times by mint, the last one first."""

    async def find(self, wanted: UUID) -> OwnedBalance | None:
        """Return the one with an id, whosever it is."""


class HandEntries(Protocol):
    """What the journal says about single records.

    All methods raise `UnavailableError` when it cannot be read, and `JournalArchivedError` when what made a record is archived.
    """

    async def of_transaction(
        self, wallet: WalletAddress, agent_id: AgentId, transaction_id: TransactionId
    ) -> StreamExcerpt:
        """Return the entries that made, edited or removed a transaction, and the resets of the wallet, in order.

        A trade of the engine is found when the read tables contain it.
        """

    async def is_recorded_by_hand(self, wallet: WalletAddress, closed_trade_id: ClosedTradeId) -> bool:
        """Tell whether somebody recorded the closed trade, or brought it along; otherwise the engine made it."""
