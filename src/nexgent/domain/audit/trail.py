"""Write down what was done, before the answer to it is given where that is possible."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice

import structlog

from nexgent.domain.audit.models import AuditEntry
from nexgent.domain.audit.ports import AuditLog
from nexgent.shared.errors import NexgentError

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

    async def record(self, entry: AuditEntry) -> None:
        """Write an entry; return when it is durable, or after a moment when it cannot be. Never raises for that."""
        self.note(entry)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.flush()
        except (TimeoutError, NexgentError):
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
