"""What the package needs from outside. All methods raise `UnavailableError` when the store cannot be reached."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from nexgent.domain.price_history.models import (
    CandleRow,
    Marker,
    PositionLines,
    Recorded,
    RefusalRow,
    Resolution,
    SourceLine,
)
from nexgent.shared.types import AgentId, TokenAddress, UserId


class PriceHistoryStore(Protocol):
    """Where the worker keeps what it recorded."""

    async def add(self, recorded: Recorded) -> None:
        """Put what was recorded together with what is there. Doing so twice changes nothing."""
        ...


class PriceHistoryQueries(Protocol):
    """What charts are made of."""

    async def candles(
        self, token: TokenAddress, resolution: Resolution, start: datetime, end: datetime, limit: int
    ) -> Sequence[CandleRow]:
        """Return the newest candles that begin in a period, bounds included, oldest first."""
        ...

    async def dealt_with(self, token: TokenAddress, user_id: UserId, agents: Collection[AgentId]) -> bool:
        """Tell whether one of the agents ever held a token, or the user ever had a signal for it."""
        ...

    async def markers(
        self,
        token: TokenAddress,
        user_id: UserId,
        agents: Collection[AgentId],
        start: datetime,
        end: datetime,
        limit: int,
    ) -> Sequence[Marker]:
        """Return the newest trades of the agents and signals of the user in a period, oldest first."""
        ...

    async def lines(
        self,
        token: TokenAddress,
        agents: Collection[AgentId],
        start: datetime,
        end: datetime,
        limit: int,
    ) -> Sequence[PositionLines]:
        """Return how stops and peaks of the agents' positions moved in a period: the newest points, oldest first.

        The point before the period is part of it, as the line begins with it.
        """
        ...

    async def sources(
        self, token: TokenAddress, resolution: Resolution, start: datetime, end: datetime, limit: int
    ) -> Sequence[SourceLine]:
        """Return what each source said in a period, by the minute, in hours by the hour: the newest points, oldest first."""
        ...

    async def refusals(
        self, token: TokenAddress, start: datetime, end: datetime, limit: int
    ) -> Sequence[RefusalRow]:
        """Return the newest times in a period during which the words of a source were not taken, oldest first.

        `until` is when that was so last.
        """
        ...
