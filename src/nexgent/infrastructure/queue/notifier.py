"""Tells the worker that the journal has grown."""

from __future__ import annotations

import asyncio

import structlog
from arq.connections import ArqRedis
from arq.constants import job_key_prefix, result_key_prefix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms

from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, stop_if_cancelled
from nexgent.infrastructure.queue.names import (
    BELL_KEY,
    PROJECT_JOB,
    PROJECT_JOB_ID,
    QUEUE_NAME,
    RING,
    RING_KEY,
)
from nexgent.shared.backoff import Backoff
from nexgent.shared.loops import end_of_burst

log = structlog.get_logger(__name__)

QUIET_SECONDS = 0.03
"""A burst of trades is over when nothing has been recorded for this long."""
LONGEST_WAIT_SECONDS = 0.06
"""The longest a notice waits for a burst to be over: tables are to be fractions of a second behind, not more."""
DEADLINE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 0.5


# What arq's `enqueue_job` does in three round trips, counting and ringing besides, in one: during a storm the event loop is busy,
# and each takes a hundred times as long as Redis needs. A job that was there already was rung for, and one that is running rings
# by itself (`after_job`).
_NOTIFY = """
redis.call('INCR', KEYS[1])
if redis.call('EXISTS', KEYS[2], KEYS[3]) == 0 then
    redis.call('PSETEX', KEYS[2], ARGV[1], ARGV[2])
    redis.call('ZADD', KEYS[4], ARGV[3], ARGV[4])
    redis.call('ZADD', KEYS[5], 0, ARGV[5])
end
"""


async def notify_worker(queue: ArqRedis) -> None:
    """Tell the worker once: count it, and put the job into the queue unless it is there or running already.

    Counting comes first: a job that is just finishing looks at the count after it has left the queue, so either it sees this
    notice or the queue takes a new job.
    """
    now = timestamp_ms()
    job = serialize_job(PROJECT_JOB, (), {}, None, now, serializer=queue.job_serializer)
    keys = [
        BELL_KEY,
        job_key_prefix + PROJECT_JOB_ID,
        result_key_prefix + PROJECT_JOB_ID,
        QUEUE_NAME,
        RING_KEY,
    ]
    async with asyncio.timeout(DEADLINE_SECONDS):
        await queue.register_script(_NOTIFY)(
            keys=keys, args=[queue.expires_extra_ms, job, now, PROJECT_JOB_ID, RING]
        )


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
