"""What the audit log needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nexgent.domain.audit.models import AuditEntry, AuditFilter, AuditRow
from nexgent.shared.paging import PageCursor


class AuditLog(Protocol):
    """The durable record. Methods raise `UnavailableError` when it cannot be reached."""

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries, all or none."""

    async def list(
        self, wanted: AuditFilter, *, limit: int, offset: int = 0, after: PageCursor[int] | None = None
    ) -> Sequence[AuditRow]:
        """Return matching entries, newest first."""
