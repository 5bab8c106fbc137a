"""Transactions and closed trades as they are recorded: human units, ready for the read tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from nexgent.domain.positions.models import CloseReason
from nexgent.shared.structs import as_struct
from nexgent.shared.types import (
    AgentId,
    ClosedTradeId,
    PositionId,
    SignalId,
    TokenAddress,
    TransactionId,
    WalletAddress,
)


class TransactionType(StrEnum):
    """What a transaction does to balances."""

    DEPOSIT = "DEPOSIT"
    SWAP = "SWAP"
    BURN = "BURN"


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecord:
    """One transaction. Amounts in tokens, prices in SOL, fees in SOL, slippage in percent."""

    id: TransactionId
    agent_id: AgentId
    wallet_address: WalletAddress
    type: TransactionType
    value_usd: Decimal
    time: datetime
    input_mint: TokenAddress | None = None
    input_symbol: str | None = None
    input_amount: Decimal | None = None
    input_price: Decimal | None = None
    output_mint: TokenAddress | None = None
    output_symbol: str | None = None
    output_amount: Decimal | None = None
    output_price: Decimal | None = None
    destination_address: str | None = None
    signal_id: SignalId | None = None
    fees: Decimal | None = None
    routes_json: str | None = None
    slippage: Decimal | None = None
    price_impact: Decimal | None = None
    is_dca: bool = False
    is_take_profit: bool = False
    transaction_hash: str | None = None
    swap_payload_json: str | None = None
    protocol_fee_sol: Decimal | None = None
    network_fee_sol: Decimal | None = None


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTrade:
    """A position from first purchase to last sale (the contract's historical swap)."""

    id: ClosedTradeId
    position_id: PositionId
    agent_id: AgentId
    wallet_address: WalletAddress
    token_address: TokenAddress
    token_symbol: str
    amount: Decimal
    purchase_price: Decimal
    sale_price: Decimal
    change_percent: Decimal
    profit_loss_usd: Decimal
    profit_loss_sol: Decimal
    purchase_time: datetime
    sale_time: datetime
    purchase_transaction_id: TransactionId
    sale_transaction_id: TransactionId
    signal_id: SignalId | None
    close_reason: CloseReason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTradeRecord:
    """A closed trade as somebody recorded or edited it: history without a position, and what is not known is None.

    Amounts in tokens, prices in SOL, profit in SOL and USD, the change in percent. `close_reason` is a text: clients know
    reasons that this engine does not have.
    """

    id: ClosedTradeId
    agent_id: AgentId
    wallet_address: WalletAddress | None
    token_address: TokenAddress
    token_symbol: str
    amount: Decimal
    purchase_price: Decimal
    sale_price: Decimal
    change_percent: Decimal
    profit_loss_usd: Decimal
    profit_loss_sol: Decimal
    purchase_time: datetime
    sale_time: datetime
    purchase_transaction_id: TransactionId | None = None
    sale_transaction_id: TransactionId | None = None
    signal_id: SignalId | None = None
    close_reason: str | None = None
