"""The figures of an agent right now: ledger and book of this process, closed trades from the tables."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.performance.models import position_figures
from nexgent.domain.performance.ports import PerformanceQueries
from nexgent.domain.performance.summary import (
    ClosedTradeTotals,
    PerformanceSummary,
    Timeframe,
    summarise_totals,
)
from nexgent.domain.prices.latest import LatestPrices
from nexgent.shared.clock import Clock
from nexgent.shared.money import SOL_MINT, sol
from nexgent.shared.types import AgentId, UserId, WalletAddress

_DAY = timedelta(hours=24)


class AgentPerformance:
    """Balance, profit, win rate; of one wallet or of all of an agent."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        ledger: Ledger,
        latest_prices: LatestPrices,
        queries: PerformanceQueries,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._latest_prices = latest_prices
        self._queries = queries
        self._clock = clock

    async def execute(
        self, agent_id: AgentId, user_id: UserId, timeframe: Timeframe, wallet: WalletAddress | None = None
    ) -> PerformanceSummary:
        """Return the figures; a wallet that is not the agent's has none, so all of them are zero.

        Raises `AgentNotFoundError`, `UnavailableError`.
        """
        agent = self._directory.owned(agent_id, user_id)
        wallets = [one.address for one in agent.wallets if wallet is None or one.address == wallet]
        if wallet is not None and not wallets:
            return summarise_totals(Decimal(0), ClosedTradeTotals(), [])
        lamports, figures = 0, []
        for address in wallets:
            try:
                state = await self._ledger.fresh(address)
            except UnknownWalletError:
                continue
            lamports += state.balance_raw(SOL_MINT)
            for position in state.positions.values():
                price = self._latest_prices.get(position.token_address)
                figures.append(position_figures(position, price.price_sol if price is not None else None))
        since = self._clock.now() - _DAY if timeframe == "24h" else None
        closed = await self._queries.closed_totals(agent_id, wallet, since)
        return summarise_totals(sol(lamports), closed, figures)
