"""Sums over closed trades, hourly snapshots and the history of wallets, in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import asyncpg

from nexgent.domain.ledger.models import Entry
from nexgent.domain.performance.models import Snapshot, WalletDue
from nexgent.domain.performance.summary import ClosedTradeTotals
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.shared.ids import derived_id
from nexgent.shared.types import AgentId, WalletAddress

_TOTALS = """
SELECT count(*) AS count, count(*) FILTER (WHERE profit_loss_sol > 0) AS wins,
       coalesce(sum(profit_loss_sol), 0) AS profit_loss_sol, coalesce(sum(change_percent), 0) AS change_pct
FROM agent_historical_swaps
WHERE agent_id = $1 AND ($2::text IS NULL OR wallet_address = $2) AND ($3::timestamptz IS NULL OR sale_time >= $3)
"""
_COLUMNS = """
agent_id, wallet_address, snapshot_timestamp AS hour, portfolio_balance_sol, sol_balance, positions_value_sol, unrealized_pnl_sol
"""
_SINCE = f"""
SELECT {_COLUMNS} FROM agent_balance_snapshots
WHERE agent_id = $1 AND wallet_address = $2 AND snapshot_timestamp >= $3 ORDER BY snapshot_timestamp
"""  # noqa: S608 -- fixed text  # nosec B608
# Midnight is UTC's, whatever the session thinks.
_DAILY = f"""
SELECT {_COLUMNS} FROM agent_balance_snapshots
WHERE agent_id = $1 AND wallet_address = $2 AND extract(hour FROM snapshot_timestamp AT TIME ZONE 'UTC') = 0
ORDER BY snapshot_timestamp
"""  # noqa: S608 -- fixed text  # nosec B608
_FIRST_DAY = f"""
SELECT {_COLUMNS} FROM agent_balance_snapshots
WHERE agent_id = $1 AND wallet_address = $2 ORDER BY snapshot_timestamp LIMIT 24
"""  # noqa: S608 -- fixed text  # nosec B608
_DUE = """
SELECT w.agent_id, w.wallet_address, w.created_at, s.last_hour
FROM agent_wallets w LEFT JOIN LATERAL (
    SELECT max(snapshot_timestamp) AS last_hour FROM agent_balance_snapshots b
    WHERE b.agent_id = w.agent_id AND b.wallet_address = w.wallet_address
) s ON true
ORDER BY w.created_at, w.wallet_address
"""
# A wallet that was removed meanwhile needs no snapshot.
_SAVE = """
INSERT INTO agent_balance_snapshots
    (id, agent_id, wallet_address, snapshot_timestamp, portfolio_balance_sol, sol_balance, positions_value_sol,
     unrealized_pnl_sol, updated_at)
SELECT n.id, n.agent_id, n.wallet_address, n.hour, n.portfolio, n.sol, n.positions, n.unrealized, CURRENT_TIMESTAMP
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::numeric[], $6::numeric[], $7::numeric[], $8::numeric[])
    AS n (id, agent_id, wallet_address, hour, portfolio, sol, positions, unrealized)
JOIN agent_wallets w ON w.wallet_address = n.wallet_address AND w.agent_id = n.agent_id
ON CONFLICT (agent_id, wallet_address, snapshot_timestamp) DO UPDATE SET
    portfolio_balance_sol = excluded.portfolio_balance_sol, sol_balance = excluded.sol_balance,
    positions_value_sol = excluded.positions_value_sol, unrealized_pnl_sol = excluded.unrealized_pnl_sol,
    updated_at = excluded.updated_at
"""
_BATCH = 2_000


class PostgresPerformance:
    """Implements `PerformanceQueries` and `SnapshotStore`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def closed_totals(
        self, agent_id: AgentId, wallet: WalletAddress | None, since: datetime | None
    ) -> ClosedTradeTotals:
        """Return the sums over closed trades, sold at `since` or later."""
        with translated_errors("sum up closed trades"):
            row = await self._pool.fetchrow(_TOTALS, agent_id, wallet, since)
        return ClosedTradeTotals(**dict(row)) if row is not None else ClosedTradeTotals()

    async def snapshots_since(
        self, agent_id: AgentId, wallet: WalletAddress, since: datetime
    ) -> Sequence[Snapshot]:
        """Return the hourly snapshots from a moment on, oldest first."""
        with translated_errors("read snapshots"):
            return [Snapshot(**row) for row in await self._pool.fetch(_SINCE, agent_id, wallet, since)]

    async def daily_snapshots(self, agent_id: AgentId, wallet: WalletAddress) -> Sequence[Snapshot]:
        """Return the snapshots of UTC midnights; the hourly ones as long as there is no midnight yet."""
        with translated_errors("read snapshots"):
            rows = await self._pool.fetch(_DAILY, agent_id, wallet)
            if not rows:
                rows = await self._pool.fetch(_FIRST_DAY, agent_id, wallet)
        return [Snapshot(**row) for row in rows]

    async def due(self) -> Sequence[WalletDue]:
        """Return every wallet with the hour of its last snapshot."""
        with translated_errors("read snapshots"):
            return [WalletDue(**row) for row in await self._pool.fetch(_DUE)]

    async def save(self, snapshots: Sequence[Snapshot]) -> int:
        """Store snapshots in one statement; return how many."""
        if not snapshots:
            return 0
        with translated_errors("store snapshots"):
            done = await self._pool.execute(
                _SAVE,
                [
                    derived_id("snapshot", one.agent_id, one.wallet_address, one.hour.isoformat())
                    for one in snapshots
                ],
                [one.agent_id for one in snapshots],
                [one.wallet_address for one in snapshots],
                [one.hour for one in snapshots],
                [one.portfolio_balance_sol for one in snapshots],
                [one.sol_balance for one in snapshots],
                [one.positions_value_sol for one in snapshots],
                [one.unrealized_pnl_sol for one in snapshots],
            )
        return int(done.rpartition(" ")[2])


class JournalHistory:
    """Implements `WalletHistory` over the journal, in batches."""

    def __init__(self, journal: PostgresJournal) -> None:
        self._journal = journal

    async def entries(self, wallet: WalletAddress) -> AsyncIterator[Entry]:
        """Yield the entries of a wallet from the first on."""
        seq = 0
        while lines := await self._journal.read_wallet(wallet, seq, _BATCH):
            for line in lines:
                yield line.entry
            seq = lines[-1].entry.seq
