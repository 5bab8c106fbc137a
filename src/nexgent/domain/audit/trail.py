"""Write down what was done, before the answer to it is given where that is possible."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import Any

import structlog

from nexgent.domain.audit.models import AuditEntry
from nexgent.domain.audit.ports import AuditLog
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import TaskSet

log = structlog.get_logger(__name__)

BATCH = 200
PATIENCE_SECONDS = 2.0
MAX_WAITING = 10_000


class AuditTrail:
    """Entries are written in order. While the database is away they wait in memory, and each is in the log as well."""

    def __init__(self, *, store: AuditLog) -> None:
        self._store = store
        self._waiting: deque[AuditEntry] = deque()
        self._writing = asyncio.Lock()
        self._tasks = TaskSet("audit")
        self._flushing: asyncio.Task[Any] | None = None

    async def record(self, entry: AuditEntry) -> None:
        """Write an entry; return when it is durable, or after a moment when it cannot be. Never raises for that."""
        self.note(entry)
        if not await self._flushed():
            log.warning(
                "audit.postponed",
                action=entry.action,
                outcome=entry.outcome.value,
                actor=entry.actor,
                user_id=str(entry.user_id) if entry.user_id is not None else None,
                target=entry.target,
                address=entry.address,
                waiting=len(self._waiting),
            )

    async def _flushed(self) -> bool:
        """Tell whether everything in line was written within a moment. The writing itself is not interrupted.

        Interrupting a statement takes as long as a database that hangs wants it to, and whoever waits here has no such time.
        """
        if self._flushing is None or self._flushing.done():
            self._flushing = self._tasks.start(self._flush_quietly(), name="audit.flush")
        await asyncio.wait({self._flushing}, timeout=PATIENCE_SECONDS)
        return self._flushing.done() and self._flushing.result() is True

    async def _flush_quietly(self) -> bool:
        try:
            await self.flush()
        except NexgentError:
            return False
        return True

    def note(self, entry: AuditEntry) -> None:
        """Put an entry in line; the next `flush` writes it."""
        if len(self._waiting) >= MAX_WAITING:
            # It is in the log: whoever waits was told about one by one.
            self._waiting.popleft()
        self._waiting.append(entry)

    async def flush(self) -> None:
        """Write what waits. Raises `UnavailableError`."""
        async with self._writing:
            while self._waiting:
                batch = list(islice(self._waiting, BATCH))
                await self._store.append(batch)
                # What was put in line meanwhile stands behind these, unless the oldest had to go.
                for entry in batch:
                    if self._waiting and self._waiting[0] is entry:
                        self._waiting.popleft()
