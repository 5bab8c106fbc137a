"""bcrypt in a few threads: a hash takes a quarter of a second of CPU, which nobody else should notice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from passlib.hash import bcrypt  # type: ignore[import-untyped]  # It ships no types.

from nexgent.domain.users.errors import LoginBusyError

COST = 12
MAX_BYTES = 72
_THREADS = 2
_MAX_WAITING = 40

# A genuine hash of a text nobody knows: comparing with it takes as long as with any other, and never fits.
_DUMMY_HASH = "$2b$12$CuKTYEtNi0L/9Xm2Yb.8Pe2sUV8kXdvjjKXJdDeUle9Ht9ajl6Rfi"

_T = TypeVar("_T")


class BcryptHasher:
    """Implements `PasswordHasher`. `close` ends its threads."""

    def __init__(self, *, cost: int = COST, threads: int = _THREADS, max_waiting: int = _MAX_WAITING) -> None:
        self._scheme = bcrypt.using(rounds=cost, ident="2b", truncate_error=False)
        self._dummy = _DUMMY_HASH if cost == COST else self._scheme.hash("nobody")
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
        self._max_waiting = max_waiting
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return a hash of the first 72 bytes, which is all that bcrypt looks at."""
        return await self._run(lambda: str(self._scheme.hash(_cut(password))))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password fits; a missing or unreadable hash takes the same time and is False."""
        usable = password_hash is not None and self._scheme.identify(password_hash)
        known = password_hash if usable and password_hash is not None else self._dummy

        def check() -> bool:
            try:
                return bool(self._scheme.verify(_cut(password), known))
            except ValueError:
                # A damaged hash, or a text that cannot be a password (NUL).
                return False

        return await self._run(check) and usable

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= self._max_waiting:
            raise LoginBusyError
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _cut(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")[:MAX_BYTES]
