"""API keys of users in PostgreSQL: names, prefixes and hashes, never a key."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from nexgent.domain.users.api_keys import ApiKeyRecord
from nexgent.domain.users.errors import UserNotFoundError
from nexgent.domain.users.models import Scope
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import api_keys as sql
from nexgent.shared.types import UserId

_SCOPES = frozenset(Scope)


class PostgresApiKeyRepository:
    """Implements `ApiKeyRepository`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def add(self, record: ApiKeyRecord, key_hash: str, *, most: int) -> bool:
        """Store a new key; False when its user has the most. Raises `UserNotFoundError` when its owner is gone."""
        with translated_errors("store an API key"):
            async with self._pool.acquire() as connection, connection.transaction():
                if await connection.fetchval(sql.OWNER, record.user_id) is None:
                    raise UserNotFoundError
                if await connection.fetchval(sql.COUNT, record.user_id) >= most:
                    return False
                await connection.execute(
                    sql.ADD,
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
            return [_record(row) for row in await self._pool.fetch(sql.OF_USER, user_id)]

    async def get(self, key_id: UUID, user_id: UserId) -> ApiKeyRecord | None:
        """Return a key of that user."""
        with translated_errors("read an API key"):
            row = await self._pool.fetchrow(sql.GET, key_id, user_id)
        return _record(row) if row is not None else None

    async def delete(self, key_id: UUID, user_id: UserId) -> bool:
        """Remove a key of that user; tell whether it was there."""
        with translated_errors("delete an API key"):
            return await self._pool.execute(sql.DELETE, key_id, user_id) == "DELETE 1"


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
