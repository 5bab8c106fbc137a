"""The Redis client of requests: somebody waits for the answer, so a server that does not give one is given up soon.

The client of background work may wait and try again; a request may not. Every command and every pipeline has one deadline for
all of it: the turn for a connection, connecting, sending, trying again, the answer. After one that was not kept, nobody waits
again for a while: of all commands one at a time tries, the others fail at once. What then happens is the caller's: sessions and
tickets are answered 503 (a refused login is better than a session nobody can end), limits of requests are counted by each process
for itself, health says it. Nothing about trading goes this way.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from nexgent.infrastructure.cache.connect import connect_redis
from nexgent.shared.clock import Clock

PATIENCE_SECONDS = 1.5
AWAY_SECONDS = 1.0
"""So long nobody waits for a server again that did not answer."""
# A broken connection is worth another try within the deadline. A server that does not answer is not.
_RETRIED: tuple[type[Any], ...] = (RedisConnectionError,)
_RETRIES = 3


class RedisAwayError(RedisConnectionError):
    """The server did not answer a moment ago."""


class Breaker:
    """Remembers that a server did not answer, so that one caller at a time finds out when it does again."""

    def __init__(self, clock: Clock, *, patience_seconds: float, away_seconds: float) -> None:
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._away_seconds = away_seconds
        self._silent = False
        self._next_try_at = -math.inf

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Let a command be tried in the block, while there is patience. Raises `RedisAwayError` at once if it is not its turn."""
        now = self._clock.monotonic()
        if now < self._next_try_at:
            raise RedisAwayError("Redis did not answer a moment ago")
        if self._silent:
            # This one tries for all.
            self._next_try_at = now + self._patience_seconds + self._away_seconds
        try:
            async with asyncio.timeout(self._patience_seconds):
                yield
        except (RedisConnectionError, RedisTimeoutError, OSError):
            self._silent = True
            self._next_try_at = self._clock.monotonic() + self._away_seconds
            raise
        except asyncio.CancelledError:
            # The caller gave up first: it is as unknown as before, and the next one may try.
            self._next_try_at = -math.inf
            raise
        except Exception:
            # An error is an answer.
            self._heard()
            raise
        self._heard()

    def _heard(self) -> None:
        self._silent = False
        self._next_try_at = -math.inf


class ImpatientRedis(Redis):
    """A client all of whose commands and pipelines pass its breaker. Publishing and subscribing is not for requests."""

    breaker: Breaker

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Return the answer of a command. Raises what the library raises, and `TimeoutError`."""
        async with self.breaker.attempt():
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # the library's.

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Return a pipeline that passes the breaker when it is executed."""
        made = _ImpatientPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.breaker = self.breaker
        return made


class _ImpatientPipeline(Pipeline):
    breaker: Breaker

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        async with self.breaker.attempt():
            return await super().execute(raise_on_error)


def connect_for_requests(
    redis_url: str,
    clock: Clock,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    away_seconds: float = AWAY_SECONDS,
) -> ImpatientRedis:
    """Return a client for what requests ask; nothing is connected yet. The caller closes it. Raises `InvalidRedisUrlError`."""
    pool = connect_redis(
        redis_url,
        command_timeout_seconds=patience_seconds,
        connect_timeout_seconds=patience_seconds,
        retry=Retry(ExponentialWithJitterBackoff(cap=0.2, base=0.02), _RETRIES, _RETRIED),
    ).connection_pool
    client = ImpatientRedis(connection_pool=pool)
    # The pool was made for this client; closing one closes the other.
    client.auto_close_connection_pool = True
    client.breaker = Breaker(clock, patience_seconds=patience_seconds, away_seconds=away_seconds)
    return client
