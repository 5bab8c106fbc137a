"""The arq worker: its settings, and a runner that outlives restarts of Redis and PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

import structlog
from arq import cron, func
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix
from arq.worker import Worker, get_kwargs

from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, stop_if_cancelled
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.queue.connection import arq_settings, connect_queue
from nexgent.infrastructure.queue.jobs import (
    Context,
    JobServices,
    QueueObserver,
    after_job,
    project_journal,
    sweep_journal,
)
from nexgent.infrastructure.queue.names import (
    HEALTH_KEY,
    PROJECT_JOB,
    PROJECT_JOB_ID,
    QUEUE_NAME,
    RING_KEY,
    SWEEP_JOB,
    deserialize_job,
    serialize_job,
)
from nexgent.shared.loops import cancel_all

if TYPE_CHECKING:
    from arq.typing import WorkerCoroutine

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 2
JOB_TIMEOUT_SECONDS = 10
HEALTH_SECONDS = 5
CLOSE_SECONDS = 3.0
LONGEST_WAIT_SECONDS = 0.25
"""The longest nobody looks for jobs: those that wait for their time, and finished ones that arq keeps until it looks, are few."""
_PAUSE_SECONDS = 0.25
_PATIENCE_SECONDS = 0.1
_UNLIMITED_TRIES = 2**31


def worker_settings(
    database_url: str,
    redis_url: str,
    *,
    observer: QueueObserver | None = None,
    functions: tuple[Any, ...] = (),
    cron_jobs: tuple[Any, ...] = (),
) -> type[Any]:
    """Return a settings class for `run_worker`, or for the command `arq`.

    `functions` and `cron_jobs` are further ones, made with `arq.func` and `arq.cron`; they find `JobServices` under `services`
    in their context. Raises `InvalidRedisUrlError`.
    """

    async def start(context: Context) -> None:
        context["services"] = JobServices(Projector(database_url), observer or QueueObserver())
        # A worker that was killed leaves a mark behind that keeps the job from running until it fades. Should another worker
        # really be at it, the projector's own lock keeps them apart.
        await context["redis"].delete(in_progress_key_prefix + PROJECT_JOB_ID)

    async def stop(context: Context) -> None:
        services: JobServices | None = context.pop("services", None)
        if services is not None:
            await services.projector.close()

    project = func(cast("WorkerCoroutine", project_journal), name=PROJECT_JOB, max_tries=_UNLIMITED_TRIES)
    sweep = cron(
        cast("WorkerCoroutine", sweep_journal),
        name=SWEEP_JOB,
        second=set(range(0, 60, SWEEP_SECONDS)),
        run_at_startup=True,
        timeout=JOB_TIMEOUT_SECONDS,
        keep_result=0,
    )
    return type(
        "WorkerSettings",
        (),
        {
            "functions": [project, *functions],
            "cron_jobs": [sweep, *cron_jobs],
            "queue_name": QUEUE_NAME,
            "redis_url": redis_url,
            "redis_settings": arq_settings(redis_url),
            "on_startup": start,
            "on_shutdown": stop,
            "after_job_end": after_job,
            "poll_delay": 0,
            "job_timeout": JOB_TIMEOUT_SECONDS,
            "keep_result": 0,
            "max_jobs": 8,
            "health_check_interval": HEALTH_SECONDS,
            "health_check_key": HEALTH_KEY,
            "job_serializer": serialize_job,
            "job_deserializer": deserialize_job,
            "log_results": False,
        },
    )


class PatientWorker(Worker):
    """Waits for a ring instead of asking for jobs fifty times a second, and begins no job that it is at work on already.

    The mark that keeps a job from running twice is taken away by every worker that starts, and fades. arq alone would begin
    the job again beside itself then, and fail with a `KeyError` when the first of the two ends.
    """

    ring: asyncio.Future[Any] | None = None
    """What waits for the next ring. It is not given up when a job ends: a ring that came meanwhile would be lost with it."""

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start those of the jobs that are not under way here."""
        under_way = {job_id for job_id, task in self.tasks.items() if not task.done()}
        await super().start_jobs([job_id for job_id in job_ids if job_id.decode() not in under_way])

    async def _poll_iteration(self) -> None:
        """Look for jobs, then wait for a ring or until a job has ended: one that rings while it ends begins again then."""
        await super()._poll_iteration()
        if self.ring is None:
            self.ring = asyncio.ensure_future(self.pool.bzpopmin([RING_KEY], timeout=LONGEST_WAIT_SECONDS))
        done, _ = await asyncio.wait({self.ring, *self.tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
        if self.ring in done:
            heard, self.ring = self.ring, None
            heard.result()


async def run_worker(settings: type[Any]) -> None:
    """Run the worker in this loop until cancelled. When arq gives up because of Redis, a new worker takes over."""
    while True:
        stop_if_cancelled()
        # A connection of our own has deadlines, which arq's does not: a Redis that hangs must not stop the worker for good.
        queue = connect_queue(settings.redis_url, waits=True)
        options: dict[str, Any] = {**get_kwargs(settings), "handle_signals": False, "redis_pool": queue}
        worker = PatientWorker(**options)
        main = asyncio.create_task(worker.async_run(), name="queue.worker")
        try:
            # Waiting for the task, not for its result: being cancelled is not left to arq to pass on.
            await asyncio.wait([main])
            main.result()
        except REDIS_OUTAGES as error:
            log.warning("queue.worker_restarted", error=type(error).__name__)
        except Exception:
            log.exception("queue.worker_failed")
        finally:
            await _close(worker, queue, main)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _close(worker: PatientWorker, queue: ArqRedis, main: asyncio.Task[None]) -> None:
    """Take no more jobs, let those that run finish, close connections; wait for nothing longer than a few seconds.

    The worker's own `close` would wait for Redis as long as its commands do. A job that is cancelled here rolls back its
    transaction and stays in the queue.
    """
    # A library may swallow the first request, and an error was logged where it happened.
    own = [task for task in (main, worker.main_task, worker.ring) if task is not None]
    await cancel_all(own, again_seconds=_PATIENCE_SECONDS, longest_seconds=CLOSE_SECONDS)
    jobs = list(worker.tasks.values())
    if jobs:
        await asyncio.wait(jobs, timeout=CLOSE_SECONDS)
    await cancel_all(jobs, again_seconds=_PATIENCE_SECONDS, longest_seconds=CLOSE_SECONDS)
    with contextlib.suppress(*REDIS_OUTAGES):
        async with asyncio.timeout(CLOSE_SECONDS):
            await queue.delete(worker.health_check_key)
    if worker.on_shutdown is not None:
        await worker.on_shutdown(worker.ctx)
    with contextlib.suppress(*REDIS_OUTAGES):
        async with asyncio.timeout(CLOSE_SECONDS):
            await queue.aclose(close_connection_pool=True)
