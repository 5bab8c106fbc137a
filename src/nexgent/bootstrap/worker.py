"""The worker process: projections, notifications and whatever else may be late."""

from __future__ import annotations

import asyncio
import signal

import structlog

from nexgent.bootstrap.garbage_collection import tune_garbage_collection
from nexgent.bootstrap.log_levels import follow_log_levels
from nexgent.bootstrap.notifications import run_notifications
from nexgent.bootstrap.price_history import kept_prices, record_prices
from nexgent.bootstrap.storage import open_storage
from nexgent.config.settings import Settings
from nexgent.domain.trading.rules.simulation_costs import REFERENCE_COSTS, SimulationCosts
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.database.driver_arrays import install_array_types
from nexgent.infrastructure.database.ids import install_driver_ids
from nexgent.infrastructure.database.schema.migration import migrate
from nexgent.infrastructure.queue.parts import parts_cron
from nexgent.infrastructure.queue.retention import retention_cron
from nexgent.infrastructure.queue.shadow import shadow_cron
from nexgent.infrastructure.queue.snapshots import snapshot_cron
from nexgent.infrastructure.queue.sums import sums_cron
from nexgent.infrastructure.queue.worker import run_worker as run_arq
from nexgent.infrastructure.queue.worker import worker_settings
from nexgent.shared.loops import cancel_all, keep_running
from nexgent.shared.money import install_decimal_context

log = structlog.get_logger(__name__)

LONGEST_STOP_SECONDS = 20
"""Longer than an orderly end takes while servers are away; what is left undone then is done again by the next worker."""
LONGEST_LAST_WRITE_SECONDS = 5
"""What was heard of prices is written at the end as well, unless the database is away."""


async def run_worker(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM."""
    install_decimal_context()
    install_driver_ids()
    install_array_types()
    async with open_storage(settings.storage, join_running=True) as storage:
        await migrate(storage.database_url)
        working = asyncio.create_task(
            run_arq(
                worker_settings(
                    storage.database_url,
                    storage.redis_url,
                    cron_jobs=(
                        snapshot_cron(
                            storage.database_url, keys=CacheKeys(settings.storage.redis_key_prefix)
                        ),
                        retention_cron(
                            storage.database_url,
                            audit_days=settings.logging.audit_retention_days,
                            notification_days=settings.notifications.keep_days,
                            prices=kept_prices(settings.prices),
                        ),
                        sums_cron(storage.database_url),
                        parts_cron(storage.database_url),
                        shadow_cron(
                            storage.database_url,
                            SimulationCosts() if settings.trading.simulation_costs else REFERENCE_COSTS,
                        ),
                    ),
                )
            )
        )
        recording = asyncio.create_task(record_prices(settings, storage), name="price-history")
        following = asyncio.create_task(follow_log_levels(settings, storage), name="log-levels")
        telling = asyncio.create_task(
            keep_running(lambda: run_notifications(settings, storage), name="notifications"),
            name="notifications",
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _end, working)
        # A batch of entries is tens of thousands of objects that all live until it is written.
        tune_garbage_collection()
        log.info("worker.ready")
        await asyncio.gather(working, return_exceptions=True)
        # Asked once: the second time would interrupt its last write.
        await cancel_all(
            [recording, telling, following],
            again_seconds=LONGEST_LAST_WRITE_SECONDS,
            longest_seconds=LONGEST_LAST_WRITE_SECONDS,
        )
    log.info("worker.stopped")


def _end(working: asyncio.Task[None]) -> None:
    # A library that swallows the cancelling would keep the process for ever, and with it the data folder of a service that died.
    signal.alarm(LONGEST_STOP_SECONDS)
    working.cancel()
