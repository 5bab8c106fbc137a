"""Sessions in PostgreSQL: no token is here, only the names of refresh tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from nexgent.domain.users.origin import Origin
from nexgent.domain.users.session_records import SessionRecord
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import sessions as sql
from nexgent.shared.types import UserId


class PostgresSessionRecords:
    """Implements `SessionRecords`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def add(self, record: SessionRecord) -> None:
        """Write down a new session."""
        with translated_errors("store a session"):
            await self._pool.execute(
                sql.ADD,
                record.id,
                record.user_id,
                record.created_at,
                record.last_used_at,
                record.expires_at,
                record.address,
                record.user_agent,
                record.token_id,
            )

    async def get(self, session_id: str, user_id: UserId) -> SessionRecord | None:
        """Return a session of that user."""
        with translated_errors("read sessions"):
            row = await self._pool.fetchrow(sql.GET, session_id, user_id)
        return _record(row) if row is not None else None

    async def use(self, session_id: str, origin: Origin, now: datetime) -> None:
        """Note that a session was used, and from where."""
        with translated_errors("note the use of a session"):
            await self._pool.execute(
                sql.USE, session_id, now, origin.address, origin.user_agent, origin.network
            )

    async def rotate(self, session_id: str, token_id: str, new_token_id: str, now: datetime) -> bool:
        """Put a refresh token in the place of another."""
        with translated_errors("change a refresh token"):
            return await self._pool.execute(sql.ROTATE, session_id, token_id, new_token_id, now) == "UPDATE 1"

    async def of_user(self, user_id: UserId, now: datetime) -> Sequence[SessionRecord]:
        """Return the sessions of a user that go on, the one used last first."""
        with translated_errors("read sessions"):
            return [_record(row) for row in await self._pool.fetch(sql.OF_USER, user_id, now)]

    async def end(
        self, user_id: UserId, now: datetime, *, only: str | None = None, but: str | None = None
    ) -> Sequence[SessionRecord]:
        """End sessions of a user; return those that had not ended before."""
        with translated_errors("end sessions"):
            return [_record(row) for row in await self._pool.fetch(sql.END, user_id, now, only, but)]

    async def ended(self, now: datetime) -> Mapping[str, int]:
        """Return the ids of sessions that were ended before their time, with when that would have been."""
        with translated_errors("read sessions"):
            rows = await self._pool.fetch(sql.ENDED, now)
        return {row["id"]: int(row["expires_at"].timestamp()) for row in rows}


async def forget_old_sessions(pool: asyncpg.Pool[asyncpg.Record], now: datetime) -> int:
    """Delete sessions whose time is over; return how many."""
    with translated_errors("delete old sessions"):
        done = await pool.execute(sql.FORGET_OLD, now)
    return int(done.split()[-1])


def _record(row: asyncpg.Record) -> SessionRecord:
    return SessionRecord(**{**dict(row), "user_id": UserId(row["user_id"])})
