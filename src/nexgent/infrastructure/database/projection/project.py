"""Entries in, row changes out. Pure: what a batch of the journal means for the read tables, as its net effect."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar, assert_never

import msgspec

from nexgent.domain.bookkeeping.ports import balance_id
from nexgent.domain.ledger.models import (
    Account,
    Adjusted,
    BalanceRemoved,
    ClosedTradeEdited,
    ClosedTradeRecorded,
    ClosedTradeRemoved,
    Entry,
    ExitAsked,
    Imported,
    Intent,
    Recorded,
    RentReclaimed,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSettled,
    TradeSubmitted,
    TransactionEdited,
    TransactionRemoved,
    WalletReset,
)
from nexgent.domain.positions.models import Position
from nexgent.domain.trading.orders.purchases import LATE, MANUAL
from nexgent.domain.transactions.models import ClosedTrade, ClosedTradeRecord, TransactionRecord
from nexgent.infrastructure.database.journal.codec import to_json
from nexgent.infrastructure.database.projection.rows import (
    BalanceRow,
    Changes,
    ClosedTradeRow,
    IntentRow,
    IntentUpdate,
    PositionRow,
    TransactionRow,
)
from nexgent.shared.money import from_raw
from nexgent.shared.types import IntentId, PositionId, WalletAddress

_Key = TypeVar("_Key")
_Row = TypeVar("_Row", TransactionRow, ClosedTradeRow, BalanceRow)


class Projection:
    """What entries, added in the order of the journal, change in the tables together."""

    def __init__(self) -> None:
        self._changes = Changes()
        # Rows are made of those that are left at the end: in a burst most have been sold again by then, or have a newer version.
        self._positions: dict[PositionId, Position] = {}

    def add(self, entry: Entry) -> None:
        """Take the next entry."""
        body = entry.body
        match body:
            case WalletReset(keep_history=True):
                self._vacate_wallet(entry.wallet_address)
                return
            case WalletReset():
                self._forget_wallet(entry.wallet_address)
                return
            case Recorded(transaction):
                self._changes.transactions[transaction.id] = _transaction_row(transaction, entry.at)
            case TradeIntended(intent, position):
                self._changes.intent_updates.pop(intent.id, None)
                self._changes.intents[intent.id] = _intent_row(intent, entry.at)
                if position is not None:
                    self._positions[position.id] = position
            case TradeSettled():
                self._settle(entry, body)
            case TradeSubmitted() | TradeFailed() | TradeExpired() | RentReclaimed():
                self._follow_intent(entry, body)
            case ExitAsked(position):
                self._positions[position.id] = position
            case (
                TransactionEdited()
                | TransactionRemoved()
                | ClosedTradeRecorded()
                | ClosedTradeEdited()
                | ClosedTradeRemoved()
            ):
                self._edit_history(entry, body)
            case BalanceRemoved(mint):
                # Its postings only bring it to zero, and then there is no row.
                self._changes.balances.pop((entry.wallet_address, mint), None)
                self._changes.removed_balances.add((entry.wallet_address, mint))
                return
            case Imported():
                self._bring_along(entry, body)
            case Adjusted():
                pass
            case _:
                assert_never(body)
        self._post(entry)
        if isinstance(body, Adjusted):
            self._rename(entry.wallet_address, body)

    def changes(self) -> Changes:
        """Return the changes, to which nothing is added any more."""
        self._changes.positions = {key: _position_row(one) for key, one in self._positions.items()}
        return self._changes

    def _follow_intent(
        self, entry: Entry, body: TradeSubmitted | TradeFailed | TradeExpired | RentReclaimed
    ) -> None:
        match body:
            case TradeSubmitted(intent_id, submission):
                update = IntentUpdate(intent_id, "submitted", entry.at, submission=to_json(submission))
            case TradeFailed(intent_id, code, reason):
                update = IntentUpdate(intent_id, "failed", entry.at, code, reason)
            case TradeExpired(intent_id, reason):
                update = IntentUpdate(intent_id, "expired", entry.at, reason=reason)
            case RentReclaimed(intent_id, transaction):
                self._changes.transactions[transaction.id] = _transaction_row(transaction, entry.at)
                update = IntentUpdate(intent_id, "settled", entry.at, transaction_id=transaction.id)
            case _:
                assert_never(body)
        self._update(body.intent_id, update)

    def _edit_history(
        self,
        entry: Entry,
        body: TransactionEdited
        | TransactionRemoved
        | ClosedTradeRecorded
        | ClosedTradeEdited
        | ClosedTradeRemoved,
    ) -> None:
        match body:
            case TransactionEdited(transaction):
                self._edit_transaction(_transaction_row(transaction, entry.at))
            case TransactionRemoved(transaction_id):
                self._changes.transactions.pop(transaction_id, None)
                self._changes.transaction_edits.pop(transaction_id, None)
                self._changes.removed_transactions.add(transaction_id)
            case ClosedTradeRecorded(trade):
                self._changes.closed_trades[trade.id] = _closed_trade_row(trade, entry.at)
            case ClosedTradeEdited(trade):
                self._edit_closed_trade(_closed_trade_row(trade, entry.at))
            case ClosedTradeRemoved(closed_trade_id):
                self._changes.closed_trades.pop(closed_trade_id, None)
                self._changes.closed_trade_edits.pop(closed_trade_id, None)
                self._changes.removed_closed_trades.add(closed_trade_id)
            case _:
                assert_never(body)

    def _bring_along(self, entry: Entry, body: Imported) -> None:
        """Rows of another installation keep the times at which they were written there."""
        created_at = body.created_at or entry.at
        if body.transaction is not None:
            row = _transaction_row(body.transaction, created_at)
            row.updated_at = body.updated_at or created_at
            if body.detached:
                row.wallet_address = None
            self._changes.transactions[row.id] = row
        if body.trade is not None:
            self._changes.closed_trades[body.trade.id] = _closed_trade_row(body.trade, created_at)
        if body.position is not None:
            self._positions[body.position.id] = body.position

    def _rename(self, wallet: WalletAddress, body: Adjusted) -> None:
        row = self._changes.balances.get((wallet, body.mint))
        if row is not None and body.symbol is not None:
            row.new_symbol = body.symbol

    def _edit_transaction(self, row: TransactionRow) -> None:
        if row.id in self._changes.removed_transactions:
            return
        recorded = self._changes.transactions.get(row.id)
        if recorded is None:
            self._changes.transaction_edits[row.id] = row
        else:
            row.created_at, row.wallet_address = recorded.created_at, recorded.wallet_address
            self._changes.transactions[row.id] = row

    def _edit_closed_trade(self, row: ClosedTradeRow) -> None:
        if row.id in self._changes.removed_closed_trades:
            return
        recorded = self._changes.closed_trades.get(row.id)
        if recorded is None:
            self._changes.closed_trade_edits[row.id] = row
        else:
            row.created_at = recorded.created_at
            self._changes.closed_trades[row.id] = row

    def _settle(self, entry: Entry, body: TradeSettled) -> None:
        transaction = body.transaction
        self._changes.transactions[transaction.id] = _transaction_row(transaction, entry.at)
        if body.position is not None:
            self._positions[body.position_id] = body.position
        else:
            self._positions.pop(body.position_id, None)
            self._changes.closed_positions.add(body.position_id)
        if body.closed is not None:
            self._changes.closed_trades[body.closed.id] = _closed_trade_row(body.closed, entry.at)
        self._update(
            body.intent_id,
            IntentUpdate(body.intent_id, "settled", entry.at, transaction_id=transaction.id),
        )

    def _update(self, intent_id: IntentId, update: IntentUpdate) -> None:
        target = self._changes.intents.get(intent_id) or self._changes.intent_updates.get(intent_id)
        if target is None:
            self._changes.intent_updates[intent_id] = update
            return
        target.status = update.status
        target.updated_at = update.updated_at
        target.code = update.code
        target.reason = update.reason
        target.submission = update.submission or target.submission
        target.transaction_id = update.transaction_id

    def _post(self, entry: Entry) -> None:
        for posting in entry.postings:
            if posting.account is not Account.WALLET:
                continue
            key = (entry.wallet_address, posting.mint)
            row = self._changes.balances.get(key)
            if row is None:
                self._changes.balances[key] = BalanceRow(
                    balance_id(entry.wallet_address, posting.mint),
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

    def _vacate_wallet(self, wallet: WalletAddress) -> None:
        """A wallet whose agent goes holds nothing any more; what happened in it stays."""
        self._changes.vacated.add(wallet)
        self._close_positions(wallet)
        self._changes.balances = _of_others(self._changes.balances, wallet)

    def _forget_wallet(self, wallet: WalletAddress) -> None:
        """A reset removes the wallet's rows, those of this batch as well. Its intents stay: they are what happened."""
        changes = self._changes
        changes.resets.add(wallet)
        self._close_positions(wallet)
        changes.transactions = _of_others(changes.transactions, wallet)
        changes.transaction_edits = _of_others(changes.transaction_edits, wallet)
        changes.closed_trades = _of_others(changes.closed_trades, wallet)
        changes.closed_trade_edits = _of_others(changes.closed_trade_edits, wallet)
        changes.balances = _of_others(changes.balances, wallet)

    def _close_positions(self, wallet: WalletAddress) -> None:
        for position_id in [key for key, one in self._positions.items() if one.wallet_address == wallet]:
            del self._positions[position_id]
            self._changes.closed_positions.add(position_id)


