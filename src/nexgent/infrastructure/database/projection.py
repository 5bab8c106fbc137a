"""Entries in, row changes out. Pure: what a batch of the journal means for the read tables, as its net effect.

Each row type has the columns of its table. Decimals and big integers travel as JSON strings, documents as raw JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import assert_never
from uuid import UUID

import msgspec

from nexgent.domain.ledger.models import (
    Account,
    Adjusted,
    Entry,
    Intent,
    Recorded,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeSettled,
    TradeSubmitted,
    WalletReset,
)
from nexgent.domain.positions.models import Position
from nexgent.domain.transactions.models import ClosedTrade, TransactionRecord
from nexgent.infrastructure.database.journal_codec import to_json
from nexgent.shared.ids import derived_id
from nexgent.shared.money import from_raw
from nexgent.shared.types import IntentId, PositionId, TokenAddress, WalletAddress


@dataclass(slots=True)
class TransactionRow:
    """A row of `agent_transactions`."""

    id: UUID
    agent_id: UUID
    wallet_address: str
    transaction_type: str
    transaction_value_usd: Decimal
    transaction_time: datetime
    destination_address: str | None
    signal_id: int | None
    fees: Decimal | None
    routes: msgspec.Raw | None
    input_mint: str | None
    input_symbol: str | None
    input_amount: Decimal | None
    input_price: Decimal | None
    output_mint: str | None
    output_symbol: str | None
    output_amount: Decimal | None
    output_price: Decimal | None
    slippage: Decimal | None
    price_impact: Decimal | None
    is_dca: bool
    transaction_hash: str | None
    created_at: datetime
    updated_at: datetime
    swap_payload: msgspec.Raw | None
    is_take_profit: bool
    protocol_fee_sol: Decimal | None
    network_fee_sol: Decimal | None


@dataclass(slots=True)
class ClosedTradeRow:
    """A row of `agent_historical_swaps`."""

    id: UUID
    agent_id: UUID
    wallet_address: str
    token_address: str
    token_symbol: str
    amount: Decimal
    purchase_price: Decimal
    sale_price: Decimal
    change_percent: Decimal
    profit_loss_usd: Decimal
    profit_loss_sol: Decimal
    purchase_time: datetime
    sale_time: datetime
    purchase_transaction_id: UUID
    sale_transaction_id: UUID
    signal_id: int | None
    created_at: datetime
    close_reason: str | None


@dataclass(slots=True)
class PositionRow:
    """A row of `agent_positions`. Peak, stop and low are those of the base mark: the running ones are in `position_marks`."""

    id: UUID
    agent_id: UUID
    wallet_address: str
    token_address: str
    token_symbol: str
    purchase_transaction_id: UUID
    purchase_price: Decimal
    purchase_amount: Decimal
    current_stop_loss_percentage: Decimal | None
    peak_price: Decimal
    last_stop_loss_update: datetime | None
    created_at: datetime
    updated_at: datetime
    dca_count: int
    dca_transaction_ids: tuple[UUID, ...]
    last_dca_time: datetime | None
    lowest_price: Decimal
    total_invested_sol: Decimal
    remaining_amount: Decimal | None
    take_profit_levels_hit: int
    take_profit_transaction_ids: tuple[UUID, ...]
    last_take_profit_time: datetime | None
    moon_bag_activated: bool
    moon_bag_amount: Decimal | None
    realized_profit_sol: Decimal
    tp_batch_start_level: int
    total_take_profit_levels: int | None
    version: int
    base_version: int
    state: msgspec.Raw


@dataclass(slots=True)
class BalanceRow:
    """What a balance of `agent_balances` changes by, in base units (`delta_raw` is the integer as text)."""

    id: UUID
    agent_id: UUID
    wallet_address: str
    token_address: str
    token_symbol: str
    decimals: int
    delta_raw: Decimal
    last_updated: datetime


@dataclass(slots=True)
class IntentRow:
    """A row of `trade_intents`."""

    id: UUID
    agent_id: UUID
    wallet_address: str
    kind: str
    token_address: str
    token_symbol: str
    signal_id: int | None
    position_id: UUID | None
    cause: str
    generation: int
    input_mint: str
    amount_raw: Decimal
    reserved_raw: Decimal
    status: str
    code: str | None
    reason: str | None
    intent: msgspec.Raw
    submission: msgspec.Raw | None
    transaction_id: UUID | None
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class IntentUpdate:
    """What became of an intent of an earlier batch; `submission` None leaves the stored one."""

    id: UUID
    status: str
    updated_at: datetime
    code: str | None = None
    reason: str | None = None
    submission: msgspec.Raw | None = None
    transaction_id: UUID | None = None


@dataclass(slots=True)
class Changes:
    """The net effect of a batch. Apply resets and closings before the rows: these come after them."""

    resets: set[WalletAddress] = field(default_factory=set)
    closed_positions: set[PositionId] = field(default_factory=set)
    transactions: dict[UUID, TransactionRow] = field(default_factory=dict)
    closed_trades: dict[UUID, ClosedTradeRow] = field(default_factory=dict)
    positions: dict[PositionId, PositionRow] = field(default_factory=dict)
    balances: dict[tuple[WalletAddress, TokenAddress], BalanceRow] = field(default_factory=dict)
    intents: dict[IntentId, IntentRow] = field(default_factory=dict)
    intent_updates: dict[IntentId, IntentUpdate] = field(default_factory=dict)

    def signal_ids(self) -> set[int]:
        """Return the signals that rows refer to by foreign key."""
        return {row.signal_id for row in self.rows_with_signal() if row.signal_id is not None}

    def rows_with_signal(self) -> list[TransactionRow | ClosedTradeRow]:
        """Return the rows that may refer to a signal."""
        return [*self.transactions.values(), *self.closed_trades.values()]


def project(entries: Iterable[Entry]) -> Changes:
    """Return what entries, given in the order of the journal, change in the tables."""
    changes = Changes()
    for entry in entries:
        _add(changes, entry)
    return changes


def _add(changes: Changes, entry: Entry) -> None:
    body = entry.body
    match body:
        case WalletReset():
            _forget_wallet(changes, entry.wallet_address)
            return
        case Recorded(transaction):
            changes.transactions[transaction.id] = _transaction_row(transaction, entry.at)
        case TradeIntended(intent, position):
            changes.intent_updates.pop(intent.id, None)
            changes.intents[intent.id] = _intent_row(intent, entry.at)
            if position is not None:
                changes.positions[position.id] = _position_row(position)
        case TradeSubmitted(intent_id, submission):
            document = msgspec.Raw(to_json(submission).encode())
            _update(changes, intent_id, IntentUpdate(intent_id, "submitted", entry.at, submission=document))
        case TradeSettled():
            _settle(changes, entry, body)
        case TradeFailed(intent_id, code, reason):
            _update(changes, intent_id, IntentUpdate(intent_id, "failed", entry.at, code, reason))
        case TradeExpired(intent_id, reason):
            _update(changes, intent_id, IntentUpdate(intent_id, "expired", entry.at, reason=reason))
        case Adjusted():
            pass
        case _:
            assert_never(body)
    _post(changes, entry)


def _settle(changes: Changes, entry: Entry, body: TradeSettled) -> None:
    transaction = body.transaction
    changes.transactions[transaction.id] = _transaction_row(transaction, entry.at)
    if body.position is not None:
        changes.positions[body.position_id] = _position_row(body.position)
    else:
        changes.positions.pop(body.position_id, None)
        changes.closed_positions.add(body.position_id)
    if body.closed is not None:
        changes.closed_trades[body.closed.id] = _closed_trade_row(body.closed, entry.at)
    _update(
        changes,
        body.intent_id,
        IntentUpdate(body.intent_id, "settled", entry.at, transaction_id=transaction.id),
    )


def _update(changes: Changes, intent_id: IntentId, update: IntentUpdate) -> None:
    target = changes.intents.get(intent_id) or changes.intent_updates.get(intent_id)
    if target is None:
        changes.intent_updates[intent_id] = update
        return
    target.status = update.status
    target.updated_at = update.updated_at
    target.code = update.code
    target.reason = update.reason
    target.submission = update.submission or target.submission
    target.transaction_id = update.transaction_id


def _post(changes: Changes, entry: Entry) -> None:
    for posting in entry.postings:
        if posting.account is not Account.WALLET:
            continue
        key = (entry.wallet_address, posting.mint)
        row = changes.balances.get(key)
        if row is None:
            changes.balances[key] = BalanceRow(
                derived_id("balance", entry.wallet_address, posting.mint),
                entry.agent_id,
                entry.wallet_address,
                posting.mint,
                posting.symbol,
                posting.decimals,
                Decimal(posting.amount_raw),
                entry.at,
            )
        else:
            row.delta_raw = Decimal(int(row.delta_raw) + posting.amount_raw)
            row.decimals = posting.decimals
            row.last_updated = entry.at


def _forget_wallet(changes: Changes, wallet: WalletAddress) -> None:
    """A reset removes the wallet's rows, those of this batch as well. Its intents stay: they are what happened."""
    changes.resets.add(wallet)
    gone = {key for key, row in changes.positions.items() if row.wallet_address == wallet}
    changes.closed_positions |= gone
    changes.positions = {key: row for key, row in changes.positions.items() if key not in gone}
    changes.transactions = {k: r for k, r in changes.transactions.items() if r.wallet_address != wallet}
    changes.closed_trades = {k: r for k, r in changes.closed_trades.items() if r.wallet_address != wallet}
    changes.balances = {k: r for k, r in changes.balances.items() if r.wallet_address != wallet}


