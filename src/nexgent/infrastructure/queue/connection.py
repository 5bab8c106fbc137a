"""Ways from a Redis URL to what arq wants."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from arq.connections import ArqRedis, RedisSettings
from redis.asyncio.retry import Retry
from redis.backoff import AbstractBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from nexgent.infrastructure.cache.connect import (
    RETRIED_ERRORS,
    InvalidRedisUrlError,
    check_redis_url,
    connect_redis,
)
from nexgent.infrastructure.queue.names import QUEUE_NAME, deserialize_job, serialize_job
from nexgent.shared.backoff import backoff_seconds

log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.04
_LONGEST_PAUSE_SECONDS = 0.5
_LOG_EVERY = 120
_FOREVER = -1


class _PatientBackoff(AbstractBackoff):
    """Grow to half a second, and say so in the log now and then."""

    def compute(self, failures: int) -> float:
        if failures == 1 or failures % _LOG_EVERY == 0:
            log.warning("queue.redis_away", attempts=failures)
        return backoff_seconds(failures, _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)


def arq_settings(redis_url: str) -> RedisSettings:
    """Return the settings of a worker's connection; it waits for a Redis that is away, however long that takes.

    Accepts `redis://`, `rediss://` and `unix:///path?db=0`. Raises `InvalidRedisUrlError`.
    """
    check_redis_url(redis_url)
    try:
        parts = urlsplit(redis_url)
        is_socket = parts.scheme == "unix"
        database = parse_qs(parts.query).get("db", [""])[0]
        if not database and not is_socket:
            database = parts.path.strip("/")
        return RedisSettings(
            host=unquote(parts.hostname) if parts.hostname and not is_socket else "localhost",
            port=(parts.port if not is_socket else None) or 6379,
            unix_socket_path=unquote(parts.path) if is_socket else None,
            database=int(database or 0),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            ssl=parts.scheme == "rediss",
            ssl_check_hostname=parts.scheme == "rediss",
            conn_timeout=2,
            retry=Retry(_PatientBackoff(), _FOREVER, RETRIED_ERRORS),
            retry_on_error=[RedisConnectionError],
        )
    except ValueError:
        raise InvalidRedisUrlError(
            "REDIS_URL cannot be read: redis://user:password@host:port/database or unix:///path?db=0"
        ) from None


def connect_queue(redis_url: str, *, waits: bool = False) -> ArqRedis:
    """Return a client of the queue; nothing is connected yet. The caller closes it.

    With `waits`, commands wait for a Redis that is away, however long that takes; one that is there but does not answer
    is an error after five seconds all the same.
    """
    retry = Retry(_PatientBackoff(), _FOREVER, RETRIED_ERRORS) if waits else None
    client = connect_redis(
        redis_url, max_connections=16 if waits else 4, command_timeout_seconds=5.0, retry=retry
    )
    queue = ArqRedis(
        pool_or_conn=client.connection_pool,
        default_queue_name=QUEUE_NAME,
        job_serializer=serialize_job,
        job_deserializer=deserialize_job,
    )
    # The pool was made for this client; closing one closes the other.
    queue.auto_close_connection_pool = True
    return queue
