"""Make trails durable, then tell about them. One statement at a time; what moves meanwhile goes into the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from nexgent.domain.positions.events import PositionUpdated
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.ports import TrailStore
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import TaskSet
from nexgent.shared.types import PositionId

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0


class TrailKeeper:
    """Write-behind of a second at most: only the newest trail of a position counts."""

    def __init__(self, *, store: TrailStore, book: PositionBook, publish: Callable[[object], None]) -> None:
        self._store = store
        self._book = book
        self._publish = publish
        self._waiting: dict[PositionId, tuple[PositionTrail, bool]] = {}
        self._tasks = TaskSet("trails")
        self._writing = False

    def keep(self, trails: Iterable[PositionTrail]) -> None:
        """Store trails whose change was announced by the trade that made it."""
        for trail in trails:
            announce = self._waiting.get(trail.position_id, (trail, False))[1]
            self._waiting[trail.position_id] = (trail, announce)
        self._start()

    def moved(self, moved: Sequence[tuple[Position, PositionTrail]]) -> None:
        """Store trails that a price moved, and announce the positions when that is durable."""
        for position, trail in moved:
            self._waiting[position.id] = (trail, True)
        self._start()

    async def drain(self, timeout_seconds: float) -> None:
        """Wait until everything is stored, at most so long."""
        await self._tasks.drain(timeout_seconds)

    def _start(self) -> None:
        # A task that has looked for the last time still counts as one for a moment: what comes then would wait for the next move.
        if self._waiting and not self._writing:
            self._writing = True
            self._tasks.start(self._write(), name="trails.write")

    async def _write(self) -> None:
        try:
            await self._write_waiting()
        finally:
            self._writing = False

    async def _write_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            try:
                await self._store.save([trail for trail, _ in batch.values()])
            except NexgentError as error:
                log.warning("trails.not_stored", positions=len(batch), code=error.code)
                self._waiting = {**batch, **self._waiting}
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Exception:
                # One trail that cannot be stored keeps no other position's stop from being stored.
                log.exception("trails.not_storable", positions=len(batch))
                await self._write_each([trail for trail, _ in batch.values()])
            for position_id, (_, announce) in batch.items():
                held = self._book.get(position_id) if announce else None
                if held is not None:
                    self._publish(PositionUpdated(held.position, held.trail))

    async def _write_each(self, trails: Sequence[PositionTrail]) -> None:
        for trail in trails:
            try:
                await self._store.save([trail])
            except Exception:
                log.exception("trail.not_stored", position_id=str(trail.position_id))
