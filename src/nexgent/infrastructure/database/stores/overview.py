"""Sums and curves over all agents of a user.

Raw asyncpg: both lean on series and lateral look-ups, one per hour and wallet, that stay on the index of the snapshots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.performance.models import EquityPoint, PeriodTotals
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.shared.types import AgentId

# Paper wallets have an address that no live one can have; what a wallet did stays its own when it is replaced.
_TOTALS = r"""
SELECT period.name AS period, period.since, count(trade.id) AS count,
       count(trade.id) FILTER (WHERE trade.profit_loss_sol > 0) AS wins,
       coalesce(sum(trade.profit_loss_sol), 0) AS profit_loss_sol,
       coalesce(sum(trade.profit_loss_usd), 0) AS profit_loss_usd
FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS period (name, since, n)
LEFT JOIN agent_historical_swaps trade
    ON trade.agent_id = ANY ($3) AND (trade.wallet_address LIKE 'sim\_%') = $4
    AND (period.since IS NULL OR trade.sale_time >= period.since)
GROUP BY period.name, period.since, period.n ORDER BY period.n
"""
_EQUITY = r"""
WITH wallet AS (
    SELECT DISTINCT agent_id, wallet_address FROM agent_balance_snapshots
    WHERE agent_id = ANY ($1) AND (wallet_address LIKE 'sim\_%') = $2
      AND snapshot_timestamp > $3::timestamptz - interval '2 days' AND snapshot_timestamp <= $4
)
SELECT step.time, sum(newest.portfolio_balance_sol) AS portfolio_balance_sol, count(*) AS wallets
FROM generate_series($3::timestamptz, $4::timestamptz, $5::interval) AS step (time)
CROSS JOIN wallet
CROSS JOIN LATERAL (
    SELECT one.portfolio_balance_sol FROM agent_balance_snapshots one
    WHERE one.agent_id = wallet.agent_id AND one.wallet_address = wallet.wallet_address
      AND one.snapshot_timestamp <= step.time AND one.snapshot_timestamp > step.time - interval '2 days'
    ORDER BY one.snapshot_timestamp DESC LIMIT 1
) newest
GROUP BY step.time ORDER BY step.time
"""
_FIRST = r"""
SELECT min(snapshot_timestamp) FROM agent_balance_snapshots
WHERE agent_id = ANY ($1) AND (wallet_address LIKE 'sim\_%') = $2
"""


class PostgresOverview:
    """Implements `OverviewQueries`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def totals_by_period(
        self, agents: Sequence[AgentId], mode: TradingMode, starts: Mapping[str, datetime | None]
    ) -> Sequence[PeriodTotals]:
        """Return the sums over closed trades since each start, in the order of the starts."""
        with translated_errors("sum up closed trades"):
            rows = await self._pool.fetch(
                _TOTALS, list(starts), list(starts.values()), agents, mode is TradingMode.SIMULATION
            )
        return [PeriodTotals(**row) for row in rows]

    async def equity(
        self, agents: Sequence[AgentId], mode: TradingMode, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[EquityPoint]:
        """Return what all wallets were worth at each step, bounds included."""
        with translated_errors("read snapshots"):
            rows = await self._pool.fetch(_EQUITY, agents, mode is TradingMode.SIMULATION, start, end, step)
        return [EquityPoint(**row) for row in rows]

    async def first_snapshot(self, agents: Sequence[AgentId], mode: TradingMode) -> datetime | None:
        """Return the hour of the oldest snapshot."""
        with translated_errors("read snapshots"):
            found: datetime | None = await self._pool.fetchval(_FIRST, agents, mode is TradingMode.SIMULATION)
        return found
