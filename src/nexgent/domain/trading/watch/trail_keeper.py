"""Make marks durable, then tell about them. One statement at a time; what moves meanwhile goes into the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from nexgent.domain.positions.events import PositionUpdated
from nexgent.domain.positions.models import Position, PositionMark
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.ports import MarkStore
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import TaskSet
from nexgent.shared.types import PositionId

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0


class MarkKeeper:
    """Write-behind of a second at most: only the newest mark of a position counts."""

    def __init__(self, *, store: MarkStore, book: PositionBook, publish: Callable[[object], None]) -> None:
        self._store = store
        self._book = book
        self._publish = publish
        self._waiting: dict[PositionId, tuple[PositionMark, bool]] = {}
        self._tasks = TaskSet("marks")

    def keep(self, marks: Iterable[PositionMark]) -> None:
        """Store marks whose change was announced by the trade that made it."""
        for mark in marks:
            announce = self._waiting.get(mark.position_id, (mark, False))[1]
            self._waiting[mark.position_id] = (mark, announce)
        self._start()

    def moved(self, moved: Sequence[tuple[Position, PositionMark]]) -> None:
        """Store marks that a price moved, and announce the positions when that is durable."""
        for position, mark in moved:
            self._waiting[position.id] = (mark, True)
        self._start()

    async def drain(self, timeout_seconds: float) -> None:
        """Wait until everything is stored, at most so long."""
        await self._tasks.drain(timeout_seconds)

    def _start(self) -> None:
        if self._waiting and not len(self._tasks):
            self._tasks.start(self._write(), name="marks.write")

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            try:
                await self._store.save([mark for mark, _ in batch.values()])
            except NexgentError as error:
                log.warning("marks.not_stored", positions=len(batch), code=error.code)
                self._waiting = {**batch, **self._waiting}
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Exception:
                # One mark that cannot be stored keeps no other position's stop from being stored.
                log.exception("marks.not_storable", positions=len(batch))
                await self._write_each([mark for mark, _ in batch.values()])
            for position_id, (_, announce) in batch.items():
                held = self._book.get(position_id) if announce else None
                if held is not None:
                    self._publish(PositionUpdated(held.position, held.mark))

    async def _write_each(self, marks: Sequence[PositionMark]) -> None:
        for mark in marks:
            try:
                await self._store.save([mark])
            except Exception:
                log.exception("mark.not_stored", position_id=str(mark.position_id))
