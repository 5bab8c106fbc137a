"""Lists, single rows and exports straight from the read tables."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from nexgent.domain.signals.models import SignalDecision, SignalExecution
from nexgent.domain.signals.queries import SignalFilter, SignalRow
from nexgent.domain.transactions.queries import (
    ClosedTradeExportRow,
    ClosedTradeFilter,
    ClosedTradeRow,
    TransactionFilter,
    TransactionRow,
)
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.signal_rows import (
    DECISION_COLUMNS,
    EXECUTION_COLUMNS,
    SIGNAL_COLUMNS,
    TRADE_COLUMNS,
    as_it_became,
    read_decision,
    read_execution,
    read_trade,
)
from nexgent.shared.paging import IdT, PageCursor
from nexgent.shared.types import ClosedTradeId, SignalId, TransactionId, UserId

# The columns stand in the order of the row classes, which take them by name.
_TRANSACTION_COLUMNS = """
id, agent_id, wallet_address, transaction_type::text AS type, transaction_value_usd AS value_usd, transaction_time AS time,
destination_address, signal_id, fees, routes::text AS routes_json, input_mint, input_symbol, input_amount, input_price,
output_mint, output_symbol, output_amount, output_price, slippage, price_impact, is_dca, is_take_profit, transaction_hash,
protocol_fee_sol, network_fee_sol, created_at, updated_at
"""
_CLOSED_TRADE_COLUMNS = """
t.id, t.agent_id, t.wallet_address, t.token_address, t.token_symbol, t.amount, t.purchase_price, t.sale_price, t.change_percent,
t.profit_loss_usd, t.profit_loss_sol, t.purchase_time, t.sale_time, t.purchase_transaction_id, t.sale_transaction_id,
t.signal_id, t.created_at, t.close_reason
"""
_TRADES = f"SELECT {TRADE_COLUMNS} FROM trade_intents WHERE id = ANY($1::uuid[])"  # noqa: S608 -- constants only  # nosec B608
_SIGNAL_ROW_COLUMNS = f"{SIGNAL_COLUMNS}, processed_at, process_note"


class _Query:
    """A statement in the making: fixed text and numbered arguments, never a value inside the text."""

    def __init__(self, columns: str, source: str) -> None:
        self._parts = ["SELECT", columns, "FROM", source]
        self._arguments: list[object] = []
        self._conditions = 0

    def where(self, condition: str, value: object | None) -> None:
        """Add a condition such as `a.id =`, unless there is nothing to compare with."""
        if value is None:
            return
        self._parts += ["AND" if self._conditions else "WHERE", condition, self._argument(value)]
        self._conditions += 1

    def behind(self, columns: str, mark: PageCursor[IdT] | None) -> None:
        """Keep what comes after a mark, the newest first, by a time and an id such as `a.time, a.id`."""
        if mark is None:
            return
        pair = f"({self._argument(mark.time)}, {self._argument(mark.id)})"
        self._parts += ["AND" if self._conditions else "WHERE", f"({columns}) <", pair]
        self._conditions += 1

    def page(self, order: str, *, limit: int, offset: int = 0) -> None:
        """Sort and cut."""
        self._parts += ["ORDER BY", order, "LIMIT", self._argument(limit)]
        if offset:
            self._parts += ["OFFSET", self._argument(offset)]

    async def fetch(self, pool: asyncpg.Pool[asyncpg.Record]) -> list[asyncpg.Record]:
        """Run it."""
        with translated_errors("read records"):
            return await pool.fetch(" ".join(self._parts), *self._arguments)

    def _argument(self, value: object) -> str:
        self._arguments.append(value)
        return f"${len(self._arguments)}"


class PostgresTransactionQueries:
    """Implements `TransactionQueries`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def list(
        self,
        wanted: TransactionFilter,
        *,
        limit: int = 100,
        offset: int = 0,
        after: PageCursor[TransactionId] | None = None,
    ) -> Sequence[TransactionRow]:
        """Return matching transactions, newest first; equal times by id."""
        query = _Query(_TRANSACTION_COLUMNS, "agent_transactions")
        query.where("agent_id =", wanted.agent_id)
        query.where("wallet_address =", wanted.wallet_address)
        query.where("transaction_type =", wanted.type)
        query.where("transaction_time >=", wanted.start_time)
        query.where("transaction_time <=", wanted.end_time)
        query.where("signal_id =", wanted.signal_id)
        query.where("is_dca =", wanted.is_dca)
        query.where("is_take_profit =", wanted.is_take_profit)
        query.behind("transaction_time, id", after)
        query.page("transaction_time DESC, id DESC", limit=limit, offset=offset)
        return [TransactionRow(**row) for row in await query.fetch(self._pool)]

    async def get(self, transaction_id: TransactionId) -> TransactionRow | None:
        """Return one transaction, whoever owns it."""
        query = _Query(_TRANSACTION_COLUMNS, "agent_transactions")
        query.where("id =", transaction_id)
        rows = await query.fetch(self._pool)
        return TransactionRow(**rows[0]) if rows else None


