"""bcrypt in a few threads: a hash takes a quarter of a second of CPU, which nobody else should notice."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from passlib.hash import bcrypt  # type: ignore[import-untyped]  # It ships no types.

from nexgent.domain.users.errors import LoginBusyError

COST = 12
MAX_BYTES = 72
_THREADS = 2
_MAX_WAITING = 40
_MAX_KNOWN_WAITING = 8
_NICENESS = 10
"""Trading, prices and answers come first when the processor is short: a login can wait."""

# A genuine hash of a text nobody knows: comparing with it takes as long as with any other, and never fits.
_DUMMY_HASH = "$2b$12$CuKTYEtNi0L/9Xm2Yb.8Pe2sUV8kXdvjjKXJdDeUle9Ht9ajl6Rfi"

_T = TypeVar("_T")


class _Lane:
    """Threads with a waiting line that has an end."""

    def __init__(self, name: str, threads: int, max_waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=_step_back)
        self._max_waiting = max_waiting
        self._waiting = 0

    async def run(self, work: Callable[[], _T]) -> _T:
        """Return what the work gives. Raises `LoginBusyError` when too many wait."""
        if self._waiting >= self._max_waiting:
            raise LoginBusyError
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class BcryptHasher:
    """Implements `PasswordHasher`. `close` ends its threads.

    Who logs in from where they did before has a line of their own: a flood of strangers fills the other one only.
    """

    def __init__(self, *, cost: int = COST, threads: int = _THREADS, max_waiting: int = _MAX_WAITING) -> None:
        self._scheme = bcrypt.using(rounds=cost, ident="2b", truncate_error=False)
        self._dummy = _DUMMY_HASH if cost == COST else self._scheme.hash("nobody")
        self._strangers = _Lane("bcrypt", threads, max_waiting)
        self._known = _Lane("bcrypt-known", 1, min(max_waiting, _MAX_KNOWN_WAITING))

    async def hash(self, password: str) -> str:
        """Return a hash of the first 72 bytes, which is all that bcrypt looks at."""
        return await self._strangers.run(lambda: str(self._scheme.hash(_cut(password))))

    async def verify(self, password: str, password_hash: str | None, *, known: bool = False) -> bool:
        """Tell whether the password fits; a missing or unreadable hash takes the same time and is False."""
        usable = password_hash is not None and self._scheme.identify(password_hash)
        against = password_hash if usable and password_hash is not None else self._dummy

        def check() -> bool:
            try:
                return bool(self._scheme.verify(_cut(password), against))
            except ValueError:
                # A damaged hash, or a text that cannot be a password (NUL).
                return False

        lane = self._known if known else self._strangers
        return await lane.run(check) and usable

    def close(self) -> None:
        """End the threads."""
        self._strangers.close()
        self._known.close()


def _step_back() -> None:
    """Give way to the rest of the process, where a thread has a priority of its own."""
    # Elsewhere this would be the number of a process.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _cut(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")[:MAX_BYTES]
