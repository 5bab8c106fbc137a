"""What the journal says a transaction is: its newest record, who made it, and what it has done to balances."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from nexgent.domain.bookkeeping.effects import net
from nexgent.domain.bookkeeping.errors import UnknownTransactionError
from nexgent.domain.bookkeeping.ports import HandEntries
from nexgent.domain.ledger.events import WalletsTouched
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import (
    Entry,
    Imported,
    Posting,
    Recorded,
    RentReclaimed,
    TradeSettled,
    TransactionEdited,
    TransactionRemoved,
    WalletReset,
)
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.transactions.models import TransactionRecord
from nexgent.domain.wallets.errors import WalletBusyError
from nexgent.shared.types import TransactionId, WalletAddress

_LOOKS = 40
_PAUSE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class BookedTransaction:
    """A transaction as it stands. `effect` is what can be taken back: nothing of a trade that the engine made, here or in the
    installation that the wallet was taken over from."""

    record: TransactionRecord
    by_engine: bool
    effect: tuple[Posting, ...]


def booked_transaction(entries: Iterable[Entry], transaction_id: TransactionId) -> BookedTransaction | None:
    """Return a transaction out of a wallet's entries, in order; None when it was removed or the wallet was reset since."""
    found: BookedTransaction | None = None
    for entry in entries:
        match entry.body:
            case WalletReset():
                found = None
            case Recorded(record) if record.id == transaction_id:
                found = BookedTransaction(record, by_engine=False, effect=net(entry.postings))
            case (
                TradeSettled(transaction=record)
                | RentReclaimed(transaction=record)
                | Imported(transaction=TransactionRecord() as record)
            ) if record.id == transaction_id:
                found = BookedTransaction(record, by_engine=True, effect=())
            case TransactionEdited(record) if record.id == transaction_id and found is not None:
                found = replace(found, record=record, effect=net(found.effect, entry.postings))
            case TransactionRemoved(removed) if removed == transaction_id:
                found = None
            case _:
                pass
    return found


class BookedTransactions:
    """Finds a transaction together with the state of its wallet, both of one moment."""

    def __init__(self, *, ledger: Ledger, entries: HandEntries) -> None:
        self._ledger = ledger
        self._entries = entries

    async def read(
        self, wallet: WalletAddress, transaction_id: TransactionId
    ) -> tuple[WalletState, BookedTransaction]:
        """Return the newest state and the transaction; what is staged on this state in the same instant is right.

        Taking an effect back is only right once. Therefore the journal's excerpt must reach exactly as far as the state:
        entries still on their way are waited for. Raises `UnknownTransactionError`, `UnknownWalletError`, `WalletBusyError`
        when the wallet never holds still, `UnavailableError`.
        """
        for look in range(_LOOKS):
            agent_id = (await self._ledger.fresh(wallet)).agent_id
            excerpt = await self._entries.of_transaction(wallet, agent_id, transaction_id)
            state = await self._ledger.fresh(wallet)
            if excerpt.seq == state.seq:
                booked = booked_transaction(excerpt.entries, transaction_id)
                if booked is None:
                    raise UnknownTransactionError
                return state, booked
            if excerpt.seq > state.seq:
                # Another process has written, and word of it has not come through yet.
                self._ledger.on_touched(WalletsTouched([wallet]))
            await asyncio.sleep(_PAUSE_SECONDS * min(look, 10))
        raise WalletBusyError(wallet)
