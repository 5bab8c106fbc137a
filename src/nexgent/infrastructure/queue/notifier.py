"""Tells the worker that the journal has grown."""

from __future__ import annotations

import asyncio

import structlog
from arq.connections import ArqRedis

from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, stop_if_cancelled
from nexgent.infrastructure.queue.names import BELL_KEY, PROJECT_JOB, PROJECT_JOB_ID, RING, RING_KEY
from nexgent.shared.backoff import Backoff
from nexgent.shared.loops import end_of_burst

log = structlog.get_logger(__name__)

QUIET_SECONDS = 0.03
"""A burst of trades is over when nothing has been recorded for this long."""
LONGEST_WAIT_SECONDS = 0.1
"""The longest a notice waits for a burst to be over: tables are to be fractions of a second behind, not more."""
DEADLINE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 0.5


async def notify_worker(queue: ArqRedis) -> None:
    """Tell the worker once: count it, and put the job into the queue unless it is there or running already.

    Counting comes first: a job that is just finishing looks at the count after it has left the queue, so either it sees this
    notice or the queue takes a new job.
    """
    async with asyncio.timeout(DEADLINE_SECONDS):
        await queue.incr(BELL_KEY)
        # One that was there already was rung for, and one that is running rings by itself (`after_job`).
        if await queue.enqueue_job(PROJECT_JOB, _job_id=PROJECT_JOB_ID) is not None:
            await queue.zadd(RING_KEY, {RING: 0})


class ProjectionNotifier:
    """Tells the worker in the background, once per burst of trades, and keeps trying while Redis is away."""

    def __init__(self, queue: ArqRedis) -> None:
        self._queue = queue
        self._wanted = asyncio.Event()
        self._sent = 0

    @property
    def sent(self) -> int:
        """How often the worker was really told."""
        return self._sent

    def notify(self, _event: object = None) -> None:
        """Ask for the worker to be told. Listens to `EntriesRecorded`."""
        self._wanted.set()

    async def run(self) -> None:
        """Tell the worker whenever somebody asked for it, until cancelled."""
        backoff = Backoff(2 * QUIET_SECONDS, LONGEST_PAUSE_SECONDS)
        while True:
            stop_if_cancelled()
            await self._wanted.wait()
            # Let a burst of trades finish first: the worker would only compete with it for the processors.
            await end_of_burst(
                self._wanted, quiet_seconds=QUIET_SECONDS, longest_seconds=LONGEST_WAIT_SECONDS
            )
            try:
                await notify_worker(self._queue)
            except REDIS_OUTAGES as error:
                self._wanted.set()
                log.warning("projection.not_notified", error=type(error).__name__)
                await backoff.wait()
            else:
                self._sent += 1
                backoff.reset()
