"""Signals in memory: the store, and what is asked of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import SecretStr

from nexgent.domain.signals.models import Signal, SignalDecision, SignalDraft
from nexgent.domain.signals.queries import SignalFilter, SignalRow
from nexgent.shared.clock import Clock, SystemClock
from nexgent.shared.paging import PageCursor
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS
from nexgent.shared.types import SignalId, UserId

SECRET = SecretStr("test-0123456789-0123456789-0123456789")
PASSWORD = "correct horse"
EMAIL = "a@b.co"
"""In the tokens of all users here, who are the administrator at the same time."""


class FakeSignals:
    """Store and queries of signals."""

    def __init__(self) -> None:
        self.rows: dict[SignalId, SignalRow] = {}
        self.by_signal: dict[SignalId, list[SignalDecision]] = {}
        self.answered: dict[SignalId, int] = {}
        self.wanted: SignalFilter | None = None
        self.exports = 0
        self.failure: Exception | None = None
        self.fails_after = 0
        self.clock: Clock = SystemClock()

    async def add(self, draft: SignalDraft, *, duplicate_window_seconds: int) -> Signal | None:
        key = _what(draft)
        now = self.clock.now()
        for row in self.rows.values():
            if _what(row) == key and now - row.created_at < timedelta(seconds=duplicate_window_seconds):
                return None
        fields = {
            "id": SignalId(max(self.rows, default=0) + 1),
            "user_id": draft.user_id,
            "token_address": draft.token_address,
            "symbol": draft.symbol,
            "signal_type": draft.signal_type,
            "activation_reason": draft.activation_reason,
            "signal_strength": draft.signal_strength,
            "source": draft.source,
            "created_at": now,
            "updated_at": now,
            "action": draft.action,
            "percent": draft.percent,
        }
        signal = Signal(**fields)  # type: ignore[arg-type]  # One dict for both classes.
        self.rows[signal.id] = SignalRow(**fields, processed_at=None, process_note=None)  # type: ignore[arg-type]
        return signal

    async def undecided(
        self,
        *,
        older_than_seconds: float = 0.0,
        besides: Collection[SignalId] = (),
        limit: int = 500,
        shards: int = ALL_SHARDS,
    ) -> Sequence[Signal]:
        latest = self.clock.now() - timedelta(seconds=older_than_seconds)
        rows = [
            row
            for row in self.rows.values()
            if row.processed_at is None
            and row.created_at <= latest
            and shards & ~self.answered.get(row.id, NO_SHARDS)
        ]
        return [
            Signal(**{name: getattr(row, name) for name in Signal.__slots__})
            for row in rows
            if row.id not in besides
        ][:limit]

    async def unanswered(self, signal_ids: Collection[SignalId]) -> Mapping[SignalId, int]:
        return {one: ALL_SHARDS & ~self.answered.get(one, NO_SHARDS) for one in signal_ids}

    async def record_decisions(
        self, signal_id: SignalId, decisions: Sequence[SignalDecision], *, shards: int = ALL_SHARDS
    ) -> None:
        recorded = self.by_signal.setdefault(signal_id, [])
        known = {decision.agent_id for decision in recorded}
        recorded += [decision for decision in decisions if decision.agent_id not in known]
        recorded.sort(key=lambda decision: decision.agent_id)
        self.answered[signal_id] = self.answered.get(signal_id, NO_SHARDS) | shards
        if self.answered[signal_id] == ALL_SHARDS:
            self._processed(signal_id, max((one.decided_at for one in decisions), default=self.clock.now()))

    def _processed(self, signal_id: SignalId, at: datetime) -> None:
        row = self.rows.get(signal_id)
        if row is not None and row.processed_at is None:
            self.rows[signal_id] = replace(row, processed_at=at)

    async def list(
        self,
        wanted: SignalFilter,
        *,
        limit: int = 100,
        offset: int = 0,
        after: PageCursor[SignalId] | None = None,
    ) -> Sequence[SignalRow]:
        self.wanted = wanted
        rows = [row for row in self.rows.values() if _is_wanted(row, wanted)]
        rows = [row for row in rows if after is None or (row.created_at, row.id) < (after.time, after.id)]
        return sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)[offset : offset + limit]

    async def get(self, signal_id: SignalId, user_id: UserId) -> SignalRow | None:
        row = self.rows.get(signal_id)
        return row if row is not None and row.user_id == user_id else None

    async def decisions(self, signal_id: SignalId) -> Sequence[SignalDecision]:
        return self.by_signal.get(signal_id, [])

    async def written_decisions(self, signal_id: SignalId) -> str | None:
        return None

    async def export(
        self, wanted: SignalFilter, *, after: SignalId | None = None, limit: int = 1000
    ) -> Sequence[SignalRow]:
        self.wanted = wanted
        self.exports += 1
        if self.failure is not None and self.exports > self.fails_after:
            raise self.failure
        rows = [row for row in self.rows.values() if _is_wanted(row, wanted)]
        rows = [row for row in rows if after is None or row.id > after]
        return sorted(rows, key=lambda row: row.id)[:limit]


def _what(signal: SignalDraft | SignalRow) -> tuple[object, ...]:
    return (
        signal.user_id,
        signal.token_address,
        signal.signal_type,
        signal.signal_strength,
        signal.action,
        signal.percent,
    )


def _is_wanted(row: SignalRow, wanted: SignalFilter) -> bool:
    return (
        row.user_id == wanted.user_id
        and wanted.token_address in {None, row.token_address}
        and wanted.signal_type in {None, row.signal_type}
        and (wanted.start_date is None or row.created_at >= wanted.start_date)
        and (wanted.end_date is None or row.created_at <= wanted.end_date)
    )
