"""`/agent-historical-swaps`: record, correct and delete closed trades. History only: no balance moves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import BodyFields, parse_time, parse_uuid, shown
from nexgent.api.v1.historical_swaps.schemas import (
    HistoricalSwapChangesIn,
    HistoricalSwapIn,
    HistoricalSwapOut,
)
from nexgent.api.v1.historical_swaps.views import recorded_swap_view
from nexgent.api.v1.transactions.parsing import own_signal
from nexgent.domain.agents.models import Agent
from nexgent.domain.agents.ownership import visible_agent, wallet_of
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.transactions.models import ClosedTradeRecord
from nexgent.domain.transactions.queries import ClosedTradeRow
from nexgent.shared.errors import InvalidInputError, NotFoundError
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, ClosedTradeId, TransactionId, WalletAddress

endpoints = Endpoints("historical swaps")

CLOSE_REASONS = (*(reason.value for reason in CloseReason), "signal_replace")
_LIMIT = Decimal(10) ** 32
_PERCENT_LIMIT = Decimal(10) ** 20
_PERCENT_STORED = Decimal("1e-4")
_NUMBERS = {
    "amount": "amount",
    "purchasePrice": "purchase_price",
    "salePrice": "sale_price",
    "changePercent": "change_percent",
    "profitLossUsd": "profit_loss_usd",
    "profitLossSol": "profit_loss_sol",
}
_TIMES = {"purchaseTime": "purchase_time", "saleTime": "sale_time"}
_REFERENCES = {
    "purchaseTransactionId": "purchase_transaction_id",
    "saleTransactionId": "sale_transaction_id",
}


@endpoints.post(
    "/agent-historical-swaps",
    Access.SESSION,
    Doc(
        summary="Record a closed trade",
        description="Pure record keeping: it counts in figures about past trades and moves no balance.",
        body=HistoricalSwapIn,
        response=HistoricalSwapOut,
        status=201,
    ),
)
async def create_swap(call: Call) -> Response:
    """Record a closed trade."""
    fields = BodyFields(await call.body())
    agent_id = AgentId(parse_uuid(fields.required("agentId"), "agent"))
    agent = visible_agent(call.services.directory, agent_id, call.user_id)
    wallet = _wallet(agent, fields.optional_text("walletAddress", 44))
    values = await _read(call, fields, only_present=False)
    trade = ClosedTradeRecord(id=ClosedTradeId(new_id()), agent_id=agent.id, wallet_address=wallet, **values)
    recorded_at = await call.services.bookkeeping.record_closed_trade.execute(agent, trade)
    return json_response(recorded_swap_view(trade, recorded_at), 201)


@endpoints.put(
    "/agent-historical-swaps/{id}",
    Access.SESSION,
    Doc(
        summary="Correct a closed trade",
        description=(
            "What the engine's own trades brought cannot be changed (409); their tokenSymbol, signalId and closeReason can."
        ),
        body=HistoricalSwapChangesIn,
        response=HistoricalSwapOut,
    ),
)
async def update_swap(call: Call) -> Response:
    """Correct a closed trade."""
    fields = BodyFields(await call.body())
    agent, row = await _visible_swap(call)
    changes = await _read(call, fields, only_present=True)
    trade, created_at = await call.services.bookkeeping.edit_closed_trade.execute(agent, row.id, changes)
    return json_response(recorded_swap_view(trade, created_at))


@endpoints.delete(
    "/agent-historical-swaps/{id}",
    Access.SESSION,
    Doc(
        summary="Delete a closed trade",
        description="Balances and transactions stay as they are; figures about past trades no longer count it.",
        status=204,
    ),
)
async def delete_swap(call: Call) -> Response:
    """Delete a closed trade."""
    agent, row = await _visible_swap(call)
    await call.services.bookkeeping.remove_closed_trade.execute(agent, row.wallet_address, row.id)
    return Response(status_code=204)


async def _visible_swap(call: Call) -> tuple[Agent, ClosedTradeRow]:
    swap_id = ClosedTradeId(call.path_uuid("id", "historical swap"))
    await call.services.projections.caught_up()
    row = await call.services.closed_trades.get(swap_id)
    if row is None:
        raise NotFoundError("Historical swap not found")
    return visible_agent(call.services.directory, row.agent_id, call.user_id), row


def _wallet(agent: Agent, address: str | None) -> WalletAddress | None:
    if address is not None:
        return wallet_of(agent, WalletAddress(address)).address
    wallet = agent.wallet_for(agent.trading_mode)
    return wallet.address if wallet is not None else None


async def _read(call: Call, fields: BodyFields, *, only_present: bool) -> dict[str, Any]:
    """Return the fields by the record's names: all of them, or those the body has. References may be null."""

    def wanted(name: str) -> bool:
        return not only_present or fields.present(name)

    values: dict[str, Any] = {}
    if wanted("tokenAddress"):
        values["token_address"] = fields.mint("tokenAddress")
    if wanted("tokenSymbol"):
        values["token_symbol"] = fields.text("tokenSymbol", 20)
    for name, field in _NUMBERS.items():
        if wanted(name):
            values[field] = _number(fields, name)
    for name, field in _TIMES.items():
        if wanted(name):
            values[field] = parse_time(fields.required(name), name)
    for name, field in _REFERENCES.items():
        if wanted(name):
            given = fields.optional_text(name, 255)
            values[field] = TransactionId(parse_uuid(given, "transaction")) if given is not None else None
    if wanted("closeReason"):
        values["close_reason"] = _close_reason(fields)
    if wanted("signalId"):
        values["signal_id"] = await own_signal(call, fields)
    return values


def _number(fields: BodyFields, name: str) -> Decimal:
    fields.required(name)
    minimum = Decimal(0) if name in {"amount", "purchasePrice", "salePrice"} else None
    below = _PERCENT_LIMIT if name == "changePercent" else _LIMIT
    number = fields.optional_decimal(name, minimum=minimum, below=below)
    if number is None:
        raise InvalidInputError(f"{name} is required")
    if number == 0 and name in {"purchasePrice", "salePrice"}:
        raise InvalidInputError(f"Invalid {name}: it must be greater than 0")
    return number.quantize(_PERCENT_STORED) if name == "changePercent" else number


def _close_reason(fields: BodyFields) -> str | None:
    given = fields.raw("closeReason")
    if given is None or given in CLOSE_REASONS:
        return str(given) if given is not None else None
    raise InvalidInputError(
        f"Invalid closeReason: one of {', '.join(CLOSE_REASONS)} is required, received {shown(given)}"
    )
