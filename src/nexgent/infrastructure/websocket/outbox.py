"""What is written to clients that keep up, one after the other, once whoever announced something has finished.

Written back to back, frames find their reader awake: with other work between them each one wakes it anew, and it takes the
processor from whoever writes. One turn of the event loop writes to some clients only, so that trades and prices have theirs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

CLIENTS_AT_ONCE = 50


class Waiting(Protocol):
    """Whoever has something in line."""

    def flush(self) -> None:
        """Write it, as far as that does not mean to wait."""


class Outbox:
    """Those with something in line, in the order in which it came."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._next: list[Callable[[], None]] = []

    @property
    def is_busy(self) -> bool:
        """Tell whether somebody has something in line."""
        return bool(self._waiting)

    def once_empty(self, work: Callable[[], None]) -> None:
        """Do something once, as soon as nobody has anything in line any more."""
        self._next.append(work)

    def add(self, one: Waiting) -> None:
        """Write to somebody as soon as the event loop gets its turn."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(one)

    def _flush(self) -> None:
        try:
            for _ in range(min(CLIENTS_AT_ONCE, len(self._waiting))):
                self._waiting.popleft().flush()
        finally:
            # Whatever happens with one of them, the others get theirs.
            loop = asyncio.get_running_loop()
            if self._waiting:
                loop.call_soon(self._flush)
            else:
                work, self._next = self._next, []
                for one in work:
                    loop.call_soon(one)
