"""The hourly job that stores what wallets are worth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import msgspec
import structlog
from arq import Retry, cron
from redis.asyncio import Redis

from nexgent.domain.performance.capture_snapshots import CaptureSnapshots
from nexgent.infrastructure.cache.connect import REDIS_OUTAGES
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.pool import SNAPSHOTS, close_pool, create_pool
from nexgent.infrastructure.database.stores.performance import JournalHistory, PostgresPerformance
from nexgent.infrastructure.queue.jobs import Context, JobServices
from nexgent.shared.clock import Clock, SystemClock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import TokenAddress

if TYPE_CHECKING:
    from arq.cron import CronJob
    from arq.typing import WorkerCoroutine

log = structlog.get_logger(__name__)

SNAPSHOT_JOB = "capture_snapshots"
TIMEOUT_SECONDS = 600
RETRY_SECONDS = 10
# With the pauses this covers the minutes in which the present still counts as the hour; the next hour catches up.
MAX_TRIES = 24
_READ_SECONDS = 5.0
_TOKENS_AT_ONCE = 500


class _Price(msgspec.Struct, rename="camel"):
    """What is read of a cached price."""

    price_sol: Decimal


_decoder = msgspec.json.Decoder(_Price)


class RedisLastPrices:
    """Implements `LastPrices`: the engine's newest accepted prices, as it mirrors them into Redis."""

    def __init__(self, redis: Redis, keys: CacheKeys) -> None:
        self._redis = redis
        self._keys = keys

    async def latest(self, tokens: Collection[TokenAddress]) -> Mapping[TokenAddress, Decimal]:
        """Return SOL per token for those tokens that have a price. Raises `UnavailableError`."""
        wanted = list(tokens)
        found: dict[TokenAddress, Decimal] = {}
        for start in range(0, len(wanted), _TOKENS_AT_ONCE):
            chunk = wanted[start : start + _TOKENS_AT_ONCE]
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    values = await self._redis.mget([self._keys.price(token) for token in chunk])
            except REDIS_OUTAGES as error:
                raise UnavailableError(
                    "The cache is not available at present: could not read prices"
                ) from error
            for token, value in zip(chunk, values, strict=True):
                price = _price(value)
                if price is not None:
                    found[token] = price
        return found


def _price(value: bytes | None) -> Decimal | None:
    if value is None:
        return None
    try:
        price = _decoder.decode(value).price_sol
    except msgspec.MsgspecError:
        return None
    return price if price.is_finite() and price > 0 else None


def snapshot_cron(
    database_url: str,
    *,
    keys: CacheKeys,
    clock: Clock | None = None,
    on_report: Callable[[int, int], None] | None = None,
) -> CronJob:
    """Return the cron job for `worker_settings(cron_jobs=...)`: two seconds past every hour, and when a worker starts.

    Any number of workers may have it: one of them runs it, and a second run finds nothing to do. `on_report` hears how many
    snapshots were stored and how many wallets failed.
    """
    moment = clock if clock is not None else SystemClock()

    async def capture(context: Context) -> int:
        services: JobServices | None = context.get("services")
        started = moment.monotonic()
        outcome = "failed"
        journal = PostgresJournal(database_url)
        pool = await create_pool(database_url, SNAPSHOTS)
        try:
            tables = PostgresPerformance(pool)
            report = await CaptureSnapshots(
                wallets=journal,
                history=JournalHistory(journal),
                prices=RedisLastPrices(context["redis"], keys),
                store=tables,
                clock=moment,
            ).execute()
            outcome = "success"
        except UnavailableError as error:
            outcome = "retry"
            log.warning("snapshots.delayed", error=type(error.__cause__ or error).__name__)
            raise Retry(RETRY_SECONDS) from error
        finally:
            if services is not None:
                services.observer.job(SNAPSHOT_JOB, outcome, moment.monotonic() - started)
            await close_pool(pool)
            await journal.close()
        stored = report.captured + report.reconstructed
        if on_report is not None:
            on_report(stored, report.failed)
        return stored

    return cron(
        cast("WorkerCoroutine", capture),
        name=SNAPSHOT_JOB,
        minute=0,
        second=2,
        run_at_startup=True,
        unique=True,
        timeout=timedelta(seconds=TIMEOUT_SECONDS),
        max_tries=MAX_TRIES,
        keep_result=0,
    )
