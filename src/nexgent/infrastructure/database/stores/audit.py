"""The audit log in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from nexgent.domain.audit.models import AuditEntry, AuditFilter, AuditRow, Outcome
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import audit as sql
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import UserId

MAX_ROWS = 1_000_000
"""However long they may be kept, no more than so many are: strangers can make entries by trying passwords."""


class PostgresAuditLog:
    """Implements `AuditLog`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries in one statement."""
        with translated_errors("write the audit log"):
            await self._pool.execute(
                sql.APPEND,
                [one.at for one in entries],
                [one.action for one in entries],
                [one.outcome.value for one in entries],
                [one.user_id for one in entries],
                [one.actor for one in entries],
                [one.target for one in entries],
                [one.address for one in entries],
                [json.dumps(dict(one.details)) for one in entries],
            )

    async def list(
        self, wanted: AuditFilter, *, limit: int, offset: int = 0, after: PageCursor[int] | None = None
    ) -> Sequence[AuditRow]:
        """Return matching entries, newest first."""
        rows = await sql.ENTRIES.fetch(self._pool, wanted, limit=limit, offset=offset, after=after)
        return [_row(row) for row in rows]


async def forget_old_entries(pool: asyncpg.Pool[asyncpg.Record], now: datetime, days: int) -> int:
    """Delete what is older than so many days, and the oldest beyond `MAX_ROWS`; return how many."""
    with translated_errors("shorten the audit log"):
        old = await pool.execute(sql.FORGET, now - timedelta(days=days))
        beyond = await pool.execute(sql.CUT, MAX_ROWS)
    return int(old.split()[1]) + int(beyond.split()[1])


def _row(row: asyncpg.Record) -> AuditRow:
    entry = AuditEntry(
        at=row["at"],
        action=row["action"],
        outcome=Outcome(row["outcome"]),
        actor=row["actor"],
        user_id=UserId(row["user_id"]) if row["user_id"] is not None else None,
        target=row["target"],
        address=row["address"],
        details=json.loads(row["details"]),
    )
    return AuditRow(id=row["id"], entry=entry)
