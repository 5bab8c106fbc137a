"""Lists, single rows and exports of the read tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Text, and_, any_, cast, or_, select, tuple_

from nexgent.domain.signals.models import SignalDecision
from nexgent.domain.signals.queries import SignalRow
from nexgent.domain.transactions.queries import ClosedTradeRow, TransactionRow
from nexgent.infrastructure.database.schema.tables import (
    agent_historical_swaps,
    agent_transactions,
    signal_decisions,
    trade_intents,
    trading_signals,
)
from scripts.statements import Listing, columns_of, given, given_all, statement

_transaction = agent_transactions.c
_transaction_columns = columns_of(
    TransactionRow,
    agent_transactions,
    type=cast(_transaction.transaction_type, Text),
    value_usd=_transaction.transaction_value_usd,
    time=_transaction.transaction_time,
    routes_json=cast(_transaction.routes, Text),
)
_trade = agent_historical_swaps.c
_trade_columns = columns_of(ClosedTradeRow, agent_historical_swaps)
_signal = trading_signals.c


def _behind(time: Column[Any], key: Column[Any]) -> ColumnElement[bool]:
    """Return what comes after a place, the newest first."""
    return tuple_(time, key) < tuple_(given(time, "after_time"), given(key, "after_id"))


def _is(*columns: Column[Any]) -> tuple[ColumnElement[bool], ...]:
    return tuple(column == given(column) for column in columns)


_of_transactions = (
    *_is(_transaction.agent_id, _transaction.wallet_address),
    _transaction.transaction_type == given(_transaction.transaction_type, "type"),
    _transaction.transaction_time >= given(_transaction.transaction_time, "start_time"),
    _transaction.transaction_time <= given(_transaction.transaction_time, "end_time"),
    *_is(_transaction.signal_id, _transaction.is_dca, _transaction.is_take_profit),
)
TRANSACTIONS = Listing(
    select(*_transaction_columns),
    (*_of_transactions, _behind(_transaction.transaction_time, _transaction.id)),
    (_transaction.transaction_time.desc(), _transaction.id.desc()),
)
TRANSACTION = statement(select(*_transaction_columns).where(_transaction.id == given(_transaction.id)), "id")

_of_trades = (
    *_is(_trade.agent_id, _trade.wallet_address, _trade.token_address, _trade.token_symbol),
    _trade.purchase_time >= given(_trade.purchase_time, "start_purchase_time"),
    _trade.purchase_time <= given(_trade.purchase_time, "end_purchase_time"),
    _trade.sale_time >= given(_trade.sale_time, "start_sale_time"),
    _trade.sale_time <= given(_trade.sale_time, "end_sale_time"),
    *_is(_trade.signal_id, _trade.purchase_transaction_id, _trade.sale_transaction_id),
    _trade.profit_loss_usd >= given(_trade.profit_loss_usd, "min_profit_loss_usd"),
    _trade.profit_loss_usd <= given(_trade.profit_loss_usd, "max_profit_loss_usd"),
)
CLOSED_TRADES = Listing(
    select(*_trade_columns),
    (*_of_trades, _behind(_trade.sale_time, _trade.id)),
    (_trade.sale_time.desc(), _trade.id.desc()),
    key=_trade.id,
)
CLOSED_TRADE = statement(select(*_trade_columns).where(_trade.id == given(_trade.id)), "id")
CLOSED_TRADES_EXPORT = Listing(
    select(*_trade_columns, _signal.signal_type, _signal.activation_reason).select_from(
        agent_historical_swaps.outerjoin(trading_signals, _signal.id == _trade.signal_id)
    ),
    (*_of_trades, _trade.id > given(_trade.id, "after_id")),
    (_trade.id,),
)

_of_signals = (
    *_is(_signal.user_id, _signal.token_address, _signal.signal_type),
    _signal.created_at >= given(_signal.created_at, "start_date"),
    _signal.created_at <= given(_signal.created_at, "end_date"),
)
_signal_rows = select(*columns_of(SignalRow, trading_signals))
SIGNALS = Listing(
    _signal_rows,
    (*_of_signals, _behind(_signal.created_at, _signal.id)),
    (_signal.created_at.desc(), _signal.id.desc()),
)
SIGNALS_EXPORT = Listing(
    _signal_rows, (*_of_signals, _signal.id > given(_signal.id, "after_id")), (_signal.id,)
)
SIGNAL = statement(_signal_rows.where(*_is(_signal.id, _signal.user_id)), "id", "user_id")

_decision = signal_decisions.c
DECISIONS = statement(
    select(*columns_of(SignalDecision, signal_decisions, latency_ms=_decision.latency))
    .where(*_is(_decision.signal_id))
    .order_by(_decision.agent_id),
    "signal_id",
)
# Of the projected intents that bought for a signal, or sold for one that asked for that.
_intent = trade_intents.c
_signal_trades = select(
    _intent.id,
    _intent.agent_id,
    _intent.status,
    _intent.code,
    _intent.reason,
    _intent.transaction_id,
    _intent.position_id,
)
_asked_by_signal = _intent.sell_signal_id == given(_intent.sell_signal_id, "signal_id")
SIGNAL_TRADES = statement(
    _signal_trades.where(or_(_intent.id == any_(given_all(_intent.id, "ids")), _asked_by_signal)).order_by(
        _intent.created_at, _intent.generation
    ),
    "ids",
    "signal_id",
)
TRADES_OF_SIGNAL = statement(
    _signal_trades.where(
        or_(and_(*_is(_intent.signal_id), _intent.position_id.is_(None)), _asked_by_signal)
    ).order_by(_intent.created_at, _intent.generation),
    "signal_id",
)
