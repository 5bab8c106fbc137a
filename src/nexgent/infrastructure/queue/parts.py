"""A month of the journal begins with the month, in a part that is there beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from arq import Retry, cron

from nexgent.infrastructure.database.journal.parts import keep_parts
from nexgent.infrastructure.queue.jobs import Context
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError

if TYPE_CHECKING:
    from arq.cron import CronJob
    from arq.typing import WorkerCoroutine

PARTS_JOB = "keep_journal_parts"
RETRY_SECONDS = 60
TIMEOUT_SECONDS = 120


def parts_cron(database_url: str, *, clock: Clock | None = None) -> CronJob:
    """Return the cron job for `worker_settings(cron_jobs=...)`: a second after every full hour.

    By the database's time, unless there is a clock. All but one run a month find
    nothing to do, and any number of workers may have it.
    """

    async def keep(_: Context) -> str | None:
        try:
            return await keep_parts(database_url, clock.now() if clock is not None else None)
        except UnavailableError as error:
            raise Retry(RETRY_SECONDS) from error

    return cron(
        cast("WorkerCoroutine", keep),
        name=PARTS_JOB,
        minute=0,
        second=1,
        unique=True,
        timeout=TIMEOUT_SECONDS,
        keep_result=0,
    )
