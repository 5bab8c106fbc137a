"""Transactions as this interface shows them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from nexgent.api.encoding import iso, text_or_none
from nexgent.domain.transactions.models import TransactionRecord
from nexgent.domain.transactions.queries import TransactionRow
from nexgent.shared.money import plain


def transaction_view(row: TransactionRow) -> dict[str, object]:
    """Return a listed transaction."""
    return _view(row, row.type, row.created_at, row.updated_at)


def recorded_view(
    record: TransactionRecord, created_at: datetime, updated_at: datetime | None = None
) -> dict[str, object]:
    """Return a transaction that was booked a moment ago and may not be in the tables yet."""
    return _view(record, record.type.value, created_at, updated_at or created_at)


def _view(
    row: TransactionRow | TransactionRecord, kind: str, created_at: datetime, updated_at: datetime
) -> dict[str, object]:
    return {
        "id": row.id,
        "agentId": row.agent_id,
        "walletAddress": row.wallet_address,
        "transactionType": kind,
        "transactionValueUsd": plain(row.value_usd),
        "transactionTime": iso(row.time),
        "destinationAddress": row.destination_address,
        "signalId": row.signal_id,
        "fees": text_or_none(row.fees),
        "routes": msgspec.Raw(row.routes_json.encode()) if row.routes_json is not None else None,
        "inputMint": row.input_mint,
        "inputSymbol": row.input_symbol,
        "inputAmount": text_or_none(row.input_amount),
        "inputPrice": text_or_none(row.input_price),
        "outputMint": row.output_mint,
        "outputSymbol": row.output_symbol,
        "outputAmount": text_or_none(row.output_amount),
        "outputPrice": text_or_none(row.output_price),
        "slippage": text_or_none(row.slippage),
        "priceImpact": text_or_none(row.price_impact),
        "isDca": row.is_dca,
        "isTakeProfit": row.is_take_profit,
        "transactionHash": row.transaction_hash,
        "protocolFeeSol": text_or_none(row.protocol_fee_sol),
        "networkFeeSol": text_or_none(row.network_fee_sol),
        "createdAt": iso(created_at),
        "updatedAt": iso(updated_at),
    }
