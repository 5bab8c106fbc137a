"""Loops that outlive failures of a single step, and supervised background tasks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError, UnavailableError

log = structlog.get_logger(__name__)
T = TypeVar("T")


IN_A_ROW = 3
"""So many failures without a success between them are no accident."""
FORGOTTEN_AFTER_SECONDS = 90.0
"""What has not failed for so long is well again, also where nobody tells of successes."""


@dataclass(slots=True)
class _Failures:
    count: int
    reason: str
    last: float


class LoopWatch:
    """Which loops fail again and again, for whoever looks at the health of the process. Recovers by itself."""

    def __init__(self, clock: Clock, on_failure: Callable[[str], None] | None = None) -> None:
        self._clock = clock
        self._on_failure = on_failure
        self._failing: dict[str, _Failures] = {}

    def failed(self, name: str, reason: Exception | str) -> None:
        """Note a failure. Of an exception only the name of its kind is shown: its text may be anything."""
        if self._on_failure is not None:
            self._on_failure(name)
        now = self._clock.monotonic()
        known = self._failing.get(name)
        count = known.count + 1 if known is not None and self._is_recent(known, now) else 1
        self._failing[name] = _Failures(
            count, reason if isinstance(reason, str) else type(reason).__name__, now
        )

    def went_well(self, name: str) -> None:
        """Note a success: whatever was before is over."""
        self._failing.pop(name, None)

    def problem(self) -> str | None:
        """Return what fails again and again and why, or None."""
        now = self._clock.monotonic()
        troubles = [
            f"{name} has failed {one.count} times in a row ({one.reason})"
            for name, one in sorted(self._failing.items())
            if one.count >= IN_A_ROW and self._is_recent(one, now)
        ]
        return "; ".join(troubles) or None

    @staticmethod
    def _is_recent(failures: _Failures, now: float) -> bool:
        return now - failures.last <= FORGOTTEN_AFTER_SECONDS


async def run_every(
    interval_seconds: float,
    step: Callable[[], Awaitable[object]],
    *,
    name: str,
    clock: Clock,
    watch: LoopWatch | None = None,
) -> None:
    """Run `step` again and again, aiming at one start per interval, until cancelled.

    A step that takes longer than the interval is followed by the next one at once, but never overlaps it.
    """
    while True:
        started = clock.monotonic()
        try:
            await step()
        except Exception as error:
            log.exception("loop.step_failed", loop=name)
            if watch is not None:
                watch.failed(name, error)
        else:
            if watch is not None:
                watch.went_well(name)
        elapsed = clock.monotonic() - started
        await asyncio.sleep(max(0.0, interval_seconds - elapsed))


async def keep_running(
    job: Callable[[], Awaitable[object]],
    *,
    name: str,
    pause_seconds: float = 1.0,
    watch: LoopWatch | None = None,
) -> None:
    """Run something that is meant to go on until it is cancelled; when it fails unexpectedly, start it again after a pause."""
    while True:
        try:
            await job()
        except Exception as error:
            log.exception("job.failed", job=name, again_in_seconds=pause_seconds)
            if watch is not None:
                watch.failed(name, error)
        else:
            return
        await asyncio.sleep(pause_seconds)


async def cancel_all(
    tasks: Iterable[asyncio.Future[Any]], *, again_seconds: float = 10.0, longest_seconds: float | None = None
) -> None:
    """Cancel tasks and wait until all have ended, however they do; at most `longest_seconds` where that is given.

    Libraries lose a cancellation now and then: a timeout of theirs that ends at the same moment takes it for its own. Who goes on
    regardless is cancelled again, or a service that is asked to stop would wait for ever.
    """
    loop = asyncio.get_running_loop()
    latest = loop.time() + longest_seconds if longest_seconds is not None else math.inf
    waiting = set()
    for task in tasks:
        # One that has ended is not waited for, which takes turns of the event loop.
        if task.done():
            _hear(task)
        else:
            waiting.add(task)
    while waiting and (left := latest - loop.time()) > 0:
        for task in waiting:
            task.cancel()
        ended, waiting = await asyncio.wait(waiting, timeout=min(again_seconds, left))
        for task in ended:
            _hear(task)


def _hear(ended: asyncio.Future[Any]) -> None:
    """Take note of how a task has ended, or its failure would be reported as one that nobody has heard of."""
    if not ended.cancelled():
        ended.exception()


async def end_of_burst(more: asyncio.Event, *, quiet_seconds: float, longest_seconds: float) -> None:
    """Return when `more`, which every arrival sets, has stayed clear for a while, or after the longest wait; it is clear then.

    For work that nobody waits for: during a burst it would only compete with what causes it.
    """
    loop = asyncio.get_running_loop()
    latest = loop.time() + longest_seconds
    while more.is_set() and loop.time() < latest:
        more.clear()
        await asyncio.sleep(quiet_seconds)
    more.clear()


class LeftUnfinishedError(UnavailableError):
    """What was begun here is left to another process, or to the next start. It may have been carried out."""

    code = "LEFT_UNFINISHED"

    def __init__(self) -> None:
        super().__init__(
            "It was begun and is ended by whichever process is the engine next; see what became of it before you repeat it"
        )


class TaskSet:
    """Background tasks that are kept alive, logged when they fail, and awaited at shutdown."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, object], *, name: str) -> asyncio.Task[Any]:
        """Run a coroutine in the background; its failure is logged and hurts nobody else."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def finish(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> T:
        """Return what the coroutine brings. It goes on to its end when the caller is cancelled.

        A `NexgentError` is an answer, also when nobody waits for it any more. Raises `LeftUnfinishedError` when it was given up
        (`drain`) while somebody waits.
        """
        task = self.start(_answer(coroutine), name=name)
        try:
            result = await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if task.cancelled() and caller is not None and not caller.cancelling():
                raise LeftUnfinishedError from None
            raise
        if isinstance(result, NexgentError):
            raise result
        answer: T = result
        return answer

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("task.failed", group=self._name, task=task.get_name(), exc_info=error)

    async def drain(self, timeout_seconds: float) -> int:
        """Wait until all tasks are done, at most so long; return how many were still running and are now cancelled."""
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while self._tasks and (remaining := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(set(self._tasks), timeout=remaining)
        left = set(self._tasks)
        await cancel_all(left)
        return len(left)


async def _answer(coroutine: Coroutine[Any, Any, T]) -> T | NexgentError:
    try:
        return await coroutine
    except NexgentError as error:
        return error
