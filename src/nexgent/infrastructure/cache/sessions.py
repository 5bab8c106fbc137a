"""Sessions in Redis: valid refresh tokens and void access tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from redis.exceptions import RedisError

from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.texts import as_text
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import UserId

_SCAN_BATCH = 1000


class SessionsUnavailableError(UnavailableError):
    """Redis did not answer."""

    code = "SESSIONS_UNAVAILABLE"


class RedisSessionStore:
    """Implements `SessionStore`. Keys: `{prefix}refresh_token:{jti}` (the user's id) and `{prefix}blacklist:{jti}` ("1")."""

    def __init__(self, redis: ImpatientRedis, prefix: str) -> None:
        self._redis = redis
        self._refresh = f"{prefix}refresh_token:"
        self._blacklist = f"{prefix}blacklist:"

    async def add_refresh(self, token_id: str, user_id: UserId, lifetime: timedelta) -> None:
        """Make a refresh token valid."""
        with _translated_errors():
            await self._redis.set(self._refresh + token_id, str(user_id), ex=lifetime)

    async def refresh_owner(self, token_id: str) -> UserId | None:
        """Return whose valid refresh token this is."""
        with _translated_errors():
            owner = await self._redis.get(self._refresh + token_id)
        try:
            return UserId(UUID(as_text(owner))) if owner is not None else None
        except ValueError:
            return None

    async def remove_refresh(self, token_id: str) -> None:
        """Make a refresh token invalid."""
        with _translated_errors():
            await self._redis.delete(self._refresh + token_id)

    async def revoke_access(self, token_id: str, expires_at: int, now: datetime) -> None:
        """Remember until its expiry that an access token is void."""
        remaining = math.ceil(expires_at - now.timestamp())
        if remaining > 0:
            with _translated_errors():
                await self._redis.set(self._blacklist + token_id, "1", ex=remaining)

    async def revoked_access(self, now: datetime) -> Mapping[str, int]:
        """Return all void access tokens with their expiry. Walks the keys without blocking the server."""
        revoked: dict[str, int] = {}
        with _translated_errors():
            names = [
                name async for name in self._redis.scan_iter(match=self._blacklist + "*", count=_SCAN_BATCH)
            ]
            for start in range(0, len(names), _SCAN_BATCH):
                batch = names[start : start + _SCAN_BATCH]
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for name in batch:
                        pipeline.ttl(name)
                    lives = await pipeline.execute()
                for name, seconds in zip(batch, lives, strict=True):
                    if seconds > 0:
                        token_id = as_text(name).removeprefix(self._blacklist)
                        revoked[token_id] = int(now.timestamp()) + seconds
        return revoked


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise SessionsUnavailableError("Sessions are not available at present; try again shortly") from error
