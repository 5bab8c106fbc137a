"""Looking at the copies in Redis, dropping them, having them made again. Sessions, locks, limits and the queue stay untouched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from nexgent.domain.administration.cache_copies import CacheCounts
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror_marks import is_filled
from nexgent.infrastructure.cache.texts import as_text
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError

_BATCH = 500
_LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 5.0
"""Whoever trades notices within a second that its mark is gone, and fills Redis again."""


class CacheUnavailableError(UnavailableError):
    """Redis did not answer, or nobody filled it again in time."""

    code = "CACHE_UNAVAILABLE"


class RedisCopies:
    """Implements `CacheCopies`."""

    def __init__(self, redis: ImpatientRedis, keys: CacheKeys, clock: Clock) -> None:
        self._redis = redis
        self._keys = keys
        self._clock = clock

    @property
    def prefix(self) -> str:
        """What every key begins with."""
        return self._keys.prefix

    async def counts(self) -> CacheCounts:
        """Return how many copies there are. Raises `CacheUnavailableError`."""
        found = dict.fromkeys(("position", "balance", "config", "price"), 0)
        agents: set[str] = set()
        with _translated_errors():
            async for name in self._names():
                kind, _, rest = name.removeprefix(self._keys.prefix).partition(":")
                if kind in found:
                    found[kind] += 1
                elif kind == "agent" and not rest.endswith(":positions"):
                    agents.add(rest.partition(":")[0])
            active = int(await self._redis.scard(self._keys.active_agents()))  # type: ignore[misc]  # redis types both worlds.
        return CacheCounts(
            positions=found["position"],
            balances=found["balance"],
            configs=found["config"],
            prices=found["price"],
            agents=len(agents),
            active_agents=active,
        )

    async def clear(self) -> int:
        """Drop all copies; return how many there were. Raises `CacheUnavailableError`."""
        count = 0
        with _translated_errors():
            names = [name async for name in self._names()]
            for start in range(0, len(names), _BATCH):
                count += int(await self._redis.delete(*names[start : start + _BATCH]))
            count += int(await self._redis.delete(self._keys.active_agents()))
            # Without their marks, the processes that trade know that they are gone.
            await self._redis.delete(self._keys.mirror_boot(), self._keys.mirror_shards())
        return count

    async def warm(self) -> CacheCounts:
        """Have all copies written again, and return how many there are then. Raises `CacheUnavailableError`."""
        with _translated_errors():
            await self._redis.delete(self._keys.mirror_boot(), self._keys.mirror_shards())
            deadline = self._clock.monotonic() + PATIENCE_SECONDS
            while not is_filled(
                await self._redis.get(self._keys.mirror_boot()),
                await self._redis.hgetall(self._keys.mirror_shards()),  # type: ignore[misc]
            ):
                if self._clock.monotonic() > deadline:
                    raise CacheUnavailableError(
                        "Nobody has filled the cache again; is a process running that trades (see /api/v1/health)?"
                    )
                await asyncio.sleep(_LOOK_SECONDS)
        return await self.counts()

    async def _names(self) -> AsyncIterator[str]:
        for pattern in self._keys.mirrored_patterns():
            async for name in self._redis.scan_iter(match=pattern, count=_BATCH):
                yield as_text(name)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise CacheUnavailableError("The cache is not available at present; try again shortly") from error
