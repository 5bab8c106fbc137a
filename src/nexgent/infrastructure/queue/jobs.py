"""The worker's jobs. Each may run twice, late, or next to another one: the projector takes care of order and repetition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from arq import Retry
from arq.connections import ArqRedis

from nexgent.infrastructure.cache.connect import REDIS_OUTAGES
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.queue.names import BELL_KEY, PROJECT_JOB, PROJECT_JOB_ID, QUEUE_NAME, SWEEP_JOB
from nexgent.infrastructure.queue.notifier import notify_worker
from nexgent.shared.backoff import backoff_seconds
from nexgent.shared.errors import UnavailableError

log = structlog.get_logger(__name__)

BATCH_LIMIT = 1_000
"""The largest batch, which a long backlog takes: with 250 at most, 7 300 entries a second are written instead of 13 900."""
WORK_SECONDS = 2.0
_BUSY_PAUSE_SECONDS = 0.005
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 0.5

_OUTAGES: tuple[type[Exception], ...] = (UnavailableError, *REDIS_OUTAGES)

Context = dict[str, Any]


def _ignore(*_values: object) -> None:
    return


@dataclass(frozen=True, slots=True)
class QueueObserver:
    """What metrics want to know. Outcomes are `success`, `retry` (an upstream was away) and `failed`."""

    depth: Callable[[int], None] = _ignore
    """Jobs in the queue."""
    job: Callable[[str, str, float], None] = _ignore
    """Name, outcome, seconds."""
    projected: Callable[[int], None] = _ignore
    """Entries applied by one job."""
    lag: Callable[[int, float], None] = _ignore
    """Entries behind, and the age of the oldest in seconds."""


@dataclass(frozen=True, slots=True)
class JobServices:
    """What jobs work with; in the worker's context under `services`."""

    projector: Projector
    observer: QueueObserver


async def project_journal(context: Context) -> int:
    """Apply the journal until nothing is left or the time of one run is used up; return how many entries."""
    services: JobServices = context["services"]
    queue: ArqRedis = context["redis"]
    started = time.perf_counter()
    try:
        context["bell"] = await queue.get(BELL_KEY)
        count, context["left"] = await _drain(services.projector)
    except _OUTAGES as error:
        services.observer.job(PROJECT_JOB, "retry", time.perf_counter() - started)
        tries = context["job_try"]
        if tries == 1 or tries % 100 == 0:
            log.warning("queue.job_delayed", job=PROJECT_JOB, error=type(error).__name__, tries=tries)
        context["retrying"] = True
        raise Retry(backoff_seconds(tries, _FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS)) from error
    except Exception:
        services.observer.job(PROJECT_JOB, "failed", time.perf_counter() - started)
        raise
    services.observer.job(PROJECT_JOB, "success", time.perf_counter() - started)
    services.observer.projected(count)
    return count


async def after_job(context: Context) -> None:
    """Ring again for what came in while the job was finishing, when the queue refused a second one."""
    if context["job_id"] != PROJECT_JOB_ID or context.get("retrying"):
        return
    queue: ArqRedis = context["redis"]
    if context.get("left") or await queue.get(BELL_KEY) != context.get("bell"):
        await notify_worker(queue)


async def sweep_journal(context: Context) -> int:
    """Apply what was left behind by a ring that nobody heard; return how many entries. Reports depth and lag."""
    services: JobServices = context["services"]
    queue: ArqRedis = context["redis"]
    started = time.perf_counter()
    try:
        services.observer.depth(await queue.zcard(QUEUE_NAME))
        backlog = await services.projector.backlog()
        age_seconds = 0.0
        if backlog.oldest_at is not None:
            age_seconds = max(0.0, (datetime.now(UTC) - backlog.oldest_at).total_seconds())
        services.observer.lag(backlog.entries, age_seconds)
        count, _ = await _drain(services.projector) if backlog.head > backlog.position else (0, False)
    except _OUTAGES as error:
        services.observer.job(SWEEP_JOB, "retry", time.perf_counter() - started)
        log.warning("queue.sweep_skipped", error=type(error).__name__)
        return 0
    except Exception:
        services.observer.job(SWEEP_JOB, "failed", time.perf_counter() - started)
        raise
    services.observer.job(SWEEP_JOB, "success", time.perf_counter() - started)
    services.observer.projected(count)
    return count


async def _drain(projector: Projector) -> tuple[int, bool]:
    """Return how many entries were applied and whether some are left."""
    deadline = time.monotonic() + WORK_SECONDS
    total = 0
    while time.monotonic() < deadline:
        total += await projector.project_all(BATCH_LIMIT, deadline - time.monotonic())
        backlog = await projector.backlog()
        if backlog.head <= backlog.position:
            return total, False
        # Another process is at it; what it does not see any more is ours.
        await asyncio.sleep(_BUSY_PAUSE_SECONDS)
    return total, True
