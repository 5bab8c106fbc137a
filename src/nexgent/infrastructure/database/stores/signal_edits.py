"""Corrections and removals of signals in PostgreSQL."""

from __future__ import annotations

import asyncpg

from nexgent.domain.signals.models import EDITABLE_FIELDS, Signal, SignalChanges
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.signal_rows import SIGNAL_COLUMNS, read_signal
from nexgent.shared.types import SignalId, UserId

BATCH = 1_000
_BATCH_TIMEOUT_SECONDS = 60.0

# Executions and decisions go with their signal by cascade; transactions and closed trades keep a null. The rows are locked in
# the order of their ids, as the projector locks them, so that neither waits for the other in a circle.
_DELETE = "DELETE FROM trading_signals WHERE id = $1 AND user_id = $2"
_DELETE_BATCH = """
DELETE FROM trading_signals WHERE id IN (
    SELECT id FROM trading_signals WHERE user_id = $1 ORDER BY id LIMIT $2 FOR UPDATE)
"""


class PostgresSignalEdits:
    """Implements `SignalEdits`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def update(self, signal_id: SignalId, user_id: UserId, changes: SignalChanges) -> Signal | None:
        """Change the given fields and return the signal, or None when the user has no such signal."""
        unknown = changes.keys() - set(EDITABLE_FIELDS)
        if unknown:
            raise ValueError(f"a signal has no editable {', '.join(sorted(unknown))}")
        names = list(changes)
        columns = "".join(f"{name} = ${place}, " for place, name in enumerate(names, start=3))
        # Column names come from the list above; values travel as arguments.
        statement = (
            f"UPDATE trading_signals SET {columns}updated_at = statement_timestamp()"  # noqa: S608  # nosec B608
            f" WHERE id = $1 AND user_id = $2 RETURNING {SIGNAL_COLUMNS}"
        )
        with translated_errors("change a signal"):
            row = await self._pool.fetchrow(statement, signal_id, user_id, *(changes[name] for name in names))
        return read_signal(row) if row is not None else None

    async def delete(self, signal_id: SignalId, user_id: UserId) -> bool:
        """Delete a signal; tell whether it was there."""
        with translated_errors("delete a signal"):
            return await self._pool.execute(_DELETE, signal_id, user_id) != "DELETE 0"

    async def delete_all(self, user_id: UserId) -> int:
        """Delete all signals of a user in batches, so that nobody waits long for a lock; return how many."""
        total = 0
        with translated_errors("delete signals"):
            while True:
                done = await self._pool.execute(_DELETE_BATCH, user_id, BATCH, timeout=_BATCH_TIMEOUT_SECONDS)
                count = int(done.rpartition(" ")[2])
                total += count
                if count < BATCH:
                    return total
