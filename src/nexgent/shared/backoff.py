"""The one way to wait longer and longer for what is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

_MOST_DOUBLINGS = 30


def backoff_seconds(failures: int, first_seconds: float, longest_seconds: float) -> float:
    """Return the pause after so many failures in a row, at least one: it doubles from the first to the longest."""
    return min(first_seconds * 2.0 ** min(failures - 1, _MOST_DOUBLINGS), longest_seconds)


class Backoff:
    """Pauses between attempts that fail in a row. Who never gives up is stopped by cancelling; who does counts `failures`."""

    def __init__(
        self,
        first_seconds: float,
        longest_seconds: float,
        *,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._draw = draw
        self.failures = 0

    def reset(self) -> None:
        """An attempt succeeded: the next failure is a first one again."""
        self.failures = 0

    def failed(self, at_least_seconds: float = 0.0) -> float:
        """Count a failure and return the pause after it.

        Up to half of it is taken off at random: those who lost the same server must not all come back in the same instant.
        `at_least_seconds` is what somebody asked for.
        """
        self.failures += 1
        pause = backoff_seconds(self.failures, self._first_seconds, self._longest_seconds)
        return max(pause * self._draw(0.5, 1.0), at_least_seconds)

    async def wait(self, at_least_seconds: float = 0.0) -> None:
        """Count a failure and pause."""
        await asyncio.sleep(self.failed(at_least_seconds))
