"""Recorded prices that a test puts in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from nexgent.domain.price_history.models import (
    CandleRow,
    Marker,
    PositionLines,
    Recorded,
    RefusalRow,
    Resolution,
    SourceLine,
)
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import AgentId, TokenAddress, UserId


class FakePriceHistory:
    """Implements `PriceHistoryStore` and `PriceHistoryQueries`; `away` makes it unreachable."""

    def __init__(self) -> None:
        self.written: list[Recorded] = []
        self.rows: list[CandleRow] = []
        self.happened: list[Marker] = []
        self.moved: list[PositionLines] = []
        self.said: list[SourceLine] = []
        self.refused: list[RefusalRow] = []
        self.known: set[tuple[UserId, TokenAddress]] = set()
        self.asked: list[tuple[Resolution, datetime, datetime, int]] = []
        self.away = False

    def _check(self) -> None:
        if self.away:
            raise UnavailableError("The database is not available at present: could not read prices")

    async def add(self, recorded: Recorded) -> None:
        self._check()
        self.written.append(recorded)

    async def candles(
        self, token: TokenAddress, resolution: Resolution, start: datetime, end: datetime, limit: int
    ) -> Sequence[CandleRow]:
        self._check()
        self.asked.append((resolution, start, end, limit))
        return [row for row in self.rows if start <= row.time <= end][-limit:]

    async def dealt_with(self, token: TokenAddress, user_id: UserId, agents: Collection[AgentId]) -> bool:
        self._check()
        return (user_id, token) in self.known

    async def markers(
        self,
        token: TokenAddress,
        user_id: UserId,
        agents: Collection[AgentId],
        start: datetime,
        end: datetime,
        limit: int,
    ) -> Sequence[Marker]:
        self._check()
        return [one for one in self.happened if start <= one.time <= end][-limit:]

    async def lines(
        self,
        token: TokenAddress,
        agents: Collection[AgentId],
        start: datetime,
        end: datetime,
        limit: int,
    ) -> Sequence[PositionLines]:
        self._check()
        return [one for one in self.moved if one.agent_id in agents]

    async def sources(
        self, token: TokenAddress, resolution: Resolution, start: datetime, end: datetime, limit: int
    ) -> Sequence[SourceLine]:
        self._check()
        return self.said

    async def refusals(
        self, token: TokenAddress, start: datetime, end: datetime, limit: int
    ) -> Sequence[RefusalRow]:
        self._check()
        return [one for one in self.refused if one.since <= end][-limit:]
