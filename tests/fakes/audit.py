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
        before = len(self.rows)
        self.rows += [AuditRow(id=before + n, entry=entry) for n, entry in enumerate(entries, 1)]

    async def list(
        self, wanted: AuditFilter, *, limit: int, offset: int = 0, after: PageCursor[int] | None = None
    ) -> Sequence[AuditRow]:
        rows = [row for row in self.rows if _is_wanted(row.entry, wanted)]
        rows = [row for row in rows if after is None or (row.entry.at, row.id) < (after.time, after.id)]
        return sorted(rows, key=lambda row: (row.entry.at, row.id), reverse=True)[offset : offset + limit]


def _is_wanted(entry: AuditEntry, wanted: AuditFilter) -> bool:
    own = entry.user_id == wanted.user_id or (entry.user_id is None and entry.actor == wanted.own_email)
    return (
        (wanted.user_id is None or own)
        and wanted.action in {None, entry.action}
        and wanted.outcome in {None, entry.outcome}
        and wanted.target in {None, entry.target}
        and wanted.address in {None, entry.address}
        and (wanted.start is None or entry.at >= wanted.start)
        and (wanted.end is None or entry.at <= wanted.end)
    )
