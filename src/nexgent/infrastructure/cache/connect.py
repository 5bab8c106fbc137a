"""Redis clients. A command gives up after a moment; the client never does: the next command connects again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.connection import HiredisRespSerializer
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
    # The URL decides on the kind of connection, so it is exchanged afterwards.
    pool.connection_class = _PACKING[pool.connection_class]
    return Redis.from_pool(pool)


class _Packing:
    """Packs commands with hiredis, which unpacks the answers anyhow.

    The library does so for connections that block only; its asynchronous ones pack in Python, an argument at a time, which took
    longer than making what a burst copies.
    """

    _serializer = HiredisRespSerializer()

    def pack_command(self, *args: Any) -> list[bytes]:
        """Return a command as it is sent."""
        packed: list[bytes] = self._serializer.pack(*args)
        return packed

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]:
        """Return commands as they are sent one after the other."""
        return [b"".join(part for command in commands for part in self.pack_command(*command))]


class _PackingConnection(_Packing, Connection):
    pass


class _PackingSSLConnection(_Packing, SSLConnection):
    pass


class _PackingUnixConnection(_Packing, UnixDomainSocketConnection):
    pass


_PACKING: Mapping[type[Any], type[Any]] = {
    Connection: _PackingConnection,
    SSLConnection: _PackingSSLConnection,
    UnixDomainSocketConnection: _PackingUnixConnection,
}


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