def _document(text: str | None) -> msgspec.Raw | None:
    """Return foreign JSON as a document, or as a JSON string when it turns out to be none."""
    if text is None:
        return None
    data = text.encode()
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except msgspec.DecodeError:
        return msgspec.Raw(msgspec.json.encode(text))
    return msgspec.Raw(data)


def _transaction_row(record: TransactionRecord, at: datetime) -> TransactionRow:
    return TransactionRow(
        id=record.id,
        agent_id=record.agent_id,
        wallet_address=record.wallet_address,
        transaction_type=record.type.value,
        transaction_value_usd=record.value_usd,
        transaction_time=record.time,
        destination_address=record.destination_address,
        signal_id=record.signal_id,
        fees=record.fees,
        routes=_document(record.routes_json),
        input_mint=record.input_mint,
        input_symbol=record.input_symbol,
        input_amount=record.input_amount,
        input_price=record.input_price,
        output_mint=record.output_mint,
        output_symbol=record.output_symbol,
        output_amount=record.output_amount,
        output_price=record.output_price,
        slippage=record.slippage,
        price_impact=record.price_impact,
        is_dca=record.is_dca,
        transaction_hash=record.transaction_hash,
        created_at=at,
        updated_at=at,
        swap_payload=_document(record.swap_payload_json),
        is_take_profit=record.is_take_profit,
        protocol_fee_sol=record.protocol_fee_sol,
        network_fee_sol=record.network_fee_sol,
    )


