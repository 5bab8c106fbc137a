"""Decide on signals that nobody decided on. Runs every few seconds while this process is the engine.

A signal is stored first and announced after that. Whoever stored it may have died or lost the lease in between, and an
announcement through Redis may be lost; the row stays, undecided. What this process is at work on is left alone, so nothing is
decided twice here, and another process that still decides is refused by the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

import structlog

from nexgent.domain.ledger.share import EngineShare
from nexgent.domain.signals.models import Signal
from nexgent.domain.signals.ports import SignalStore
from nexgent.domain.trading.process_signal import ProcessSignal
from nexgent.domain.trading.resume_signal import ResumeSignal
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.loops import TaskSet
from nexgent.shared.shards import NO_SHARDS
from nexgent.shared.types import SignalId

log = structlog.get_logger(__name__)

ANNOUNCED_WITHIN_SECONDS = 2.0
"""A younger signal is most likely still on its way to us."""
MOST_AT_ONCE = 500
"""So many are begun in one pass; the others are there in the next one."""
SIDE_BY_SIDE = 16
"""So many are decided on at once: each may be waiting for quotes."""
REST_SECONDS = (2.0, 5.0, 15.0, 60.0)
"""How long a signal is left alone whose processing failed unexpectedly: once, twice, and so on."""

FORGET_SECONDS = 600.0
"""So long after its rest a signal that was not found again is forgotten: somebody else has decided on it, or it is gone."""


class UndecidedSignals:
    """Look for signals without decisions and process each."""

    def __init__(
        self,
        *,
        process: ProcessSignal,
        resume: ResumeSignal,
        store: SignalStore,
        clock: Clock,
        share: EngineShare,
    ) -> None:
        self._share = share
        self._process = process
        self._resume = resume
        self._store = store
        self._clock = clock
        self._rests: dict[SignalId, tuple[int, float]] = {}
        """How often a signal could not be processed, and until when (monotonic) it is left alone."""
        self._begun: set[SignalId] = set()
        self._found: dict[SignalId, datetime] = {}
        """When those were made that were found at the last look, or are being decided on."""
        self._tasks = TaskSet("undecided signals")
        self._places = asyncio.Semaphore(SIDE_BY_SIDE)

    async def tick(
        self, *, older_than_seconds: float = ANNOUNCED_WITHIN_SECONDS
    ) -> Sequence[asyncio.Task[None]]:
        """Begin to process what was left behind, and return it. Waits for none of it."""
        try:
            return await self._begin(older_than_seconds)
        except UnavailableError as error:
            log.warning("signals.undecided_unreadable", code=error.code)
            return ()

    def age_seconds(self) -> float:
        """Return how old the oldest signal is that is known to be undecided here, 0 when none is."""
        oldest = min(self._found.values(), default=None)
        return (self._clock.now() - oldest).total_seconds() if oldest is not None else 0.0

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for signals under way; return how many had to be given up. They stay undecided."""
        return await self._tasks.drain(timeout_seconds)

    async def _begin(self, older_than_seconds: float) -> list[asyncio.Task[None]]:
        now = self._clock.monotonic()
        self._rests = {
            signal_id: rest for signal_id, rest in self._rests.items() if now - rest[1] < FORGET_SECONDS
        }
        resting = {signal_id for signal_id, (_, until) in self._rests.items() if until > now}
        # A shard that comes meanwhile may have been answered since it was asked which are not: it is looked at next time.
        ours = self._share.shards
        signals = await self._store.undecided(
            older_than_seconds=older_than_seconds,
            besides=self._process.in_flight | self._begun | resting,
            limit=MOST_AT_ONCE,
            shards=ours,
        )
        kept = self._begun | resting
        self._found = {signal_id: at for signal_id, at in self._found.items() if signal_id in kept}
        self._found.update((signal.id, signal.created_at) for signal in signals)
        missing = await self._store.unanswered([signal.id for signal in signals]) if signals else {}
        begun: list[asyncio.Task[None]] = []
        # Nothing is awaited between asking whether somebody has it and taking it.
        for signal in signals:
            if signal.id in self._begun:
                continue
            step: Callable[[Signal], Awaitable[None]]
            if self._process.owes_record(signal.id):
                step = self._process.record_again
            elif shards := self._process.take(
                signal.id, missing.get(signal.id, NO_SHARDS) & ours & self._share.shards
            ):
                step = partial(self._resume.execute, shards=shards)
            else:
                continue
            self._begun.add(signal.id)
            begun.append(self._tasks.start(self._run(signal, step), name=f"undecided.{signal.id}"))
        return begun

    async def _run(self, signal: Signal, step: Callable[[Signal], Awaitable[None]]) -> None:
        try:
            async with self._places:
                await step(signal)
        except UnavailableError as error:
            # Nobody could answer: the next pass asks again.
            log.warning("signal.postponed", signal_id=signal.id, code=error.code)
        except Exception:
            times = self._rests.get(signal.id, (0, 0.0))[0]
            pause = REST_SECONDS[min(times, len(REST_SECONDS) - 1)]
            self._rests[signal.id] = (times + 1, self._clock.monotonic() + pause)
            log.exception("signal.resume_failed", signal_id=signal.id, rest_seconds=pause)
        else:
            self._rests.pop(signal.id, None)
            self._found.pop(signal.id, None)
        finally:
            self._begun.discard(signal.id)
