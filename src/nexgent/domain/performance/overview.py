"""All agents of a user together, in one mode: what they hold, what they earned, and what they were worth over time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.performance.models import HOUR, EquityPoint, PeriodTotals, hour_of
from nexgent.domain.performance.open_sums import OpenPositionSums
from nexgent.domain.performance.ports import OverviewQueries
from nexgent.domain.performance.summary import ClosedTradeTotals, PerformanceSummary, summarise_sums
from nexgent.domain.prices.latest import LatestPrices
from nexgent.shared.clock import Clock
from nexgent.shared.money import SOL_MINT, sol
from nexgent.shared.types import UserId

EquityTimeframe = Literal["24h", "7d", "30d", "all"]
_LENGTHS: dict[EquityTimeframe, timedelta] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_DAY = timedelta(days=1)
SHARE = 64
"""After so many wallets the others get their turn."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures of this moment, and what closed trades brought today, in 7 and 30 days, and in all."""

    agents: int
    summary: PerformanceSummary
    periods: Sequence[PeriodTotals]


class DescribeOverview:
    """Paper and live money are never added up."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        ledger: Ledger,
        latest_prices: LatestPrices,
        queries: OverviewQueries,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._latest_prices = latest_prices
        self._queries = queries
        self._clock = clock

    async def execute(self, user_id: UserId, mode: TradingMode, zone: tzinfo) -> Overview:
        """Return the overview; today begins at midnight in `zone`. Raises `UnavailableError`."""
        agents = list(self._directory.each_of_user(user_id))
        lamports, held = 0, OpenPositionSums()
        wallets = [wallet.address for agent in agents if (wallet := agent.wallet_for(mode)) is not None]
        await self._ledger.refresh(wallets)
        for number, address in enumerate(wallets, 1):
            try:
                state = await self._ledger.fresh(address)
            except UnknownWalletError:
                continue
            lamports += state.balance_raw(SOL_MINT)
            held.add(state.positions.values(), self._latest_prices)
            if number % SHARE == 0:
                # Prices and trades do not wait for somebody who looks.
                await asyncio.sleep(0)
        now = self._clock.now()
        starts = {
            "today": now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0),
            "7d": now - _LENGTHS["7d"],
            "30d": now - _LENGTHS["30d"],
            "all": None,
        }
        periods = await self._queries.totals_by_period(user_id, mode, starts)
        whole = next((one for one in periods if one.period == "all"), None)
        closed = (
            ClosedTradeTotals(whole.count, whole.wins, whole.profit_loss_sol)
            if whole is not None
            else ClosedTradeTotals()
        )
        return Overview(len(agents), summarise_sums(sol(lamports), closed, held.totals()), periods)

    async def equity(
        self, user_id: UserId, mode: TradingMode, timeframe: EquityTimeframe
    ) -> Sequence[EquityPoint]:
        """Return what all wallets were worth together: every hour, for `all` every midnight (UTC), oldest first.

        A wallet without a snapshot of an hour counts with its last one of two days. Raises `UnavailableError`.
        """
        until = hour_of(self._clock.now())
        length = _LENGTHS.get(timeframe)
        if length is not None:
            return await self._queries.equity(user_id, mode, until - length, until, HOUR)
        first = await self._queries.first_snapshot(user_id, mode)
        if first is None:
            return ()
        midnight = until.replace(hour=0)
        if midnight - first < 2 * _DAY:
            return await self._queries.equity(user_id, mode, first, until, HOUR)
        return await self._queries.equity(user_id, mode, _midnight_after(first), midnight, _DAY)


def _midnight_after(moment: datetime) -> datetime:
    return hour_of(moment).replace(hour=0) + _DAY
