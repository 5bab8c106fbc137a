"""The worker records what landed trades would have brought on paper. Late or twice does no harm, and no trade waits for it."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import structlog
from arq import cron
from arq.cron import CronJob
from arq.typing import WorkerCoroutine

from nexgent.domain.trading.rules.simulation_costs import SimulationCosts
from nexgent.infrastructure.database.pool import SHADOWS, close_pool, create_pool
from nexgent.infrastructure.database.stores.shadow import PostgresShadowFills
from nexgent.infrastructure.external.jupiter.shadow import shadow_of
from nexgent.infrastructure.queue.jobs import Context
from nexgent.shared.errors import UnavailableError

log = structlog.get_logger(__name__)

SHADOW_JOB = "record_shadow_fills"
EVERY_SECONDS = 10
TIMEOUT_SECONDS = 60
BATCH = 200


def shadow_cron(database_url: str, costs: SimulationCosts) -> CronJob:
    """Return the cron job for `worker_settings(cron_jobs=...)`. Any number of workers may have it."""

    async def record(_: Context) -> int:
        try:
            pool = await create_pool(database_url, SHADOWS)
        except OSError:
            return 0
        try:
            store = PostgresShadowFills(pool)
            found = [shadow_of(trade, costs) for trade in await store.landed(BATCH)]
            fills = [fill for fill in found if fill is not None]
            if fills:
                await store.add(fills)
        except UnavailableError as error:
            # The next run finds the same again.
            log.warning("shadow.postponed", code=error.code)
            return 0
        finally:
            await close_pool(pool)
        return len(fills)

    return cron(
        cast("WorkerCoroutine", record),
        name=SHADOW_JOB,
        second=set(range(5, 60, EVERY_SECONDS)),
        unique=True,
        timeout=timedelta(seconds=TIMEOUT_SECONDS),
        keep_result=0,
    )
