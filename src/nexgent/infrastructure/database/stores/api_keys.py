"""API keys of users in PostgreSQL: names, prefixes and hashes, never a key."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from nexgent.domain.users.api_keys import ApiKeyRecord
from nexgent.domain.users.errors import UserNotFoundError
from nexgent.domain.users.models import Scope
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.shared.types import UserId

_COLUMNS = "id, user_id, name, key_prefix, scopes, created_at, expires_at"
_ADD = """
INSERT INTO api_keys (id, user_id, name, key_hash, key_prefix, scopes, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
# Keys made at the same moment wait for each other here, so that each sees the ones before.
_OWNER = "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE"
_COUNT = "SELECT count(*) FROM api_keys WHERE user_id = $1"
_OF_USER = f"SELECT {_COLUMNS} FROM api_keys WHERE user_id = $1 ORDER BY created_at DESC, id DESC"  # noqa: S608 -- fixed text  # nosec B608
_GET = f"SELECT {_COLUMNS} FROM api_keys WHERE id = $1 AND user_id = $2"  # noqa: S608 -- fixed text  # nosec B608
_DELETE = "DELETE FROM api_keys WHERE id = $1 AND user_id = $2"
_SCOPES = frozenset(Scope)


class PostgresApiKeyRepository:
    """Implements `ApiKeyRepository`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def add(self, record: ApiKeyRecord, key_hash: str, *, most: int) -> bool:
        """Store a new key; False when its user has the most. Raises `UserNotFoundError` when its owner is gone."""
        with translated_errors("store an API key"):
            async with self._pool.acquire() as connection, connection.transaction():
                if await connection.fetchval(_OWNER, record.user_id) is None:
                    raise UserNotFoundError
                if await connection.fetchval(_COUNT, record.user_id) >= most:
                    return False
                await connection.execute(
                    _ADD,
                    record.id,
                    record.user_id,
                    record.name,
                    key_hash,
                    record.prefix,
                    [scope.value for scope in record.scopes],
                    record.created_at,
                    record.expires_at,
                )
        return True

    async def of_user(self, user_id: UserId) -> Sequence[ApiKeyRecord]:
        """Return a user's keys, newest first."""
        with translated_errors("read API keys"):
            return [_record(row) for row in await self._pool.fetch(_OF_USER, user_id)]

    async def get(self, key_id: UUID, user_id: UserId) -> ApiKeyRecord | None:
        """Return a key of that user."""
        with translated_errors("read an API key"):
            row = await self._pool.fetchrow(_GET, key_id, user_id)
        return _record(row) if row is not None else None

    async def delete(self, key_id: UUID, user_id: UserId) -> bool:
        """Remove a key of that user; tell whether it was there."""
        with translated_errors("delete an API key"):
            return await self._pool.execute(_DELETE, key_id, user_id) == "DELETE 1"


def _record(row: asyncpg.Record) -> ApiKeyRecord:
    return ApiKeyRecord(
        id=row["id"],
        user_id=UserId(row["user_id"]),
        name=row["name"],
        prefix=row["key_prefix"],
        # A scope of another version means nothing here and is not shown.
        scopes=tuple(Scope(name) for name in row["scopes"] or () if name in _SCOPES),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
