"""Users and API keys in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from nexgent.domain.users.models import ApiKey, User, UserOverview
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import users as sql
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import UserId


class PostgresUserRepository:
    """Implements `UserRepository`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def get(self, user_id: UserId) -> User | None:
        """Return a user."""
        with translated_errors("read users"):
            return _user(await self._pool.fetchrow(sql.GET, user_id))

    async def any(self) -> bool:
        """Tell whether there is any user at all."""
        with translated_errors("read users"):
            return bool(await self._pool.fetchval(sql.ANY))

    async def find_by_email(self, email: str) -> User | None:
        """Return the user with that lower-case address."""
        with translated_errors("read users"):
            return _user(await self._pool.fetchrow(sql.FIND, email))

    async def add(self, user: User) -> bool:
        """Store a new user; False when the address is taken."""
        with translated_errors("store a user"):
            done = await self._pool.execute(
                sql.ADD,
                user.id,
                user.email,
                user.password_hash,
                user.created_at,
                user.failed_login_attempts,
                user.locked_until,
                user.seeded,
            )
        return done == "INSERT 0 1"

    async def only_one(self) -> UserId | None:
        """Return the user when there is exactly one."""
        with translated_errors("read users"):
            rows = await self._pool.fetch(sql.FIRST_TWO)
        return UserId(rows[0]["id"]) if len(rows) == 1 else None

    async def set_password(self, user_id: UserId, password_hash: str, now: datetime) -> None:
        """Replace the password, lift a lock, and end all sessions that began before."""
        with translated_errors("store a password"):
            await self._pool.execute(sql.RENEW, user_id, password_hash, now)

    async def change_password(self, user_id: UserId, password_hash: str, now: datetime) -> None:
        """Replace the password as its user wants, and end all sessions that began before."""
        with translated_errors("store a password"):
            await self._pool.execute(sql.CHANGE, user_id, password_hash, now)

    async def close(self, user_id: UserId, now: datetime) -> None:
        """Take away the password, the sessions, the API keys and the webhooks of a user."""
        with translated_errors("close an account"):
            await self._pool.execute(sql.CLOSE, user_id, now)

    async def list(
        self, *, limit: int, offset: int = 0, after: PageCursor[UserId] | None = None
    ) -> Sequence[UserOverview]:
        """Return users with what they have, newest first."""
        rows = await sql.OVERVIEW.fetch(self._pool, None, limit=limit, offset=offset, after=after)
        return [UserOverview(**dict(row)) for row in rows]

    async def adopt(self, user_id: UserId, now: datetime) -> None:
        """Make a registered user one of the settings; whatever acts for them from before ends."""
        with translated_errors("take over a user"):
            await self._pool.execute(sql.ADOPT, user_id, now)

    async def sessions_from(self) -> Mapping[UserId, datetime]:
        """Return from when on sessions count, for users whose earlier ones were ended."""
        with translated_errors("read users"):
            rows = await self._pool.fetch(sql.SESSIONS_FROM)
        return {UserId(row["id"]): row["sessions_from"] for row in rows}

    async def gone(self, users: Collection[UserId]) -> Collection[UserId]:
        """Return which of them are no users any more."""
        if not users:
            return ()
        with translated_errors("look for users"):
            rows = await self._pool.fetch(sql.KNOWN, list(users))
        return set(users) - {UserId(row["id"]) for row in rows}


class PostgresApiKeyStore:
    """Implements `ApiKeyStore`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with that hash."""
        with translated_errors("look up an API key"):
            row = await self._pool.fetchrow(sql.FIND_KEY, key_hash)
        if row is None:
            return None
        return ApiKey(
            id=row["id"],
            user_id=UserId(row["user_id"]),
            scopes=frozenset(row["scopes"] or ()),
            expires_at=row["expires_at"],
        )


def _user(row: asyncpg.Record | None) -> User | None:
    return User(**dict(row)) if row is not None else None
