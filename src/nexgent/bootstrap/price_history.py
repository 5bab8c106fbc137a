"""Recording prices, in the worker: it hears what the engine tells its replicas, so the price loop does nothing more for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from nexgent.bootstrap.storage import Storage
from nexgent.config.sections import PriceSettings
from nexgent.config.settings import Settings
from nexgent.domain.price_history.line_recorder import LINES_SECONDS, LineRecorder
from nexgent.domain.price_history.recorder import FLUSH_SECONDS, PriceRecorder
from nexgent.domain.price_history.source_recorder import SourceRecorder
from nexgent.domain.prices.events import PricesChanged, SourcesHeard
from nexgent.infrastructure.cache.bridge import EventBridge
from nexgent.infrastructure.cache.connect import connect_redis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.database.pool import PRICE_HISTORY, LazyPool
from nexgent.infrastructure.database.stores.price_history import PostgresPriceRecords
from nexgent.infrastructure.queue.retention import PriceHistoryKept
from nexgent.shared.clock import SystemClock
from nexgent.shared.loops import keep_running, run_every

log = structlog.get_logger(__name__)


def kept_prices(prices: PriceSettings) -> PriceHistoryKept:
    """Return how long prices are kept."""
    return PriceHistoryKept(
        seconds=timedelta(hours=prices.history_seconds_hours),
        minutes=timedelta(days=prices.history_minutes_days),
        hours=timedelta(days=prices.history_hours_days),
    )


async def record_prices(settings: Settings, storage: Storage) -> None:
    """Record until cancelled, and write the rest then."""
    kept = kept_prices(settings.prices)
    if not any((kept.seconds, kept.minutes, kept.hours)):
        return
    clock = SystemClock()
    pool = LazyPool(storage.database_url, PRICE_HISTORY)
    redis = connect_redis(storage.redis_url, max_connections=2)
    records = PostgresPriceRecords(pool)
    lines = LineRecorder(store=records, clock=clock)
    recorder = PriceRecorder(
        store=records,
        seconds=bool(kept.seconds),
        minutes=bool(kept.minutes),
        hours=bool(kept.hours),
    )
    sources = SourceRecorder(store=records)

    def hear(event: object) -> None:
        if isinstance(event, PricesChanged):
            recorder.on_prices(event)
        elif isinstance(event, SourcesHeard) and kept.minutes:
            sources.on_sources(event)

    async def flush() -> None:
        await recorder.flush()
        await sources.flush()

    bridge = EventBridge(
        redis=redis,
        keys=CacheKeys(settings.storage.redis_key_prefix),
        publish=hear,
        clock=clock,
        channels=frozenset({"prices", "sources"}),
    )
    hearing = asyncio.create_task(
        keep_running(bridge.receive_forever, name="price-history.hear"), name="price-history.hear"
    )
    looking = asyncio.create_task(
        run_every(LINES_SECONDS, lines.look, name="price-history.lines", clock=clock),
        name="price-history.lines",
    )
    try:
        await run_every(FLUSH_SECONDS, flush, name="price-history", clock=clock)
    finally:
        hearing.cancel()
        looking.cancel()
        await asyncio.wait([hearing, looking], timeout=1.0)
        await flush()
        await pool.close()
        await redis.aclose()
