"""`/agent-historical-swaps`: closed trades."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import iso, json_response
from nexgent.api.endpoint import Call, Doc, Endpoints
from nexgent.api.fields import parse_signal_id
from nexgent.api.v1.historical_swaps.schemas import HistoricalSwapOut
from nexgent.api.v1.transactions.router import required_agent
from nexgent.domain.transactions.queries import ClosedTradeFilter, ClosedTradeRow
from nexgent.domain.users.models import Scope
from nexgent.domain.wallets.record_transaction import visible_agent
from nexgent.shared.errors import NotFoundError
from nexgent.shared.money import plain
from nexgent.shared.types import ClosedTradeId, SignalId, TokenAddress, TransactionId, WalletAddress

endpoints = Endpoints("historical swaps")


@endpoints.get(
    "/agent-historical-swaps",
    Scope.HISTORY,
    Doc(
        summary="Closed trades of an agent, last sold first",
        response=HistoricalSwapOut,
        many=True,
        query={
            "*agentId": "The agent",
            "walletAddress": "Only this wallet",
            "tokenAddress": "Only this token",
            "tokenSymbol": "Only this symbol",
            "startPurchaseTime": "Bought not before",
            "endPurchaseTime": "Bought not after",
            "startSaleTime": "Sold not before",
            "endSaleTime": "Sold not after",
            "signalId": "Only of this signal",
            "purchaseTransactionId": "Only this purchase",
            "saleTransactionId": "Only this sale",
            "minProfitLossUsd": "At least so much profit",
            "maxProfitLossUsd": "At most so much profit",
            "limit": "At most so many, up to 1000 (default 100)",
            "offset": "Leave out the first so many",
        },
    ),
)
async def list_swaps(call: Call) -> Response:
    """Return matching closed trades."""
    query = call.query()
    agent_id = required_agent(call, query)
    address, token, signal = query.text("walletAddress"), query.text("tokenAddress"), query.text("signalId")
    purchase = query.uuid("purchaseTransactionId", "transaction")
    sale = query.uuid("saleTransactionId", "transaction")
    wanted = ClosedTradeFilter(
        agent_id=agent_id,
        wallet_address=WalletAddress(address) if address is not None else None,
        token_address=TokenAddress(token) if token is not None else None,
        token_symbol=query.text("tokenSymbol"),
        start_purchase_time=query.time("startPurchaseTime"),
        end_purchase_time=query.time("endPurchaseTime"),
        start_sale_time=query.time("startSaleTime"),
        end_sale_time=query.time("endSaleTime"),
        signal_id=SignalId(parse_signal_id(signal)) if signal is not None else None,
        purchase_transaction_id=TransactionId(purchase) if purchase is not None else None,
        sale_transaction_id=TransactionId(sale) if sale is not None else None,
        min_profit_loss_usd=query.decimal("minProfitLossUsd"),
        max_profit_loss_usd=query.decimal("maxProfitLossUsd"),
    )
    limit, offset = query.page()
    await call.services.projections.caught_up()
    rows = await call.services.closed_trades.list(wanted, limit=limit, offset=offset)
    return json_response([_view(row) for row in rows])


@endpoints.get(
    "/agent-historical-swaps/{id}", Scope.HISTORY, Doc(summary="One closed trade", response=HistoricalSwapOut)
)
async def get_swap(call: Call) -> Response:
    """Return a closed trade."""
    swap_id = ClosedTradeId(call.path_uuid("id", "historical swap"))
    await call.services.projections.caught_up()
    row = await call.services.closed_trades.get(swap_id)
    if row is None:
        raise NotFoundError("Historical swap not found")
    visible_agent(call.services.directory, row.agent_id, call.user_id)
    return json_response(_view(row))


def _view(row: ClosedTradeRow) -> dict[str, object]:
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
        "createdAt": iso(row.created_at),
    }
