"""Begin many things in an order, so that the first are done while the last have not begun.

A thousand exits that all start at once share every step, and the first is booked no sooner than the last. Beginning a few at a
time books the first after a few milliseconds and costs the last nothing. Nobody waits for a slow one: a turn that takes longer
than a moment (a live swap waits for the chain) gives its place away.
"""

from __future__ import annotations

import asyncio
from collections import deque

PLACES = 32
MOMENT_SECONDS = 0.025


class Pace:
    """Give out turns, `places` at a time."""

    def __init__(self, places: int = PLACES, moment_seconds: float = MOMENT_SECONDS) -> None:
        self._places = places
        self._moment_seconds = moment_seconds
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self) -> None:
        """Wait for a place; whoever has been waiting longest comes first."""
        if self._taken < self._places and not self._waiting:
            self._taken += 1
            return
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.append(place)
        if self._timer is None:
            self._timer = loop.call_later(self._moment_seconds, self._next_moment)
        await place

    def done(self) -> None:
        """Give the place back."""
        self._taken = max(0, self._taken - 1)
        self._admit()

    def hurry(self) -> None:
        """Let everybody go who waits."""
        while self._waiting:
            self._go(self._waiting.popleft())

    def _next_moment(self) -> None:
        self._timer = None
        self._taken = 0
        self._admit()
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(self._moment_seconds, self._next_moment)

    def _admit(self) -> None:
        while self._waiting and self._taken < self._places:
            self._go(self._waiting.popleft())

    def _go(self, place: asyncio.Future[None]) -> None:
        # Who was cancelled while waiting takes no place.
        if not place.done():
            self._taken += 1
            place.set_result(None)
