"""The chart of a token: its recorded prices, and what the caller's agents did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.price_history.models import CandleRow, Marker, PositionLines, Resolution
from nexgent.domain.price_history.ports import PriceHistoryQueries
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress, UserId

MOST_MARKERS = 500
MOST_POINTS = 5000


@dataclass(frozen=True, slots=True)
class Chart:
    """Candles, markers and lines of a period, oldest first."""

    candles: Sequence[CandleRow]
    markers: Sequence[Marker]
    lines: Sequence[PositionLines]


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
        return Chart(candles, markers, lines)
