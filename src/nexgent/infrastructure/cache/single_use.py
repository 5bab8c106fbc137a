"""What may be used once, in Redis, where every process finds it: WebSocket tickets, links that log in."""

from __future__ import annotations

from datetime import timedelta
from typing import Generic, TypeVar

import msgspec
from redis.exceptions import RedisError

from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.shared.errors import UnavailableError

H = TypeVar("H")


class SingleUseStore(Generic[H]):
    """Holders by the hash of a secret, under one name, which Redis drops after their life.

    Commands have no deadline here: the client for requests has one. Where Redis does not answer, `unavailable` is raised.
    """

    def __init__(
        self, redis: ImpatientRedis, name: str, holder: type[H], unavailable: type[UnavailableError]
    ) -> None:
        self._redis = redis
        self._name = name
        self._holders = msgspec.json.Decoder(holder)
        self._unavailable = unavailable

    async def put(self, secret_hash: str, holder: H, lifetime: timedelta) -> None:
        """Keep a holder for so long."""
        kept = self._encoded(secret_hash, holder)
        try:
            await self._redis.set(self._name + secret_hash, kept, ex=lifetime)
        except (RedisError, OSError, TimeoutError) as error:
            raise self._unavailable from error

    async def take(self, secret_hash: str) -> H | None:
        """Return a holder and forget it, both in one transaction of the server."""
        name = self._name + secret_hash
        try:
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.get(name)
            pipeline.delete(name)
            found, _ = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise self._unavailable from error
        return None if found is None else self._decoded(secret_hash, found)

    def _encoded(self, _secret_hash: str, holder: H) -> bytes:
        return msgspec.json.encode(holder)

    def _decoded(self, _secret_hash: str, kept: bytes) -> H | None:
        try:
            return self._holders.decode(kept)
        except msgspec.MsgspecError:
            return None