class PostgresClosedTradeQueries:
    """Implements `ClosedTradeQueries`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def list(
        self,
        wanted: ClosedTradeFilter,
        *,
        limit: int = 100,
        offset: int = 0,
        after: PageCursor[ClosedTradeId] | None = None,
    ) -> Sequence[ClosedTradeRow]:
        """Return matching trades, newest sale first; equal times by id."""
        query = _closed_trades(_CLOSED_TRADE_COLUMNS, "agent_historical_swaps t", wanted)
        query.behind("t.sale_time, t.id", after)
        query.page("t.sale_time DESC, t.id DESC", limit=limit, offset=offset)
        return [ClosedTradeRow(**row) for row in await query.fetch(self._pool)]

    async def get(self, closed_trade_id: ClosedTradeId) -> ClosedTradeRow | None:
        """Return one closed trade, whoever owns it."""
        query = _Query(_CLOSED_TRADE_COLUMNS, "agent_historical_swaps t")
        query.where("t.id =", closed_trade_id)
        rows = await query.fetch(self._pool)
        return ClosedTradeRow(**rows[0]) if rows else None

    async def export(
        self, wanted: ClosedTradeFilter, *, after: ClosedTradeId | None = None, limit: int = 1000
    ) -> Sequence[ClosedTradeExportRow]:
        """Return the next rows by id ascending, with what their signals said."""
        query = _closed_trades(
            f"{_CLOSED_TRADE_COLUMNS}, s.signal_type, s.activation_reason",
            "agent_historical_swaps t LEFT JOIN trading_signals s ON s.id = t.signal_id",
            wanted,
        )
        query.where("t.id >", after)
        query.page("t.id", limit=limit)
        exported = []
        for row in await query.fetch(self._pool):
            values = dict(row)
            signal_type, activation_reason = values.pop("signal_type"), values.pop("activation_reason")
            exported.append(
                ClosedTradeExportRow(
                    trade=ClosedTradeRow(**values),
                    signal_type=signal_type,
                    activation_reason=activation_reason,
                )
            )
        return exported


class PostgresSignalQueries:
    """Implements `SignalQueries`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def list(
        self,
        wanted: SignalFilter,
        *,
        limit: int = 100,
        offset: int = 0,
        after: PageCursor[SignalId] | None = None,
    ) -> Sequence[SignalRow]:
        """Return matching signals, newest first; equal times by id."""
        query = _signals(wanted)
        query.behind("created_at, id", after)
        query.page("created_at DESC, id DESC", limit=limit, offset=offset)
        return [SignalRow(**row) for row in await query.fetch(self._pool)]

    async def get(self, signal_id: SignalId, user_id: UserId) -> SignalRow | None:
        """Return a signal of that user; a foreign one looks like a missing one."""
        query = _Query(_SIGNAL_ROW_COLUMNS, "trading_signals")
        query.where("id =", signal_id)
        query.where("user_id =", user_id)
        rows = await query.fetch(self._pool)
        return SignalRow(**rows[0]) if rows else None

    async def executions(self, signal_id: SignalId) -> Sequence[SignalExecution]:
        """Return the execution row of every eligible agent, oldest first."""
        query = _Query(EXECUTION_COLUMNS, "signal_executions")
        query.where("signal_id =", signal_id)
        query.page("executed_at, id", limit=_ALL)
        return [read_execution(row) for row in await query.fetch(self._pool)]

    async def decisions(self, signal_id: SignalId) -> Sequence[SignalDecision]:
        """Return every agent's decision, by agent id. What was in doubt when it was recorded is as its trade says now."""
        query = _Query(DECISION_COLUMNS, "signal_decisions")
        query.where("signal_id =", signal_id)
        query.page("agent_id", limit=_ALL)
        decisions = [read_decision(row) for row in await query.fetch(self._pool)]
        untold = {
            one.intent_id for one in decisions if one.intent_id is not None and one.transaction_id is None
        }
        if not untold:
            return decisions
        with translated_errors("read the trades of a signal"):
            rows = await self._pool.fetch(_TRADES, list(untold))
        became = {trade.intent_id: trade for trade in map(read_trade, rows)}
        return [as_it_became(one, became.get(one.intent_id) if one.intent_id else None) for one in decisions]

    async def export(
        self, wanted: SignalFilter, *, after: SignalId | None = None, limit: int = 1000
    ) -> Sequence[SignalRow]:
        """Return the next signals by id ascending."""
        query = _signals(wanted)
        query.where("id >", after)
        query.page("id", limit=limit)
        return [SignalRow(**row) for row in await query.fetch(self._pool)]


# A signal has at most one row per agent; this only keeps an absurd number from filling the memory.
_ALL = 100_000


def _closed_trades(columns: str, source: str, wanted: ClosedTradeFilter) -> _Query:
    query = _Query(columns, source)
    query.where("t.agent_id =", wanted.agent_id)
    query.where("t.wallet_address =", wanted.wallet_address)
    query.where("t.token_address =", wanted.token_address)
    query.where("t.token_symbol =", wanted.token_symbol)
    query.where("t.purchase_time >=", wanted.start_purchase_time)
    query.where("t.purchase_time <=", wanted.end_purchase_time)
    query.where("t.sale_time >=", wanted.start_sale_time)
    query.where("t.sale_time <=", wanted.end_sale_time)
    query.where("t.signal_id =", wanted.signal_id)
    query.where("t.purchase_transaction_id =", wanted.purchase_transaction_id)
    query.where("t.sale_transaction_id =", wanted.sale_transaction_id)
    query.where("t.profit_loss_usd >=", wanted.min_profit_loss_usd)
    query.where("t.profit_loss_usd <=", wanted.max_profit_loss_usd)
    return query


def _signals(wanted: SignalFilter) -> _Query:
    query = _Query(_SIGNAL_ROW_COLUMNS, "trading_signals")
    query.where("user_id =", wanted.user_id)
    query.where("token_address =", wanted.token_address)
    query.where("signal_type =", wanted.signal_type)
    query.where("created_at >=", wanted.start_date)
    query.where("created_at <=", wanted.end_date)
    return query
