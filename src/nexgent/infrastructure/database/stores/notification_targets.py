"""Targets of notifications in PostgreSQL. Addresses are encrypted with the installation's own secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import orjson

from nexgent.domain.notifications.models import (
    Address,
    Channel,
    Delivery,
    DeliveryState,
    EventKind,
    Level,
    NewTarget,
    Notification,
    QuietHours,
    Target,
    Wishes,
)
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import notifications as sql
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.types import AgentId, UserId


class PostgresTargets:
    """Implements `TargetRepository`. Without a sealer (a worker that was given no secret) no address can be read."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], sealer: Sealer | None) -> None:
        self._pool = pool
        self._sealer = sealer

    async def add(self, new: NewTarget) -> None:
        """Store a target and its address."""
        target = new.target
        with translated_errors("store a target of notifications"):
            await self._pool.execute(
                sql.ADD,
                target.id,
                target.user_id,
                target.name,
                target.channel.value,
                self._sealed(new),
                target.shown,
                wishes_json(target.wishes),
                target.enabled,
                target.created_at,
                target.updated_at,
            )

    async def of_user(self, user_id: UserId) -> Sequence[Target]:
        """Return a user's targets, newest first."""
        with translated_errors("read targets of notifications"):
            return [target_of(row) for row in await self._pool.fetch(sql.OF_USER, user_id)]

    async def find(self, target_id: UUID) -> Target | None:
        """Return a target."""
        with translated_errors("read a target of notifications"):
            row = await self._pool.fetchrow(sql.FIND, target_id)
        return target_of(row) if row is not None else None

    async def address_of(self, target_id: UUID) -> Address | None:
        """Return where messages go; None when it is gone, or the installation's secret was changed since."""
        with translated_errors("read a target of notifications"):
            sealed = await self._pool.fetchval(sql.SEALED, target_id)
        if sealed is None or self._sealer is None:
            return None
        opened = self._sealer.open(target_id.bytes, sealed)
        return Address(**orjson.loads(opened)) if opened is not None else None

    async def save(self, target: Target) -> bool:
        """Store what its owner can change."""
        with translated_errors("store a target of notifications"):
            done = await self._pool.execute(
                sql.SAVE,
                target.id,
                target.name,
                wishes_json(target.wishes),
                target.enabled,
                target.updated_at,
            )
        return bool(done == "UPDATE 1")

    async def set_address(self, new: NewTarget) -> bool:
        """Replace the address."""
        with translated_errors("store a target of notifications"):
            done = await self._pool.execute(sql.SEAL, new.target.id, self._sealed(new), new.target.shown)
        return bool(done == "UPDATE 1")

    async def well(self, target_id: UUID) -> None:
        """Note that a target takes messages."""
        with translated_errors("store a target of notifications"):
            await self._pool.execute(sql.WELL, target_id)

    async def remove(self, target_id: UUID, user_id: UserId) -> bool:
        """Delete a target of that user."""
        with translated_errors("delete a target of notifications"):
            return bool(await self._pool.execute(sql.REMOVE, target_id, user_id) == "DELETE 1")

    async def deliveries(
        self,
        user_id: UserId,
        *,
        limit: int,
        offset: int = 0,
        before: int | None = None,
        target_id: UUID | None = None,
    ) -> Sequence[Delivery]:
        """Return what was or will be delivered, newest first."""
        with translated_errors("read deliveries"):
            rows = await self._pool.fetch(sql.DELIVERIES, user_id, before, target_id, limit, offset)
        return [_delivery(row) for row in rows]

    def _sealed(self, new: NewTarget) -> bytes:
        if self._sealer is None:
            raise AssertionError("whoever stores targets has the secret they are encrypted with")
        content = orjson.dumps({"url": new.address.url, "secret": new.address.secret})
        return self._sealer.seal(new.target.id.bytes, content)


def target_of(row: asyncpg.Record) -> Target:
    """Return the target of a row, which may have more columns."""
    names = (field for field in Target.__dataclass_fields__ if field not in {"wishes", "channel"})
    values: dict[str, Any] = {name: row[name] for name in names}
    return Target(**values, channel=Channel(row["channel"]), wishes=_wishes(orjson.loads(row["wishes"])))


def notification_of(row: Mapping[str, Any] | asyncpg.Record, notification_id: UUID) -> Notification:
    """Return the notification of a row."""
    return Notification(
        id=notification_id,
        user_id=UserId(row["user_id"]),
        key=row["key"],
        kind=EventKind(row["kind"]),
        level=Level(row["level"]),
        title=row["title"],
        text=row["text"],
        at=row["at"],
        agent_id=AgentId(row["agent_id"]) if row["agent_id"] is not None else None,
        facts=orjson.loads(row["facts"]),
    )


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(
        id=row["id"],
        notification=notification_of(row, row["notification_id"]),
        target_id=row["target_id"],
        target_name=row["target_name"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        due_at=row["due_at"],
        sent_at=row["sent_at"],
        error=row["error"],
    )


def wishes_json(wishes: Wishes) -> str:
    """Return wishes as they are stored."""
    quiet = wishes.quiet
    document = {
        "events": sorted(wishes.events) if wishes.events is not None else None,
        "minLevel": wishes.min_level.value,
        "agents": sorted(str(agent) for agent in wishes.agents) if wishes.agents is not None else None,
        "quiet": [quiet.start_minute, quiet.end_minute, quiet.zone] if quiet is not None else None,
        "digestSeconds": wishes.digest_seconds,
    }
    return msgspec.json.encode(document).decode()


def _wishes(document: dict[str, Any]) -> Wishes:
    events, agents, quiet = document["events"], document["agents"], document["quiet"]
    return Wishes(
        events=frozenset(EventKind(one) for one in events) if events is not None else None,
        min_level=Level(document["minLevel"]),
        agents=frozenset(AgentId(UUID(one)) for one in agents) if agents is not None else None,
        quiet=QuietHours(*quiet) if quiet is not None else None,
        digest_seconds=document["digestSeconds"],
    )
