"""Entries about single records, looked up in the journal.

People edit seldom, so no index is kept for it: the lines of the wallet are looked through, by kind first, and only the few
that were entered by hand are opened. A trade of the engine is found by its intent.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from nexgent.domain.bookkeeping.ports import StreamExcerpt
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.journal.archived import archived, baseline
from nexgent.infrastructure.database.journal.codec import decode_entry
from nexgent.shared.types import AgentId, ClosedTradeId, TransactionId, WalletAddress

_SEQ = "SELECT coalesce((SELECT seq FROM journal_heads WHERE wallet_address = $1), 0)"
_OF_TRANSACTION = """
SELECT entry_id, wallet_address, agent_id, seq, at, kind, postings, body FROM journal
WHERE wallet_address = $1 AND agent_id = $2 AND CASE
    WHEN kind IN ('recorded', 'transaction_edited', 'imported') THEN body->'transaction'->>'id' = $3::uuid::text
    WHEN kind = 'transaction_removed' THEN body->>'transaction_id' = $3::uuid::text
    WHEN kind IN ('settled', 'rent_reclaimed')
        THEN intent_id IN (SELECT id FROM trade_intents WHERE agent_id = $2 AND transaction_id = $3)
    ELSE kind = 'reset' END
ORDER BY seq
"""
_MAKES = frozenset({"recorded", "imported", "settled", "rent_reclaimed"})
_BY_ENGINE = """
SELECT EXISTS (SELECT 1 FROM journal WHERE wallet_address = $1 AND CASE
    WHEN kind = 'settled' THEN body->'closed'->>'id' = $2::uuid::text ELSE false END)
"""
_BY_HAND = """
SELECT EXISTS (SELECT 1 FROM journal WHERE wallet_address = $1 AND CASE
    WHEN kind IN ('trade_recorded', 'imported') THEN body->'trade'->>'id' = $2::uuid::text ELSE false END)
"""


class PostgresHandEntries:
    """Implements `HandEntries`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def of_transaction(
        self, wallet: WalletAddress, agent_id: AgentId, transaction_id: TransactionId
    ) -> StreamExcerpt:
        """Return the entries about a transaction and the wallet's resets, in order.

        The end of the stream is read first: what is appended meanwhile may be among the entries, but then the ledger is
        beyond `seq` as well. Raises `JournalArchivedError` where what made the transaction is archived.
        """
        with translated_errors("read the journal"):
            seq = await self._pool.fetchval(_SEQ, wallet)
            rows = await self._pool.fetch(_OF_TRANSACTION, wallet, agent_id, transaction_id)
            if not _begins(rows) and await baseline(self._pool, wallet) is not None:
                raise await archived(self._pool)
        return StreamExcerpt(seq, [decode_entry(row) for row in rows])

    async def is_recorded_by_hand(self, wallet: WalletAddress, closed_trade_id: ClosedTradeId) -> bool:
        """Tell whether somebody recorded the closed trade, or it came along from another installation.

        Raises `JournalArchivedError` where its entry is archived.
        """
        with translated_errors("read the journal"):
            found: bool = await self._pool.fetchval(_BY_HAND, wallet, closed_trade_id)
            if not found and await baseline(self._pool, wallet) is not None:
                made: bool = await self._pool.fetchval(_BY_ENGINE, wallet, closed_trade_id)
                if not made:
                    raise await archived(self._pool)
        return found


def _begins(rows: Sequence[asyncpg.Record]) -> bool:
    """Tell whether what made a transaction is among the entries about it."""
    return any(row["kind"] in _MAKES for row in rows)
