"""The audit log in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from nexgent.domain.audit.models import AuditEntry, AuditFilter, AuditRow, Outcome
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import UserId

MAX_ROWS = 1_000_000
"""However long they may be kept, no more than so many are: strangers can make entries by trying passwords."""
_APPEND = """
INSERT INTO audit_log (at, action, outcome, user_id, actor, target, address, details)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
"""
# A parameter that is NULL does not narrow the list.
_LIST = """
SELECT id, at, action, outcome, user_id, actor, target, address, details::text FROM audit_log
WHERE ($1::uuid IS NULL OR user_id = $1 OR (user_id IS NULL AND actor = $2::text))
  AND ($3::text IS NULL OR action = $3)
  AND ($4::text IS NULL OR outcome = $4)
  AND ($5::text IS NULL OR target = $5)
  AND ($6::text IS NULL OR address = $6)
  AND ($7::timestamptz IS NULL OR at >= $7)
  AND ($8::timestamptz IS NULL OR at <= $8)
  AND ($9::timestamptz IS NULL OR (at, id) < ($9, $10::bigint))
ORDER BY at DESC, id DESC LIMIT $11 OFFSET $12
"""
_FORGET = "DELETE FROM audit_log WHERE at < $1"
_CUT = """
DELETE FROM audit_log WHERE (at, id) <= (SELECT at, id FROM audit_log ORDER BY at DESC, id DESC OFFSET $1 LIMIT 1)
"""


class PostgresAuditLog:
    """Implements `AuditLog`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries in one statement."""
        with translated_errors("write the audit log"):
            await self._pool.execute(
                _APPEND,
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
        with translated_errors("read the audit log"):
            rows = await self._pool.fetch(
                _LIST,
                wanted.user_id,
                wanted.own_email,
                wanted.action,
                wanted.outcome.value if wanted.outcome is not None else None,
                wanted.target,
                wanted.address,
                wanted.start,
                wanted.end,
                after.time if after is not None else None,
                after.id if after is not None else None,
                limit,
                offset,
            )
        return [_row(row) for row in rows]


async def forget_old_entries(pool: asyncpg.Pool[asyncpg.Record], now: datetime, days: int) -> int:
    """Delete what is older than so many days, and the oldest beyond `MAX_ROWS`; return how many."""
    with translated_errors("shorten the audit log"):
        old = await pool.execute(_FORGET, now - timedelta(days=days))
        beyond = await pool.execute(_CUT, MAX_ROWS)
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
