"""Closed trades as this interface shows them."""

from __future__ import annotations

from datetime import datetime

from nexgent.api.encoding import iso
from nexgent.domain.transactions.models import ClosedTradeRecord
from nexgent.domain.transactions.queries import ClosedTradeRow
from nexgent.shared.money import plain


def swap_view(row: ClosedTradeRow) -> dict[str, object]:
    """Return a listed closed trade."""
    return recorded_swap_view(row, row.created_at)


def recorded_swap_view(row: ClosedTradeRow | ClosedTradeRecord, created_at: datetime) -> dict[str, object]:
    """Return a closed trade that may not be in the tables yet."""
    return {
        "id": row.id,
        "agentId": row.agent_id,
        "walletAddress": row.wallet_address,
        "tokenAddress": row.token_address,
        "tokenSymbol": row.token_symbol,
        "amount": plain(row.amount),
        "purchasePrice": plain(row.purchase_price),
        "salePrice": plain(row.sale_price),
        "changePercent": plain(row.change_percent),
        "profitLossUsd": plain(row.profit_loss_usd),
        "profitLossSol": plain(row.profit_loss_sol),
        "purchaseTime": iso(row.purchase_time),
        "saleTime": iso(row.sale_time),
        "purchaseTransactionId": row.purchase_transaction_id,
        "saleTransactionId": row.sale_transaction_id,
        "signalId": str(row.signal_id) if row.signal_id is not None else None,
        "closeReason": row.close_reason,
        "createdAt": iso(created_at),
    }
