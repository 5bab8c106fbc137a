"""Users and API keys in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import asyncpg

from nexgent.domain.users.models import ApiKey, User
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.shared.types import UserId

_COLUMNS = """
id, email, password_hash, created_at, failed_login_attempts, locked_until, seeded, sessions_from, seeded_password_hash
"""
_GET = f"SELECT {_COLUMNS} FROM users WHERE id = $1"  # noqa: S608 -- fixed text  # nosec B608
_FIND = f"SELECT {_COLUMNS} FROM users WHERE email = $1"  # noqa: S608 -- fixed text  # nosec B608
_ADD = """
INSERT INTO users (id, email, password_hash, created_at, failed_login_attempts, locked_until, seeded)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (email) DO NOTHING
"""
# Whoever was locked out by others, or by old passwords, starts anew.
_RENEW = """
WITH renewed AS (
  UPDATE users SET password_hash = $2, seeded_password_hash = NULL, failed_login_attempts = 0, locked_until = NULL,
    sessions_from = $3
  WHERE id = $1
  RETURNING email)
DELETE FROM login_attempts WHERE account IN (SELECT sha256(convert_to(email, 'UTF8')) FROM renewed)
"""
# What the settings gave is remembered, so that the next start does not put it back.
_CHANGE = """
UPDATE users SET password_hash = $2, sessions_from = $3,
  seeded_password_hash = CASE WHEN seeded THEN coalesce(seeded_password_hash, password_hash) END
WHERE id = $1
"""
# Everything by which somebody else could act for the account.
_ADOPT = """
WITH adopted AS (UPDATE users SET seeded = true WHERE id = $1 RETURNING id),
  keys AS (DELETE FROM api_keys WHERE user_id IN (SELECT id FROM adopted)),
  webhooks AS (DELETE FROM signal_webhooks WHERE user_id IN (SELECT id FROM adopted)),
  networks AS (DELETE FROM login_networks WHERE user_id IN (SELECT id FROM adopted))
UPDATE user_sessions SET ended_at = $2 WHERE user_id IN (SELECT id FROM adopted) AND ended_at IS NULL
"""
_FIRST_TWO = "SELECT id FROM users LIMIT 2"
_SESSIONS_FROM = "SELECT id, sessions_from FROM users WHERE sessions_from IS NOT NULL"
_FIND_KEY = "SELECT id, user_id, scopes, expires_at FROM api_keys WHERE key_hash = $1"


class PostgresUserRepository:
    """Implements `UserRepository`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def get(self, user_id: UserId) -> User | None:
        """Return a user."""
        with translated_errors("read users"):
            return _user(await self._pool.fetchrow(_GET, user_id))

    async def any(self) -> bool:
        """Tell whether there is any user at all."""
        with translated_errors("read users"):
            return bool(await self._pool.fetchval("SELECT EXISTS (SELECT FROM users)"))

    async def find_by_email(self, email: str) -> User | None:
        """Return the user with that lower-case address."""
        with translated_errors("read users"):
            return _user(await self._pool.fetchrow(_FIND, email))

    async def add(self, user: User) -> bool:
        """Store a new user; False when the address is taken."""
        with translated_errors("store a user"):
            done = await self._pool.execute(
                _ADD,
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
            rows = await self._pool.fetch(_FIRST_TWO)
        return UserId(rows[0]["id"]) if len(rows) == 1 else None

    async def set_password(self, user_id: UserId, password_hash: str, now: datetime) -> None:
        """Replace the password, lift a lock, and end all sessions that began before."""
        with translated_errors("store a password"):
            await self._pool.execute(_RENEW, user_id, password_hash, now)

    async def change_password(self, user_id: UserId, password_hash: str, now: datetime) -> None:
        """Replace the password as its user wants, and end all sessions that began before."""
        with translated_errors("store a password"):
            await self._pool.execute(_CHANGE, user_id, password_hash, now)

    async def adopt(self, user_id: UserId, now: datetime) -> None:
        """Make a registered user one of the settings; whatever acts for them from before ends."""
        with translated_errors("take over a user"):
            await self._pool.execute(_ADOPT, user_id, now)

    async def sessions_from(self) -> Mapping[UserId, datetime]:
        """Return from when on sessions count, for users whose earlier ones were ended."""
        with translated_errors("read users"):
            rows = await self._pool.fetch(_SESSIONS_FROM)
        return {UserId(row["id"]): row["sessions_from"] for row in rows}

    async def gone(self, users: Collection[UserId]) -> Collection[UserId]:
        """Return which of them are no users any more."""
        if not users:
            return ()
        with translated_errors("look for users"):
            rows = await self._pool.fetch("SELECT id FROM users WHERE id = ANY($1::uuid[])", list(users))
        return set(users) - {UserId(row["id"]) for row in rows}


class PostgresApiKeyStore:
    """Implements `ApiKeyStore`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with that hash."""
        with translated_errors("look up an API key"):
            row = await self._pool.fetchrow(_FIND_KEY, key_hash)
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
