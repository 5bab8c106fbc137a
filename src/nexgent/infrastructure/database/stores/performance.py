"""Sums over closed trades, hourly snapshots and the history of wallets, in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import asyncpg

from nexgent.domain.ledger.models import Entry
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.performance.models import Snapshot, WalletDue
from nexgent.domain.performance.summary import ClosedTradeTotals
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.journal.archived import state_at
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.stores.sql import performance as sql
from nexgent.shared.ids import derived_id
from nexgent.shared.types import AgentId, WalletAddress

_BATCH = 2_000


class PostgresPerformance:
    """Implements `PerformanceQueries` and `SnapshotStore`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def closed_totals(
        self, agent_id: AgentId, wallet: WalletAddress | None, since: datetime | None
    ) -> ClosedTradeTotals:
        """Return the sums over closed trades, sold at `since` or later; over all of them there is nothing to add up."""
        with translated_errors("sum up closed trades"):
            if since is None:
                row = await self._pool.fetchrow(sql.TOTALS, agent_id, wallet)
            else:
                row = await self._pool.fetchrow(sql.TOTALS_SINCE, agent_id, wallet, since)
        if row is None:
            raise AssertionError("a sum always has one row")
        return ClosedTradeTotals(
            int(row["count"]), int(row["wins"]), row["profit_loss_sol"], row["change_pct"]
        )

    async def snapshots_since(
        self, agent_id: AgentId, wallet: WalletAddress, since: datetime
    ) -> Sequence[Snapshot]:
        """Return the hourly snapshots from a moment on, oldest first."""
        with translated_errors("read snapshots"):
            return [Snapshot(**row) for row in await self._pool.fetch(sql.SINCE, agent_id, wallet, since)]

    async def daily_snapshots(self, agent_id: AgentId, wallet: WalletAddress) -> Sequence[Snapshot]:
        """Return the snapshots of UTC midnights; the hourly ones as long as there is no midnight yet."""
        with translated_errors("read snapshots"):
            rows = await self._pool.fetch(sql.DAILY, agent_id, wallet)
            if not rows:
                rows = await self._pool.fetch(sql.FIRST_DAY, agent_id, wallet)
        return [Snapshot(**row) for row in rows]

    async def due(self) -> Sequence[WalletDue]:
        """Return every wallet with the hour of its last snapshot."""
        with translated_errors("read snapshots"):
            return [WalletDue(**row) for row in await self._pool.fetch(sql.DUE)]

    async def save(self, snapshots: Sequence[Snapshot]) -> int:
        """Store snapshots in one statement; return how many."""
        if not snapshots:
            return 0
        with translated_errors("store snapshots"):
            done = await self._pool.execute(
                sql.SAVE,
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

    async def start(self, agent_id: AgentId, wallet: WalletAddress) -> WalletState:
        """Return what a wallet was where its entries begin: empty, or what it had come to when the ones before were archived."""
        known = await self._journal.baseline(wallet)
        return state_at(known, agent_id) if known is not None else WalletState(wallet, agent_id)

    async def entries(self, wallet: WalletAddress, after_seq: int) -> AsyncIterator[Entry]:
        """Yield the entries of a wallet behind one. Raises `JournalArchivedError` where some are archived."""
        seq = after_seq
        while lines := await self._journal.read_wallet(wallet, seq, _BATCH):
            for line in lines:
                yield line.entry
            seq = lines[-1].entry.seq