def project(entries: Iterable[Entry]) -> Changes:
    """Return what entries, given in the order of the journal, change in the tables."""
    projection = Projection()
    for entry in entries:
        projection.add(entry)
    return projection.changes()


def _of_others(rows: dict[_Key, _Row], wallet: WalletAddress) -> dict[_Key, _Row]:
    return {key: row for key, row in rows.items() if row.wallet_address != wallet}


def _document(text: str | None) -> str | None:
    """Return foreign JSON as a document, or as a JSON string when it turns out to be none."""
    if text is None:
        return None
    try:
        return to_json(msgspec.json.decode(text, type=msgspec.Raw))
    except msgspec.DecodeError:
        return to_json(text)


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


def _closed_trade_row(trade: ClosedTrade | ClosedTradeRecord, at: datetime) -> ClosedTradeRow:
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
        close_reason=str(trade.close_reason) if trade.close_reason is not None else None,
    )


def _position_row(position: Position) -> PositionRow:
    mark = position.base_trail
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
    refers = intent.kind is TradeKind.PURCHASE and intent.cause in (MANUAL, LATE)
    return IntentRow(
        id=intent.id,
        agent_id=intent.agent_id,
        wallet_address=intent.wallet_address,
        kind=intent.kind.value,
        token_address=intent.token_address,
        token_symbol=intent.token_symbol,
        # A purchase by hand only refers to a signal, and one that landed late has its row already: neither is the one trade
        # that the agent makes of it.
        signal_id=None if refers else intent.signal_id,
        position_id=intent.position_id,
        cause=intent.cause,
        generation=intent.generation,
        input_mint=intent.input_mint,
        amount_raw=Decimal(intent.amount_raw),
        reserved_raw=Decimal(intent.reserved_raw),
        status="intended",
        code=None,
        reason=None,
        intent=to_json(intent),
        submission=None,
        transaction_id=None,
        created_at=intent.created_at,
        updated_at=at,
        sell_signal_id=intent.sell_signal_id,
    )
