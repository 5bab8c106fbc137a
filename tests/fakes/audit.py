"""An audit log in memory."""

from __future__ import annotations

from collections.abc import Sequence

from nexgent.domain.audit.models import AuditEntry, AuditFilter, AuditRow
from nexgent.shared.paging import PageCursor


class FakeAuditLog:
    def __init__(self) -> None:
        self.rows: list[AuditRow] = []
        self.failure: Exception | None = None

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        if self.failure is not None:
            raise self.failure
        self.rows += [AuditRow(id=len(self.rows) + n, entry=entry) for n, entry in enumerate(entries, 1)]

    async def list(
        self, wanted: AuditFilter, *, limit: int, offset: int = 0, after: PageCursor[int] | None = None
    ) -> Sequence[AuditRow]:
        rows = [row for row in reversed(self.rows) if wanted.user_id in (None, row.entry.user_id)]
        return [row for row in rows if after is None or row.id < after.id][offset : offset + limit]
