"""Equal questions asked at the same moment share one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from nexgent.shared.loops import cancel_all

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class SingleFlight(Generic[Key, Value]):
    """While a call for a key is under way, others with the same key wait for it instead of calling.

    What is kept of an answer, the call keeps: its callers hear of it some turns after it has ended, and whoever asks in one of
    these begins another call.
    """

    def __init__(self) -> None:
        self._flights: dict[Key, asyncio.Task[Value]] = {}

    async def run(self, key: Key, call: Callable[[], Awaitable[Value]]) -> Value:
        """Return the answer of the call under way for the key, or of a new one. Failures are shared as well.

        A caller that gives up does not take the call from the others.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.ensure_future(_awaited(call))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """Give up calls under way."""
        await cancel_all(list(self._flights.values()))

    def _landed(self, key: Key, flight: asyncio.Task[Value]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            # Somebody has to look at a failure when all callers have given up.
            flight.exception()


async def _awaited(call: Callable[[], Awaitable[Value]]) -> Value:
    return await call()
