"""Which closed trades a query asks for."""

from __future__ import annotations

from nexgent.api.endpoint import Call
from nexgent.api.fields import QueryFields, parse_signal_id
from nexgent.api.paging import period, period_parameters
from nexgent.api.v1.transactions.router import required_agent
from nexgent.domain.transactions.queries import ClosedTradeFilter
from nexgent.shared.types import SignalId, TokenAddress, TransactionId, WalletAddress

FILTERS = {
    "walletAddress": "Only this wallet",
    "tokenAddress": "Only this token",
    "tokenSymbol": "Only this symbol",
    "startPurchaseTime": "Bought not before",
    "endPurchaseTime": "Bought not after",
    "startSaleTime": "Sold not before",
    "endSaleTime": "Sold not after",
    **period_parameters("startSaleTime", "endSaleTime"),
    "signalId": "Only of this signal",
    "purchaseTransactionId": "Only this purchase",
    "saleTransactionId": "Only this sale",
    "minProfitLossUsd": "At least so much profit",
    "maxProfitLossUsd": "At most so much profit",
}


def closed_trade_filter(call: Call, query: QueryFields) -> ClosedTradeFilter:
    """Return the filter of a query. Raises as `required_agent` does, and `InvalidInputError`."""
    agent_id = required_agent(call, query)
    address, token, signal = query.text("walletAddress"), query.text("tokenAddress"), query.text("signalId")
    purchase = query.uuid("purchaseTransactionId", "transaction")
    sale = query.uuid("saleTransactionId", "transaction")
    start_sale, end_sale = period(query, "startSaleTime", "endSaleTime")
    return ClosedTradeFilter(
        agent_id=agent_id,
        wallet_address=WalletAddress(address) if address is not None else None,
        token_address=TokenAddress(token) if token is not None else None,
        token_symbol=query.text("tokenSymbol"),
        start_purchase_time=query.time("startPurchaseTime"),
        end_purchase_time=query.time("endPurchaseTime"),
        start_sale_time=start_sale,
        end_sale_time=end_sale,
        signal_id=SignalId(parse_signal_id(signal)) if signal is not None else None,
        purchase_transaction_id=TransactionId(purchase) if purchase is not None else None,
        sale_transaction_id=TransactionId(sale) if sale is not None else None,
        min_profit_loss_usd=query.decimal("minProfitLossUsd"),
        max_profit_loss_usd=query.decimal("maxProfitLossUsd"),
    )
