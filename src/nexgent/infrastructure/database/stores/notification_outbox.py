"""The outbox in PostgreSQL: what is to be told, who takes it, and what became of it.

Raw asyncpg, as in the projector: statements take many rows as arrays, skip what another worker has locked, and move a mark in the
transaction that writes what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import orjson
import structlog

from nexgent.domain.notifications.models import (
    MAX_WAITING,
    Channel,
    Delivered,
    Notification,
    OutboxState,
    Target,
    Waiting,
)
from nexgent.domain.notifications.ports import Condition
from nexgent.domain.notifications.timing import due_at, wants
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.notification_targets import notification_of, target_of
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

Pool = asyncpg.Pool
Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

CLAIMED_FOR = timedelta(minutes=2)
"""Longer than any one message and its note take; whoever sends many renews it with each note."""
MOST_KEPT = 20_000
"""So many notifications are kept for a user, however young they are."""
_AT_ONCE = 1_000
_TOO_MANY = "too much was waiting"

# Who was deleted meanwhile is told nothing, and keeps nobody else from being told.
_ADD = """
INSERT INTO notifications (id, user_id, agent_id, key, kind, level, title, text, facts, at)
SELECT given.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                           $9::json[], $10::timestamptz[]) AS given (id, user_id)
WHERE EXISTS (SELECT FROM users WHERE users.id = given.user_id)
ON CONFLICT (user_id, key) DO NOTHING
"""
_UNROUTED = "SELECT * FROM notifications WHERE NOT routed ORDER BY at LIMIT $1 FOR UPDATE SKIP LOCKED"
_TARGETS = "SELECT * FROM notification_targets WHERE enabled AND user_id = ANY($1::uuid[])"
_ROUTE = """
INSERT INTO notification_deliveries (notification_id, target_id, state, due_at)
SELECT given.notification_id, given.target_id, 'waiting', given.due_at
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS given (notification_id, target_id, due_at)
ON CONFLICT (notification_id, target_id) DO NOTHING
"""
_ROUTED = "UPDATE notifications SET routed = true WHERE id = ANY($1::uuid[])"
_UNWANTED = "DELETE FROM notifications WHERE id = ANY($1::uuid[])"
# What matters least and is oldest gives way.
_CROWDED = """
WITH crowded AS (
    UPDATE notification_deliveries SET state = 'failed', error = $3 WHERE id IN (
        SELECT d.id FROM notification_deliveries AS d JOIN notifications AS n ON n.id = d.notification_id
        WHERE d.target_id = $1 AND d.state = 'waiting'
        ORDER BY array_position(ARRAY['danger', 'warning', 'info'], n.level), n.at DESC OFFSET $2
    ) RETURNING id
)
UPDATE notification_targets SET failed_count = failed_count + (SELECT count(*) FROM crowded), last_error = $3, last_error_at = $4
WHERE id = $1 AND EXISTS (SELECT FROM crowded)
"""
_CLAIM = """
UPDATE notification_targets SET claimed_until = $1::timestamptz + $3::interval WHERE id IN (
    SELECT id FROM notification_targets AS t
    WHERE enabled AND channel = $4 AND coalesce(claimed_until <= $1, true) AND coalesce(retry_at <= $1, true)
          AND EXISTS (SELECT FROM notification_deliveries WHERE target_id = t.id AND state = 'waiting' AND due_at <= $1)
    ORDER BY last_sent_at NULLS FIRST LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING *
"""
_DUE = """
SELECT d.id AS delivery_id, d.attempts, n.* FROM notification_deliveries AS d JOIN notifications AS n ON n.id = d.notification_id
WHERE d.target_id = $1 AND d.state = 'waiting' AND d.due_at <= $2
ORDER BY array_position(ARRAY['danger', 'warning', 'info'], n.level), n.at, d.id LIMIT $3
"""
_SENT_SINCE = (
    "SELECT count(DISTINCT message_id) FROM notification_deliveries WHERE target_id = $1 AND sent_at > $2"
)
_SENT = """
WITH sent AS (
    UPDATE notification_deliveries AS d
    SET state = 'sent', sent_at = given.at, message_id = given.message_id, attempts = d.attempts + 1, error = NULL
    FROM unnest($2::bigint[], $3::uuid[], $4::timestamptz[]) AS given (id, message_id, at)
    WHERE d.id = given.id AND d.state = 'waiting' RETURNING d.id
)
UPDATE notification_targets SET
    sent_count = sent_count + (SELECT count(*) FROM sent), last_sent_at = $5, failing_since = NULL, failures = 0, retry_at = NULL,
    claimed_until = $5::timestamptz + $6::interval
WHERE id = $1
"""
_GIVE_UP = """
WITH given_up AS (
    UPDATE notification_deliveries SET state = 'failed', error = $3
    WHERE id = ANY($2::bigint[]) AND state = 'waiting' RETURNING id
)
UPDATE notification_targets SET
    failed_count = failed_count + (SELECT count(*) FROM given_up), last_error = $3, last_error_at = now()
WHERE id = $1
"""
_FAILED = """
WITH tried AS (
    UPDATE notification_deliveries SET attempts = attempts + 1, error = $3 WHERE id = ANY($2::bigint[]) AND state = 'waiting'
)
UPDATE notification_targets SET
    failures = failures + 1, failing_since = coalesce(failing_since, $4), last_error = $3, last_error_at = $4, retry_at = $5,
    claimed_until = NULL
WHERE id = $1
"""
_POSTPONE = (
    "UPDATE notification_deliveries SET due_at = $2 WHERE id = ANY($1::bigint[]) AND state = 'waiting'"
)
_RELEASE = "UPDATE notification_targets SET claimed_until = NULL WHERE id = $1"
_LISTENERS = "SELECT DISTINCT user_id FROM notification_targets WHERE enabled"
_BEGIN = """
INSERT INTO notification_conditions (user_id, key, notification)
SELECT given.* FROM unnest($1::uuid[], $2::text[], $3::json[]) AS given (user_id)
WHERE EXISTS (SELECT FROM users WHERE users.id = given.user_id)
ON CONFLICT (user_id, key) DO NOTHING RETURNING user_id, key
"""
_END = """
DELETE FROM notification_conditions AS c USING unnest($1::uuid[], $2::text[]) AS given (user_id, key)
WHERE c.user_id = given.user_id AND c.key = given.key RETURNING c.user_id, c.key
"""
_STATE = """
SELECT count(*) AS waiting, min(d.due_at) AS oldest,
       (SELECT count(*) FROM notification_deliveries WHERE state = 'failed' AND due_at > $1) AS failed
FROM notification_deliveries AS d JOIN notification_targets AS t ON t.id = d.target_id
WHERE d.state = 'waiting' AND t.enabled
"""
_FAILING = (
    "SELECT * FROM notification_targets WHERE enabled AND failing_since IS NOT NULL ORDER BY failing_since"
)
_FORGET_OLD = "DELETE FROM notifications WHERE at < $1"
_CUT = """
DELETE FROM notifications WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY at DESC) AS place FROM notifications
    ) AS of_all
    WHERE place > $1
)
"""


async def add_notifications(connection: Connection, notifications: Iterable[Notification]) -> None:
    """Keep what is to be told; what is known by its key stays as it is."""
    rows = [
        (
            one.id,
            one.user_id,
            one.agent_id,
            one.key,
            one.kind.value,
            one.level.value,
            one.title,
            one.text,
            orjson.dumps(dict(one.facts)).decode(),
            one.at,
        )
        for one in notifications
    ]
    if rows:
        await connection.execute(_ADD, *map(list, zip(*rows, strict=True)))


async def read_listeners(connection: Connection) -> frozenset[UserId]:
    """Return users with a target that is switched on."""
    return frozenset(UserId(row["user_id"]) for row in await connection.fetch(_LISTENERS))


class PostgresOutbox:
    """Implements `Outbox`."""

    def __init__(self, pool: Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def route(self, now: datetime) -> int:
        """Decide who is told of what is new. What nobody wants to be told is not kept."""
        with translated_errors("route notifications"):
            async with self._pool.acquire() as connection, connection.transaction():
                rows = await connection.fetch(_UNROUTED, _AT_ONCE)
                if not rows:
                    return 0
                users = list({row["user_id"] for row in rows})
                targets = [target_of(row) for row in await connection.fetch(_TARGETS, users)]
                found = [
                    (one.id, target.id, due_at(target.wishes, one.level, now))
                    for one in (notification_of(row, row["id"]) for row in rows)
                    for target in targets
                    if target.user_id == one.user_id and wants(target.wishes, one)
                ]
                if found:
                    await connection.execute(_ROUTE, *map(list, zip(*found, strict=True)))
                wanted = {notification for notification, _, _ in found}
                await connection.execute(_ROUTED, list(wanted))
                await connection.execute(_UNWANTED, [row["id"] for row in rows if row["id"] not in wanted])
                for target_id in {target for _, target, _ in found}:
                    await connection.execute(_CROWDED, target_id, MAX_WAITING, _TOO_MANY, now)
        return len(found)

    async def claim_due(self, now: datetime, channel: Channel, *, limit: int) -> Sequence[Target]:
        """Return targets for which something is due, and keep them from other workers for a moment."""
        with translated_errors("look what is to be delivered"):
            rows = await self._pool.fetch(_CLAIM, now, limit, CLAIMED_FOR, channel.value)
        return [target_of(row) for row in rows]

    async def due(self, target_id: UUID, now: datetime, *, limit: int) -> Sequence[Waiting]:
        """Return what is due at a target: what matters most first, then the oldest."""
        with translated_errors("read what is to be delivered"):
            rows = await self._pool.fetch(_DUE, target_id, now, limit)
        return [
            Waiting(
                id=row["delivery_id"],
                notification=notification_of(row, row["id"]),
                attempts=row["attempts"],
            )
            for row in rows
        ]

    async def sent_since(self, target_id: UUID, since: datetime) -> int:
        """Return how many messages went to a target."""
        with translated_errors("count messages"):
            return int(await self._pool.fetchval(_SENT_SINCE, target_id, since))

    async def sent(self, target_id: UUID, delivered: Sequence[Delivered]) -> None:
        """Note messages that came through, and keep the target for a while longer."""
        rows = [
            (id_, message_id, one.at)
            for one in delivered
            for message_id in [new_id()]
            for id_ in one.deliveries
        ]
        if not rows:
            return
        with translated_errors("note a delivery"):
            await self._pool.execute(
                _SENT, target_id, *map(list, zip(*rows, strict=True)), delivered[-1].at, CLAIMED_FOR
            )

    async def give_up(self, target_id: UUID, deliveries: Sequence[int], error: str) -> None:
        """Note that these will not be delivered."""
        with translated_errors("note a delivery"):
            await self._pool.execute(_GIVE_UP, target_id, list(deliveries), error)

    async def failed(
        self, target: Target, deliveries: Sequence[int], error: str, *, now: datetime, retry_at: datetime
    ) -> None:
        """Note that an attempt failed, and give the target back."""
        with translated_errors("note a delivery"):
            await self._pool.execute(_FAILED, target.id, list(deliveries), error, now, retry_at)

    async def postpone(self, deliveries: Sequence[int], due_at: datetime) -> None:
        """Let these wait."""
        with translated_errors("postpone a delivery"):
            await self._pool.execute(_POSTPONE, list(deliveries), due_at)

    async def release(self, target_id: UUID) -> None:
        """Give a claimed target back."""
        with translated_errors("note a delivery"):
            await self._pool.execute(_RELEASE, target_id)


class PostgresConditions:
    """Implements `ConditionStore`."""

    def __init__(self, pool: Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def ongoing(self) -> Sequence[Condition]:
        """Return what was told to have begun and not to be over."""
        with translated_errors("read what goes on"):
            rows = await self._pool.fetch("SELECT * FROM notification_conditions")
        return [_condition(row) for row in rows]

    async def change(
        self, begun: Sequence[Condition], over: Sequence[Condition], notifications: Sequence[Notification]
    ) -> None:
        """Remember what began and what is over, and keep what is to be told, all or nothing.

        What another engine has told to have begun, or to be over, is not told again.
        """
        with translated_errors("note what goes on"):
            async with self._pool.acquire() as connection, connection.transaction():
                new = await connection.fetch(
                    _BEGIN,
                    [one.user_id for one in begun],
                    [one.key for one in begun],
                    [_document(one.notification) for one in begun],
                )
                gone = await connection.fetch(_END, [one.user_id for one in over], [one.key for one in over])
                told = _known_already(begun, new) | {
                    f"over:{identity}" for identity in _known_already(over, gone)
                }
                await add_notifications(
                    connection,
                    [one for one in notifications if one.id not in told and one.key not in told],
                )

    async def state(self, now: datetime) -> OutboxState:
        """Return how it stands with what is to be delivered."""
        with translated_errors("read the state of notifications"):
            async with self._pool.acquire() as connection:
                row = await connection.fetchrow(_STATE, now - timedelta(days=1))
                failing = await connection.fetch(_FAILING)
                listeners = await read_listeners(connection)
        if row is None:
            raise AssertionError("an aggregate always returns one row")
        oldest = row["oldest"]
        return OutboxState(
            waiting=row["waiting"],
            overdue_seconds=max(0.0, (now - oldest).total_seconds()) if oldest is not None else 0.0,
            failed=row["failed"],
            failing=tuple(target_of(one) for one in failing),
            listeners=listeners,
        )


async def forget_old_notifications(pool: Pool[asyncpg.Record], now: datetime, days: int) -> int:
    """Delete what is older than so many days, and the oldest beyond `MOST_KEPT`; return how many. Raises `UnavailableError`."""
    with translated_errors("forget old notifications"):
        old = await pool.execute(_FORGET_OLD, now - timedelta(days=days))
        beyond = await pool.execute(_CUT, MOST_KEPT)
    return int(old.split()[1]) + int(beyond.split()[1])


def _known_already(conditions: Sequence[Condition], changed: Sequence[asyncpg.Record]) -> set[UUID | str]:
    """Return the notifications of conditions that another engine has changed before."""
    rows = {(row["user_id"], row["key"]) for row in changed}
    return {one.notification.id for one in conditions if (one.user_id, one.key) not in rows}


def _document(notification: Notification) -> str:
    return orjson.dumps(
        {
            "id": str(notification.id),
            "agent_id": str(notification.agent_id) if notification.agent_id is not None else None,
            "kind": notification.kind.value,
            "level": notification.level.value,
            "title": notification.title,
            "text": notification.text,
            "facts": dict(notification.facts),
            "at": notification.at.isoformat(),
        }
    ).decode()


def _condition(row: asyncpg.Record) -> Condition:
    told = orjson.loads(row["notification"])
    read = {
        **told,
        "user_id": row["user_id"],
        "key": f"begun:{told['id']}",
        "agent_id": UUID(told["agent_id"]) if told["agent_id"] is not None else None,
        "at": datetime.fromisoformat(told["at"]),
        "facts": orjson.dumps(told["facts"]),
    }
    return Condition(
        user_id=UserId(row["user_id"]),
        key=row["key"],
        notification=notification_of(read, UUID(told["id"])),
    )