def _closed_trade_row(trade: ClosedTrade, at: datetime) -> ClosedTradeRow:
    return ClosedTradeRow(
        id=trade.id,
        agent_id=trade.agent_id,
        wallet_address=trade.wallet_address,
        token_address=trade.token_address,
        token_symbol=trade.token_symbol,
        amount=trade.amount,
        purchase_price=trade.purchase_price,
        sale_price=trade.sale_price,
        change_percent=trade.change_percent,
        profit_loss_usd=trade.profit_loss_usd,
        profit_loss_sol=trade.profit_loss_sol,
        purchase_time=trade.purchase_time,
        sale_time=trade.sale_time,
        purchase_transaction_id=trade.purchase_transaction_id,
        sale_transaction_id=trade.sale_transaction_id,
        signal_id=trade.signal_id,
        created_at=at,
        close_reason=trade.close_reason.value if trade.close_reason is not None else None,
    )


def _position_row(position: Position) -> PositionRow:
    mark = position.base_mark
    moon_bag_raw = position.moon_bag_raw
    return PositionRow(
        id=position.id,
        agent_id=position.agent_id,
        wallet_address=position.wallet_address,
        token_address=position.token_address,
        token_symbol=position.token_symbol,
        purchase_transaction_id=position.purchase_transaction_id,
        purchase_price=position.entry_price_sol,
        purchase_amount=position.purchased,
        current_stop_loss_percentage=mark.stop_loss_pct,
        peak_price=mark.peak_price_sol,
        last_stop_loss_update=mark.stop_updated_at,
        created_at=position.opened_at,
        updated_at=position.updated_at,
        dca_count=position.dca_count,
        dca_transaction_ids=position.dca_transaction_ids,
        last_dca_time=position.last_dca_at,
        lowest_price=mark.lowest_price_sol,
        total_invested_sol=position.invested_sol,
        remaining_amount=position.remaining,
        take_profit_levels_hit=position.take_profit_levels_hit,
        take_profit_transaction_ids=position.take_profit_transaction_ids,
        last_take_profit_time=position.last_take_profit_at,
        moon_bag_activated=position.moon_bag_activated,
        moon_bag_amount=from_raw(moon_bag_raw, position.decimals) if moon_bag_raw is not None else None,
        realized_profit_sol=from_raw(position.realized_lamports, 9),
        tp_batch_start_level=position.take_profit_batch_start,
        total_take_profit_levels=position.take_profit_levels_total,
        version=position.version,
        base_version=mark.position_version,
        state=msgspec.Raw(to_json(position).encode()),
    )


def _intent_row(intent: Intent, at: datetime) -> IntentRow:
    return IntentRow(
        id=intent.id,
        agent_id=intent.agent_id,
        wallet_address=intent.wallet_address,
        kind=intent.kind.value,
        token_address=intent.token_address,
        token_symbol=intent.token_symbol,
        signal_id=intent.signal_id,
        position_id=intent.position_id,
        cause=intent.cause,
        generation=intent.generation,
        input_mint=intent.input_mint,
        amount_raw=Decimal(intent.amount_raw),
        reserved_raw=Decimal(intent.reserved_raw),
        status="intended",
        code=None,
        reason=None,
        intent=msgspec.Raw(to_json(intent).encode()),
        submission=None,
        transaction_id=None,
        created_at=intent.created_at,
        updated_at=at,
    )
