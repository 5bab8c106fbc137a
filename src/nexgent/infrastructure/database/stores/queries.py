"""Lists, single rows and exports straight from the read tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg

from nexgent.domain.signals.models import SignalDecision
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
    as_it_became,
    read_decision,
    read_signal_row,
    read_trade,
    telling_most,
)
from nexgent.infrastructure.database.stores.sql import queries as sql
from nexgent.shared.ids import late_intent_id, purchase_intent_id
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import ClosedTradeId, SignalId, TransactionId, UserId

# Raw, as a thousand agents make ten thousand checks: as `nexgent.api.v1.signals.schemas.written` has them, but for the order in
# which a check names its parts. A decision that did not learn of a trade may have one: a purchase by its signal, a sale by the
# signal that asked for it. `decisions` says what comes of it.
_WRITTEN_DECISIONS: Final = """
SELECT CASE WHEN EXISTS (
    SELECT FROM signal_decisions d WHERE d.signal_id = $1 AND d.transaction_id IS NULL AND (
        EXISTS (SELECT FROM trade_intents t WHERE t.agent_id = d.agent_id AND t.signal_id = d.signal_id AND t.position_id IS NULL)
        OR EXISTS (SELECT FROM trade_intents t WHERE t.id = d.intent_id)
        OR EXISTS (SELECT FROM trade_intents t WHERE t.sell_signal_id = $1)
    )
) THEN NULL ELSE (
    SELECT coalesce(string_agg(
        '{"agentId":"' || agent_id || '","outcome":"' || outcome || '","code":' || coalesce(to_json(code)::text, 'null')
        || ',"reason":' || coalesce(to_json(reason)::text, 'null') || ',"gates":' || gates
        || ',"intentId":' || coalesce('"' || intent_id || '"', 'null')
        || ',"transactionId":' || coalesce('"' || transaction_id || '"', 'null')
        || ',"positionId":' || coalesce('"' || position_id || '"', 'null')
        || ',"sizeSol":' || coalesce('"' || trim_scale(size_sol) || '"', 'null')
        || ',"priceSol":' || coalesce('"' || trim_scale(price_sol) || '"', 'null')
        || ',"priceSource":' || coalesce(to_json(price_source)::text, 'null')
        || ',"priceAgeMs":' || coalesce(price_age_ms::text, 'null') || ',"latencyMs":' || latency
        || ',"decidedAt":"' || to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"}',
        ',' ORDER BY agent_id), '') FROM signal_decisions WHERE signal_id = $1
) END
"""


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
        rows = await sql.TRANSACTIONS.fetch(self._pool, wanted, limit=limit, offset=offset, after=after)
        return [TransactionRow(**row) for row in rows]

    async def get(self, transaction_id: TransactionId) -> TransactionRow | None:
        """Return one transaction, whoever owns it."""
        with translated_errors("read records"):
            row = await self._pool.fetchrow(sql.TRANSACTION, transaction_id)
        return TransactionRow(**row) if row is not None else None


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
        rows = await sql.CLOSED_TRADES.fetch(self._pool, wanted, limit=limit, offset=offset, after=after)
        return [ClosedTradeRow(**row) for row in rows]

    async def get(self, closed_trade_id: ClosedTradeId) -> ClosedTradeRow | None:
        """Return one closed trade, whoever owns it."""
        with translated_errors("read records"):
            row = await self._pool.fetchrow(sql.CLOSED_TRADE, closed_trade_id)
        return ClosedTradeRow(**row) if row is not None else None

    async def export(
        self, wanted: ClosedTradeFilter, *, after: ClosedTradeId | None = None, limit: int = 1000
    ) -> Sequence[ClosedTradeExportRow]:
        """Return the next rows by id ascending, with what their signals said."""
        exported = []
        for row in await sql.CLOSED_TRADES_EXPORT.fetch(self._pool, wanted, limit=limit, after_id=after):
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
        rows = await sql.SIGNALS.fetch(self._pool, wanted, limit=limit, offset=offset, after=after)
        return [read_signal_row(row) for row in rows]

    async def get(self, signal_id: SignalId, user_id: UserId) -> SignalRow | None:
        """Return a signal of that user; a foreign one looks like a missing one."""
        with translated_errors("read records"):
            row = await self._pool.fetchrow(sql.SIGNAL, signal_id, user_id)
        return read_signal_row(row) if row is not None else None

    async def decisions(self, signal_id: SignalId) -> Sequence[SignalDecision]:
        """Return every agent's decision, by agent id, as its trade says now.

        What was recorded is what the process knew that decided: its swap may have been in doubt, it may not have learned whether
        its intent was written (a process that stood still, a journal that was away), or another engine may have traded for it.
        The trade an agent can make of a signal has one id, so it is found in any case; so has the one under which a swap is
        booked that was called expired and had landed. Sales are found by the signal that asked for them.
        """
        with translated_errors("read records"):
            rows = await self._pool.fetch(sql.DECISIONS, signal_id)
        decisions = [read_decision(row) for row in rows]
        untold = {
            one.agent_id: one.intent_id or purchase_intent_id(one.agent_id, signal_id)
            for one in decisions
            if one.transaction_id is None
        }
        if not untold:
            return decisions
        with translated_errors("read the trades of a signal"):
            late = {late_intent_id(intent_id) for intent_id in untold.values()}
            rows = await self._pool.fetch(sql.SIGNAL_TRADES, [*untold.values(), *late], int(signal_id))
        trades = list(map(read_trade, rows))
        became = {
            **telling_most(trades),
            **{trade.agent_id: trade for trade in trades if trade.intent_id in late},
        }
        return [as_it_became(one, became.get(one.agent_id)) for one in decisions]

    async def written_decisions(self, signal_id: SignalId) -> str | None:
        """Return what `decisions` does as the items of an array in JSON; None where a trade says more than was recorded."""
        with translated_errors("read records"):
            items: str | None = await self._pool.fetchval(_WRITTEN_DECISIONS, signal_id)
        return items

    async def export(
        self, wanted: SignalFilter, *, after: SignalId | None = None, limit: int = 1000
    ) -> Sequence[SignalRow]:
        """Return the next signals by id ascending."""
        rows = await sql.SIGNALS_EXPORT.fetch(self._pool, wanted, limit=limit, after_id=after)
        return [read_signal_row(row) for row in rows]
