"""Record how stops and peaks of positions move, in the worker: the engine writes them down anyway, once a move."""

from __future__ import annotations

from typing import Protocol

import structlog

from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError

log = structlog.get_logger(__name__)

LINES_SECONDS = 10.0
FIRST_LOOK_SECONDS = 3600.0
GRACE_SECONDS = 60.0
"""So much further back than the last look: rows of a trade may be written a little later than it happened."""


class LineStore(Protocol):
    """Where they are kept."""

    async def add_lines(self, back_seconds: float) -> int:
        """Note where stop and peak of positions stand that have moved in the last so many seconds; return how many were new.

        Doing so twice changes nothing. Raises `UnavailableError`.
        """


class LineRecorder:
    """Look now and then, and after a pause further back."""

    def __init__(self, *, store: LineStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._looked_at: float | None = None

    async def look(self) -> int:
        """Note what has moved since the last look that went well; return how many positions."""
        now = self._clock.monotonic()
        back = FIRST_LOOK_SECONDS if self._looked_at is None else now - self._looked_at + GRACE_SECONDS
        try:
            noted = await self._store.add_lines(back)
        except UnavailableError as error:
            log.warning("price_history.lines_delayed", error=type(error.__cause__ or error).__name__)
            return 0
        self._looked_at = now
        return noted
