"""Rows of the reference's history to records of ours. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import asyncpg

from nexgent.domain.transactions.models import ClosedTradeRecord, TransactionRecord, TransactionType
from nexgent.infrastructure.takeover.errors import NotTakenError
from nexgent.shared.types import (
    AgentId,
    ClosedTradeId,
    SignalId,
    TokenAddress,
    TransactionId,
    WalletAddress,
)

Row = Mapping[str, Any] | asyncpg.Record

WITHDRAWAL = "WITHDRAWAL"
"""A kind that the reference's database has and nothing there ever writes. What went out is a BURN in these books."""
_KINDS = {**{kind.value: kind for kind in TransactionType}, WITHDRAWAL: TransactionType.BURN}
# As many digits as the tables have before the point.
_TOO_LARGE = Decimal(10) ** 32


def transaction_of(row: Row, wallet: WalletAddress, taken_numbers: Collection[int] = ()) -> TransactionRecord:
    """Return a transaction as it was recorded, in the stream of `wallet`. A signal of `taken_numbers` is another one here.

    Raises `NotTakenError`.
    """
    kind = _KINDS.get(row["transaction_type"])
    if kind is None:
        raise NotTakenError(f"{row['transaction_type']} is no kind of transaction that there is here")
    _require_numbers(row)
    return TransactionRecord(
        id=TransactionId(row["id"]),
        agent_id=AgentId(row["agent_id"]),
        wallet_address=wallet,
        type=kind,
        value_usd=row["transaction_value_usd"],
        time=row["transaction_time"],
        input_mint=_mint(row["input_mint"]),
        input_symbol=row["input_symbol"],
        input_amount=row["input_amount"],
        input_price=row["input_price"],
        output_mint=_mint(row["output_mint"]),
        output_symbol=row["output_symbol"],
        output_amount=row["output_amount"],
        output_price=row["output_price"],
        destination_address=row["destination_address"],
        signal_id=_signal(row["signal_id"], taken_numbers),
        fees=row["fees"],
        routes_json=row["routes"],
        slippage=row["slippage"],
        price_impact=row["price_impact"],
        is_dca=row["is_dca"],
        is_take_profit=row["is_take_profit"],
        transaction_hash=None if row["hash_is_repeated"] else row["transaction_hash"],
        swap_payload_json=row["swap_payload"],
        protocol_fee_sol=row["protocol_fee_sol"],
        network_fee_sol=row["network_fee_sol"],
    )


def closed_trade_of(
    row: Row, wallet: WalletAddress | None, taken_numbers: Collection[int] = ()
) -> ClosedTradeRecord:
    """Return a closed trade as it was recorded. Raises `NotTakenError`."""
    _require_numbers(row)
    return ClosedTradeRecord(
        id=ClosedTradeId(row["id"]),
        agent_id=AgentId(row["agent_id"]),
        wallet_address=wallet,
        token_address=TokenAddress(row["token_address"]),
        token_symbol=row["token_symbol"],
        amount=row["amount"],
        purchase_price=row["purchase_price"],
        sale_price=row["sale_price"],
        change_percent=row["change_percent"],
        profit_loss_usd=row["profit_loss_usd"],
        profit_loss_sol=row["profit_loss_sol"],
        purchase_time=row["purchase_time"],
        sale_time=row["sale_time"],
        purchase_transaction_id=row["purchase_transaction_id"],
        sale_transaction_id=row["sale_transaction_id"],
        signal_id=_signal(row["signal_id"], taken_numbers),
        close_reason=row["close_reason"],
    )


def _require_numbers(row: Row) -> None:
    for name, value in row.items():
        if isinstance(value, Decimal) and not (value.is_finite() and abs(value) < _TOO_LARGE):
            raise NotTakenError(f"its {name} is no amount ({value:.6g})")


def _mint(text: str | None) -> TokenAddress | None:
    return TokenAddress(text) if text is not None else None


def _signal(number: int | None, taken_numbers: Collection[int]) -> SignalId | None:
    return SignalId(number) if number is not None and number not in taken_numbers else None
