"""Redis clients. A command gives up after a moment; the client never does: the next command connects again."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from nexgent.shared.errors import InvalidInputError

SCHEMES = frozenset({"redis", "rediss", "unix"})
# What a command can raise because of the server or the way to it.
REDIS_OUTAGES: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)
# Refused and broken connections are operating-system errors while connecting, the library's own ones later.
RETRIED_ERRORS: tuple[type[Any], ...] = (RedisConnectionError, RedisTimeoutError, OSError)

_UNREADABLE = "REDIS_URL cannot be read: redis://user:password@host:port/database or unix:///path?db=0"


class InvalidRedisUrlError(InvalidInputError):
    """The Redis URL cannot be used. The message never contains the URL: it may hold a password."""

    code = "INVALID_REDIS_URL"


def connect_redis(
    redis_url: str,
    *,
    max_connections: int = 32,
    command_timeout_seconds: float = 3.0,
    connect_timeout_seconds: float = 2.0,
    retries: int = 3,
    retry: Retry | None = None,
) -> Redis:
    """Return a client of `redis://`, `rediss://` or `unix://`; nothing is connected yet. The caller closes it.

    When all connections are in use, a command waits for one. A command whose connection breaks is sent again a few times, so
    it may arrive twice: use it for commands that may. `retry` replaces this rule by another one. Raises `InvalidRedisUrlError`.
    """
    check_redis_url(redis_url)
    try:
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            redis_url,
            max_connections=max_connections,
            timeout=command_timeout_seconds,
            socket_timeout=command_timeout_seconds,
            socket_connect_timeout=connect_timeout_seconds,
            retry=retry or Retry(ExponentialWithJitterBackoff(cap=0.5, base=0.02), retries, RETRIED_ERRORS),
            retry_on_error=[RedisConnectionError],
            health_check_interval=30,
        )
    except ValueError:
        raise InvalidRedisUrlError(_UNREADABLE) from None
    return Redis.from_pool(pool)


def check_redis_url(redis_url: str) -> None:
    """Raise `InvalidRedisUrlError` unless it is an address of a kind that we speak."""
    try:
        scheme = urlsplit(redis_url).scheme
        _ = urlsplit(redis_url).port
    except ValueError:
        raise InvalidRedisUrlError(_UNREADABLE) from None
    if scheme not in SCHEMES:
        raise InvalidRedisUrlError("REDIS_URL must start with redis://, rediss:// or unix://")


def stop_if_cancelled() -> None:
    """Raise `CancelledError` when this task was cancelled and somebody below swallowed it.

    Cancelling a redis-py command at the moment in which its connection recovers can get lost. A loop that calls this each
    time round still ends.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
