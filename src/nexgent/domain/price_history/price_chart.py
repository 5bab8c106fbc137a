"""The chart of a token: its recorded prices, and what the caller's agents did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.price_history.models import (
    CandleRow,
    Marker,
    PositionLines,
    RefusalRow,
    Resolution,
    SourceLine,
)
from nexgent.domain.price_history.ports import PriceHistoryQueries
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress, UserId

MOST_MARKERS = 500
MOST_POINTS = 5000
MOST_REFUSALS = 200
STILL_SO = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Chart:
    """Candles, markers and lines of a period, oldest first. What sources said, and whose word was not taken, on demand."""

    candles: Sequence[CandleRow]
    markers: Sequence[Marker]
    lines: Sequence[PositionLines]
    sources: Sequence[SourceLine] = ()
    refusals: Sequence[RefusalRow] = ()


class PriceChart:
    """Show a token to those who have to do with it.

    Prices are recorded for what any user of the installation holds. That there are some would tell who has never dealt with the
    token that somebody else does, so to them it looks like one nobody has recorded.
    """

    def __init__(
        self, *, directory: AgentDirectory, book: PositionBook, queries: PriceHistoryQueries, clock: Clock
    ) -> None:
        self._directory = directory
        self._book = book
        self._queries = queries
        self._clock = clock

    async def execute(
        self,
        user_id: UserId,
        token: TokenAddress,
        resolution: Resolution,
        *,
        start: datetime | None,
        end: datetime | None,
        limit: int,
        with_sources: bool = False,
    ) -> Chart:
        """Return the newest `limit` candles that begin from `start` to `end` (by default so many periods before now, and now).

        Raises `UnavailableError`.
        """
        until = end if end is not None else self._clock.now()
        since = start if start is not None else until - timedelta(seconds=resolution.seconds * limit)
        agents = [agent.id for agent in self._directory.each_of_user(user_id)]
        held = any(self._book.holds(agent, token) for agent in agents)
        if not held and not await self._queries.dealt_with(token, user_id, agents):
            return Chart((), (), ())
        candles = await self._queries.candles(token, resolution, since, until, limit)
        markers = await self._queries.markers(token, user_id, agents, since, until, MOST_MARKERS)
        lines = await self._queries.lines(token, agents, since, until, MOST_POINTS)
        if not with_sources:
            return Chart(candles, markers, lines)
        sources = await self._queries.sources(token, resolution, since, until, MOST_POINTS)
        refusals = await self._queries.refusals(token, since, until, MOST_REFUSALS)
        # What lasts is told again every ten seconds, and written a little later; what has ended is known.
        lasting = self._clock.now() - STILL_SO
        return Chart(
            candles,
            markers,
            lines,
            sources,
            [
                replace(one, until=None)
                if not one.is_over and one.until is not None and one.until > lasting
                else one
                for one in refusals
            ],
        )
