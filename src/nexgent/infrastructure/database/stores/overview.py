"""Sums and curves over all agents of a user.

Raw asyncpg: both lean on series and lateral look-ups. What they need is kept in sums (`schema/sums.py`), so that neither years of
trades nor a thousand wallets are added up while somebody waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.performance.models import EquityPoint, PeriodTotals
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.shared.types import UserId

# Paper wallets have an address that no live one can have; what a wallet did stays its own when it is replaced. Whole days (UTC)
# are summed up already; of the day in which a period begins the trades are looked at.
_TOTALS = r"""
SELECT period.name AS period, period.since, coalesce(sum(part.trades), 0)::bigint AS count,
       coalesce(sum(part.wins), 0)::bigint AS wins,
       coalesce(sum(part.profit_loss_sol), 0) AS profit_loss_sol,
       coalesce(sum(part.profit_loss_usd), 0) AS profit_loss_usd
FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS period (name, since, n)
LEFT JOIN LATERAL (
    SELECT day.trades, day.wins, day.profit_loss_sol, day.profit_loss_usd FROM closed_trade_days day
    WHERE day.user_id = $3 AND day.paper = $4
      AND (period.since IS NULL OR day.day > (period.since AT TIME ZONE 'UTC')::date)
    UNION ALL
    SELECT count(*), count(*) FILTER (WHERE trade.profit_loss_sol > 0), sum(trade.profit_loss_sol), sum(trade.profit_loss_usd)
    FROM agent_historical_swaps trade JOIN agents ON agents.id = trade.agent_id AND agents.user_id = $3
    WHERE (trade.wallet_address LIKE 'sim\_%') = $4 AND trade.sale_time >= period.since
      AND trade.sale_time < ((period.since AT TIME ZONE 'UTC')::date + 1)::timestamp AT TIME ZONE 'UTC'
) part ON true
GROUP BY period.name, period.since, period.n ORDER BY period.n
"""
# An hour of which every wallet that had begun by then has a snapshot is summed up already; for the others each wallet is looked
# at, as one without a snapshot counts with its last one of two days. A wallet goes together with its snapshots.
_EQUITY = r"""
WITH wallet AS MATERIALIZED (
    SELECT w.agent_id, w.wallet_address, snapshot_begins.begun_at
    FROM agent_wallets w JOIN snapshot_begins USING (agent_id, wallet_address) JOIN agents ON agents.id = w.agent_id
    WHERE agents.user_id = $1 AND (w.wallet_address LIKE 'sim\_%') = $2
),
step AS MATERIALIZED (
    SELECT series.time, kept.portfolio_balance_sol, kept.wallets,
           kept.wallets = width_bucket(series.time, ARRAY(SELECT begun_at FROM wallet ORDER BY 1))
               AS complete
    FROM generate_series($3::timestamptz, $4::timestamptz, $5::interval) AS series (time)
    LEFT JOIN snapshot_hours kept ON kept.user_id = $1 AND kept.paper = $2 AND kept.hour = series.time
),
-- By itself: next to none, whatever the planner thinks of a comparison.
incomplete AS MATERIALIZED (SELECT time FROM step WHERE complete IS NOT TRUE)
SELECT time, portfolio_balance_sol, wallets FROM step WHERE complete
UNION ALL
SELECT step.time, sum(newest.portfolio_balance_sol), count(*)
FROM incomplete step CROSS JOIN wallet
CROSS JOIN LATERAL (
    SELECT one.portfolio_balance_sol FROM agent_balance_snapshots one
    WHERE one.agent_id = wallet.agent_id AND one.wallet_address = wallet.wallet_address
      AND one.snapshot_timestamp <= step.time AND one.snapshot_timestamp > step.time - interval '2 days'
    ORDER BY one.snapshot_timestamp DESC LIMIT 1
) newest
WHERE wallet.begun_at <= step.time
GROUP BY step.time
ORDER BY time
"""
_FIRST = "SELECT min(hour) FROM snapshot_hours WHERE user_id = $1 AND paper = $2"


class PostgresOverview:
    """Implements `OverviewQueries`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def totals_by_period(
        self, user_id: UserId, mode: TradingMode, starts: Mapping[str, datetime | None]
    ) -> Sequence[PeriodTotals]:
        """Return the sums over a user's closed trades since each start, in the order of the starts."""
        with translated_errors("sum up closed trades"):
            rows = await self._pool.fetch(
                _TOTALS, list(starts), list(starts.values()), user_id, mode is TradingMode.SIMULATION
            )
        return [PeriodTotals(**row) for row in rows]

    async def equity(
        self, user_id: UserId, mode: TradingMode, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[EquityPoint]:
        """Return what all wallets of a user were worth at each step, bounds included."""
        with translated_errors("read snapshots"):
            rows = await self._pool.fetch(_EQUITY, user_id, mode is TradingMode.SIMULATION, start, end, step)
        return [EquityPoint(**row) for row in rows]

    async def first_snapshot(self, user_id: UserId, mode: TradingMode) -> datetime | None:
        """Return the hour of the oldest snapshot."""
        with translated_errors("read snapshots"):
            found: datetime | None = await self._pool.fetchval(
                _FIRST, user_id, mode is TradingMode.SIMULATION
            )
        return found
