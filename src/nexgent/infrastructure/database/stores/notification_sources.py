"""What the worker makes notifications of: the journal, the engine's lease, and closed trades by the day.

Raw asyncpg, as in the projector: it reads the journal by position and moves its mark in the transaction that writes what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import asyncpg
import structlog

from nexgent.domain.ledger.models import Intent, TradeIntended
from nexgent.domain.notifications.models import Notification
from nexgent.domain.notifications.ports import LeaseSeen, Result, TradeLine
from nexgent.domain.notifications.trades import trade_notification
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.journal.codec import CorruptEntryError, decode_entry
from nexgent.infrastructure.database.stores.notification_outbox import add_notifications, read_listeners
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

_LINES_AT_ONCE = 500

# Skipped where another worker is at it.
_MARK = "SELECT journal_position FROM notification_progress WHERE id = 1 FOR UPDATE SKIP LOCKED"
_HEAD = "SELECT coalesce(max(id), 0) FROM journal"
# An intent is found on its wallet's stream, shortly before the line that ends it.
_LINES = """
SELECT j.id, j.entry_id, j.wallet_address, j.agent_id, j.seq, j.at, j.kind, j.postings, j.body, a.user_id, a.name,
       coalesce(w.wallet_type = 'live', false) AS live, i.body AS intent
FROM journal AS j
JOIN agents AS a ON a.id = j.agent_id
LEFT JOIN agent_wallets AS w ON w.wallet_address = j.wallet_address
LEFT JOIN LATERAL (
    SELECT body FROM journal AS before
    WHERE before.wallet_address = j.wallet_address AND before.seq < j.seq AND before.kind = 'intended'
          AND before.intent_id = j.intent_id
    ORDER BY before.seq DESC LIMIT 1
) AS i ON j.kind <> 'settled'
WHERE j.id > $1 AND j.id <= $2 AND j.kind IN ('settled', 'failed', 'expired') AND a.user_id = ANY($3::uuid[])
ORDER BY j.id LIMIT $4
"""
_ADVANCE = "UPDATE notification_progress SET journal_position = $1 WHERE id = 1"
_LEASE = """
SELECT epoch, owner, greatest(0, extract(epoch FROM clock_timestamp() - expires_at))::float8 AS lapsed_seconds
FROM engine_lease WHERE owner IS NOT NULL AND shards & 1 = 1 ORDER BY expires_at DESC LIMIT 1
"""
_LAST_LEASE = """
SELECT lease_epoch AS epoch, lease_owner AS owner, lease_lapsed_seconds AS lapsed_seconds
FROM notification_progress WHERE id = 1 AND lease_epoch IS NOT NULL
"""
_TOLD_LEASE = """
UPDATE notification_progress SET lease_epoch = $1, lease_owner = $2, lease_lapsed_seconds = $3
WHERE id = 1 AND (lease_epoch IS NULL OR lease_epoch <= $1)
"""
_RESULTS = r"""
SELECT a.user_id, s.wallet_address NOT LIKE 'sim\_%' AS live, count(*) AS trades,
       count(*) FILTER (WHERE s.profit_loss_sol > 0) AS wins, sum(s.profit_loss_sol) AS profit_sol,
       sum(s.profit_loss_usd) AS profit_usd, max(s.profit_loss_sol) AS best_sol, min(s.profit_loss_sol) AS worst_sol
FROM agent_historical_swaps AS s JOIN agents AS a ON a.id = s.agent_id
WHERE s.sale_time >= $1 AND s.sale_time < $2 AND s.wallet_address IS NOT NULL
GROUP BY 1, 2
"""


class PostgresSources:
    """Implements `Sources`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def note_trades(self) -> int:
        """Read on in the journal, keep what is to be told, and move the mark; return how many lines were read."""
        with translated_errors("read the journal for notifications"):
            async with self._pool.acquire() as connection, connection.transaction():
                mark = await connection.fetchval(_MARK)
                if mark is None:
                    return 0
                head = await connection.fetchval(_HEAD)
                if head <= mark:
                    return 0
                listeners = await read_listeners(connection)
                rows = (
                    await connection.fetch(_LINES, mark, head, list(listeners), _LINES_AT_ONCE)
                    if listeners
                    else []
                )
                told = [notification for row in rows if (notification := _told(row)) is not None]
                await add_notifications(connection, told)
                full = len(rows) == _LINES_AT_ONCE
                await connection.execute(_ADVANCE, rows[-1]["id"] if full else head)
        return len(rows)

    async def lease(self) -> LeaseSeen | None:
        """Return who trades; None when nobody ever did."""
        with translated_errors("read the engine's lease"):
            row = await self._pool.fetchrow(_LEASE)
        return _seen(row)

    async def last_lease(self) -> LeaseSeen | None:
        """Return what was last told."""
        with translated_errors("read the engine's lease"):
            row = await self._pool.fetchrow(_LAST_LEASE)
        return _seen(row)

    async def told_lease(self, seen: LeaseSeen, notifications: Sequence[Notification]) -> None:
        """Remember it and keep what is to be told, both or neither."""
        with translated_errors("note the engine's lease"):
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_TOLD_LEASE, seen.epoch, seen.owner, seen.lapsed_seconds)
                await add_notifications(connection, notifications)

    async def listeners(self) -> frozenset[UserId]:
        """Return users who want to be told of anything."""
        with translated_errors("read targets of notifications"):
            async with self._pool.acquire() as connection:
                return await read_listeners(connection)

    async def results(self, first: date, last: date) -> Sequence[Result]:
        """Return what closed trades of these days brought."""
        start = datetime.combine(first, time(), UTC)
        end = datetime.combine(last, time(), UTC) + timedelta(days=1)
        with translated_errors("sum up closed trades"):
            rows = await self._pool.fetch(_RESULTS, start, end)
        return [Result(**dict(row)) for row in rows]

    async def add(self, notifications: Sequence[Notification]) -> None:
        """Keep what is to be told."""
        with translated_errors("store notifications"):
            async with self._pool.acquire() as connection:
                await add_notifications(connection, notifications)


def _told(row: asyncpg.Record) -> Notification | None:
    try:
        line = TradeLine(
            entry=decode_entry(row),
            user_id=UserId(row["user_id"]),
            agent_name=row["name"],
            live=row["live"],
            intent=_intent(row),
        )
    except CorruptEntryError:
        # `verify` and the projector say so; here it is one message less.
        log.warning("notifications.line_unreadable", journal_id=row["id"])
        return None
    try:
        return trade_notification(line)
    except Exception:
        # One message less, too: what comes after it, of everybody, waits for this line.
        log.exception("notifications.line_untold", journal_id=row["id"])
        return None


def _intent(row: asyncpg.Record) -> Intent | None:
    if row["intent"] is None:
        return None
    body = decode_entry({**dict(row), "kind": "intended", "body": row["intent"], "postings": "[]"}).body
    return body.intent if isinstance(body, TradeIntended) else None


def _seen(row: asyncpg.Record | None) -> LeaseSeen | None:
    return LeaseSeen(row["epoch"], row["owner"], row["lapsed_seconds"] or 0.0) if row is not None else None
