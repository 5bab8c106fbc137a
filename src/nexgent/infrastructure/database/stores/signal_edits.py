"""Corrections and removals of signals in PostgreSQL."""

from __future__ import annotations

import asyncpg

from nexgent.domain.signals.models import EDITABLE_FIELDS, Signal, SignalChanges
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.signal_rows import read_signal
from nexgent.infrastructure.database.stores.sql import signal_edits as sql
from nexgent.shared.types import SignalId, UserId

BATCH = 1_000
_BATCH_TIMEOUT_SECONDS = 60.0


class PostgresSignalEdits:
    """Implements `SignalEdits`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def update(self, signal_id: SignalId, user_id: UserId, changes: SignalChanges) -> Signal | None:
        """Change the given fields and return the signal, or None when the user has no such signal."""
        unknown = changes.keys() - set(EDITABLE_FIELDS)
        if unknown:
            raise ValueError(f"a signal has no editable {', '.join(sorted(unknown))}")
        values = (changes.get(name) for name in EDITABLE_FIELDS)
        with translated_errors("change a signal"):
            row = await self._pool.fetchrow(sql.UPDATE, signal_id, user_id, list(changes), *values)
        return read_signal(row) if row is not None else None

    async def delete(self, signal_id: SignalId, user_id: UserId) -> bool:
        """Delete a signal; tell whether it was there."""
        with translated_errors("delete a signal"):
            return await self._pool.execute(sql.DELETE, signal_id, user_id) != "DELETE 0"

    async def delete_all(self, user_id: UserId) -> int:
        """Delete all signals of a user in batches, so that nobody waits long for a lock; return how many."""
        total = 0
        with translated_errors("delete signals"):
            while True:
                done = await self._pool.execute(
                    sql.DELETE_BATCH, user_id, BATCH, timeout=_BATCH_TIMEOUT_SECONDS
                )
                count = int(done.rpartition(" ")[2])
                total += count
                if count < BATCH:
                    return total
