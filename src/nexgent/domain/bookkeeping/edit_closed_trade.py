"""Correct a closed trade."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from nexgent.domain.agents.models import Agent
from nexgent.domain.bookkeeping.errors import EngineRecordError, UnknownClosedTradeError
from nexgent.domain.bookkeeping.ports import HandEntries
from nexgent.domain.bookkeeping.trade_checks import TradeReferences, check_times, stream_of
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import ClosedTradeEdited
from nexgent.domain.ledger.ports import Projections
from nexgent.domain.transactions.models import ClosedTradeRecord
from nexgent.domain.transactions.queries import ClosedTradeQueries, ClosedTradeRow
from nexgent.shared.types import ClosedTradeId

log = structlog.get_logger(__name__)

FACTS = {
    "token_address": "tokenAddress",
    "amount": "amount",
    "purchase_price": "purchasePrice",
    "sale_price": "salePrice",
    "change_percent": "changePercent",
    "profit_loss_usd": "profitLossUsd",
    "profit_loss_sol": "profitLossSol",
    "purchase_time": "purchaseTime",
    "sale_time": "saleTime",
    "purchase_transaction_id": "purchaseTransactionId",
    "sale_transaction_id": "saleTransactionId",
}
"""What a trade of the engine brought, by the names of the contract: results and protections rest on it."""

REMARKS = ("tokenSymbol", "signalId", "closeReason")
_SHOWN = timedelta(milliseconds=1)


class EditClosedTrade:
    """What somebody recorded can become anything; of what the engine traded only the remarks can change."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        trades: ClosedTradeQueries,
        entries: HandEntries,
        references: TradeReferences,
        projections: Projections,
    ) -> None:
        self._ledger = ledger
        self._trades = trades
        self._entries = entries
        self._references = references
        self._projections = projections
        # An edit is written on top of the row it was read from: two of them at once would lose one.
        self._editing = asyncio.Lock()

    async def execute(
        self, agent: Agent, closed_trade_id: ClosedTradeId, changes: Mapping[str, Any]
    ) -> tuple[ClosedTradeRecord, datetime]:
        """Return the trade as it is now, and when it was recorded first.

        `changes` are fields of `ClosedTradeRecord` by name; those that are the same as before do not count. Raises
        `UnknownClosedTradeError`, `UnknownTransactionError`, `EngineRecordError`, `InvalidInputError`, `ConflictError`,
        `UnavailableError`.
        """

        async def step() -> tuple[ClosedTradeRecord, datetime]:
            # The wallet is read before the row: an edit by another process in between makes ours start again.
            stream = stream_of(agent, (await self._row(closed_trade_id)).wallet_address)
            await self._ledger.fresh(stream)
            row = await self._row(closed_trade_id)
            trade, different = await self._decide(agent, row, changes)
            await self._ledger.commit(self._ledger.stage(stream, ClosedTradeEdited(trade)))
            log.info("closed_trade.edited", closed_trade_id=str(trade.id), fields=sorted(different))
            return trade, row.created_at

        async with self._editing:
            return await self._ledger.decide(step)

    async def _row(self, closed_trade_id: ClosedTradeId) -> ClosedTradeRow:
        await self._projections.caught_up()
        row = await self._trades.get(closed_trade_id)
        if row is None:
            raise UnknownClosedTradeError
        return row

    async def _decide(
        self, agent: Agent, row: ClosedTradeRow, changes: Mapping[str, Any]
    ) -> tuple[ClosedTradeRecord, Mapping[str, Any]]:
        old = _record_of(row)
        different = {name: new for name, new in changes.items() if not _same(getattr(old, name), new)}
        trade = replace(old, **different)
        refused = [name for field, name in FACTS.items() if field in different]
        if refused and await self._is_of_engine(row):
            raise EngineRecordError("trade", refused, REMARKS)
        check_times(trade)
        await self._references.check(agent, trade, different)
        return trade, different

    async def _is_of_engine(self, row: ClosedTradeRow) -> bool:
        # A row without a wallet is history of one that was replaced: nothing rests on it any more.
        if row.wallet_address is None:
            return False
        return not await self._entries.is_recorded_by_hand(row.wallet_address, row.id)


def _record_of(row: ClosedTradeRow) -> ClosedTradeRecord:
    return ClosedTradeRecord(
        id=row.id,
        agent_id=row.agent_id,
        wallet_address=row.wallet_address,
        token_address=row.token_address,
        token_symbol=row.token_symbol,
        amount=row.amount,
        purchase_price=row.purchase_price,
        sale_price=row.sale_price,
        change_percent=row.change_percent,
        profit_loss_usd=row.profit_loss_usd,
        profit_loss_sol=row.profit_loss_sol,
        purchase_time=row.purchase_time,
        sale_time=row.sale_time,
        purchase_transaction_id=row.purchase_transaction_id,
        sale_transaction_id=row.sale_transaction_id,
        signal_id=row.signal_id,
        close_reason=row.close_reason,
    )


def _same(old: object, new: object) -> bool:
    """Tell whether a client has sent back what it was shown: the exact number, milliseconds of a time."""
    if isinstance(old, datetime) and isinstance(new, datetime):
        return abs(old - new) < _SHOWN
    return old == new
