"""Row changes of a batch: each row type has the columns of its table, in the order in which they are written.

Decimals and big integers travel as JSON strings. Documents are text where rows are copied into their table, raw JSON elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from nexgent.shared.types import IntentId, PositionId, TokenAddress, WalletAddress


class TransactionRow(msgspec.Struct, array_like=True, gc=False):
    """A row of `agent_transactions`."""

    id: UUID
    agent_id: UUID
    wallet_address: str | None
    transaction_type: str
    transaction_value_usd: Decimal
    transaction_time: datetime
    destination_address: str | None
    signal_id: int | None
    fees: Decimal | None
    routes: str | None
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
    swap_payload: str | None
    is_take_profit: bool
    protocol_fee_sol: Decimal | None
    network_fee_sol: Decimal | None


class ClosedTradeRow(msgspec.Struct, array_like=True, gc=False):
    """A row of `agent_historical_swaps`."""

    id: UUID
    agent_id: UUID
    wallet_address: str | None
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
    purchase_transaction_id: UUID | None
    sale_transaction_id: UUID | None
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
    """What a balance of `agent_balances` changes by, in base units (`delta_raw` is the integer as text).

    `token_symbol` is for a new row; `new_symbol` is set when the row is given another one.
    """

    id: UUID
    agent_id: UUID
    wallet_address: str
    token_address: str
    token_symbol: str
    decimals: int
    delta_raw: Decimal
    last_updated: datetime
    new_symbol: str | None = None


class IntentRow(msgspec.Struct, array_like=True, gc=False):
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
    intent: str
    submission: str | None
    transaction_id: UUID | None
    created_at: datetime
    updated_at: datetime
    sell_signal_id: int | None


class IntentUpdate(msgspec.Struct, gc=False):
    """What became of an intent of an earlier batch; `submission` None leaves the stored one."""

    id: UUID
    status: str
    updated_at: datetime
    code: str | None = None
    reason: str | None = None
    submission: str | None = None
    transaction_id: UUID | None = None


@dataclass(slots=True)
class Changes:
    """The net effect of a batch. Apply resets, closings and removals before the rows: these come after them.

    Edits concern rows of earlier batches; one whose row has gone meanwhile changes nothing.
    """

    resets: set[WalletAddress] = field(default_factory=set)
    vacated: set[WalletAddress] = field(default_factory=set)
    closed_positions: set[PositionId] = field(default_factory=set)
    removed_balances: set[tuple[WalletAddress, TokenAddress]] = field(default_factory=set)
    removed_transactions: set[UUID] = field(default_factory=set)
    removed_closed_trades: set[UUID] = field(default_factory=set)
    transactions: dict[UUID, TransactionRow] = field(default_factory=dict)
    transaction_edits: dict[UUID, TransactionRow] = field(default_factory=dict)
    closed_trades: dict[UUID, ClosedTradeRow] = field(default_factory=dict)
    closed_trade_edits: dict[UUID, ClosedTradeRow] = field(default_factory=dict)
    positions: dict[PositionId, PositionRow] = field(default_factory=dict)
    balances: dict[tuple[WalletAddress, TokenAddress], BalanceRow] = field(default_factory=dict)
    intents: dict[IntentId, IntentRow] = field(default_factory=dict)
    intent_updates: dict[IntentId, IntentUpdate] = field(default_factory=dict)

    def signal_ids(self) -> set[int]:
        """Return the signals that rows refer to by foreign key."""
        return {row.signal_id for row in self.rows_with_signal() if row.signal_id is not None}

    def rows_with_signal(self) -> list[TransactionRow | ClosedTradeRow]:
        """Return the rows that may refer to a signal."""
        return [
            *self.transactions.values(),
            *self.transaction_edits.values(),
            *self.closed_trades.values(),
            *self.closed_trade_edits.values(),
        ]
