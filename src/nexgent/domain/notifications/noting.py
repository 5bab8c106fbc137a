"""What came through to one target is noted beside the sending, in groups."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from nexgent.domain.notifications.models import Delivered

NOTE_EVERY_SECONDS = 0.25
"""A note costs a commit, whether it is about one message or many."""
MOST_UNNOTED = 100
"""So many messages may have come through without being noted; sending waits for the note then."""
WRITE_SECONDS = 30.0
"""How long a note may take: far less than a target stays one worker's without being renewed."""
STOP_SECONDS = 2.0
"""How long the last note may take when the worker is stopped."""


class Noting:
    """Has `write` note what came through: the first message at once, what follows a quarter of a second's worth at a time.

    Used as a context: when it is left everything is noted, also when sending failed or was cancelled. Only a worker that is
    killed leaves messages behind that came through and are not noted; these come again.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Delivered]], Awaitable[None]],
        *,
        every_seconds: float = NOTE_EVERY_SECONDS,
        most: int = MOST_UNNOTED,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self._write = write
        self._every_seconds = every_seconds
        self._most = most
        self._write_seconds = write_seconds
        self._unnoted: list[Delivered] = []
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def add(self, delivered: Delivered) -> None:
        """Have it noted soon. Raises what `write` raised: nothing more may be sent then, as nobody would know of it."""
        self._unnoted.append(delivered)
        if self._writing is not None and self._writing.done():
            self._writing.result()
            self._writing = None
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_on(), name="notifications.note")
        if len(self._unnoted) >= self._most:
            await self.finish()

    async def finish(self) -> None:
        """Return when everything is noted. Raises what `write` raised."""
        if self._writing is None:
            return
        self._hurry.set()
        # Whoever is cancelled while waiting for a task cancels it, unless it waits like this.
        await asyncio.wait({self._writing})
        self._writing.result()
        self._writing = None
        self._hurry.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.finish()
        elif self._writing is not None:
            # What ended the sending is what counts; whether this note came about, the next worker sees.
            self._hurry.set()
            await asyncio.wait({self._writing}, timeout=STOP_SECONDS)
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write_on(self) -> None:
        while self._unnoted:
            group = tuple(self._unnoted)
            async with asyncio.timeout(self._write_seconds):
                await self._write(group)
            del self._unnoted[: len(group)]
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._every_seconds)
