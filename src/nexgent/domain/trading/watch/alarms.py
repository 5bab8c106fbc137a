"""When to look again at positions one of whose rules may not act for a while."""

from __future__ import annotations

import heapq
from itertools import count

from nexgent.shared.types import PositionId

_SPARE = 64


class Alarms:
    """The earliest alarm of each position counts."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, PositionId]] = []
        self._at: dict[PositionId, float] = {}
        self._numbers = count()

    def set(self, position_id: PositionId, at_seconds: float) -> None:
        """Have a position looked at again at an instant (seconds since 1970)."""
        known = self._at.get(position_id)
        if known is None or at_seconds < known:
            self._at[position_id] = at_seconds
            heapq.heappush(self._queue, (at_seconds, next(self._numbers), position_id))
            if len(self._queue) > 2 * len(self._at) + _SPARE:
                self._tidy()

    def forget(self, position_id: PositionId) -> None:
        """Drop the alarm of a position."""
        self._at.pop(position_id, None)

    def _tidy(self) -> None:
        """Drop what was set for positions that are gone: an alarm may be days away, and thousands are closed before that."""
        self._queue = [alarm for alarm in self._queue if self._at.get(alarm[2]) == alarm[0]]
        heapq.heapify(self._queue)

    def due(self, now_seconds: float) -> list[PositionId]:
        """Return whose alarm has gone off, once."""
        due: list[PositionId] = []
        while self._queue and self._queue[0][0] <= now_seconds:
            at, _, position_id = heapq.heappop(self._queue)
            if self._at.get(position_id) == at:
                del self._at[position_id]
                due.append(position_id)
        return due
