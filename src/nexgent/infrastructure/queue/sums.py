"""What wallets have done until yesterday is summed up once a day, so that the next start reads what came since."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import structlog
from arq import Retry, cron

from nexgent.infrastructure.database.pool import SUMS, close_pool, create_pool
from nexgent.infrastructure.database.stores.protections import keep_sums
from nexgent.infrastructure.queue.jobs import Context
from nexgent.shared.clock import Clock, SystemClock
from nexgent.shared.errors import UnavailableError

if TYPE_CHECKING:
    from arq.cron import CronJob
    from arq.typing import WorkerCoroutine

log = structlog.get_logger(__name__)

SUMS_JOB = "sum_up_results"
TIMEOUT_SECONDS = 600
RETRY_SECONDS = 60


def sums_cron(database_url: str, *, clock: Clock | None = None) -> CronJob:
    """Return the cron job for `worker_settings(cron_jobs=...)`: ten past every hour, and when a worker starts.

    All but one run a day find nothing to do; any number of workers may have it.
    """
    moment = clock if clock is not None else SystemClock()

    async def sum_up(_: Context) -> int:
        pool = await create_pool(database_url, SUMS)
        try:
            wallets = await keep_sums(pool, moment.now())
        except UnavailableError as error:
            raise Retry(RETRY_SECONDS) from error
        finally:
            await close_pool(pool)
        if wallets:
            log.info("sums.kept", wallets=wallets)
        return wallets

    return cron(
        cast("WorkerCoroutine", sum_up),
        name=SUMS_JOB,
        minute=10,
        second=0,
        run_at_startup=True,
        unique=True,
        timeout=timedelta(seconds=TIMEOUT_SECONDS),
        keep_result=0,
    )
