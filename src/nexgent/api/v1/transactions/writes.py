"""`/agent-transactions`: correct and delete what was recorded."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import BodyFields
from nexgent.api.v1.transactions.parsing import (
    nullable_fields,
    own_signal,
    transaction_time,
    transaction_type,
    value_usd,
)
from nexgent.api.v1.transactions.schemas import TransactionChangesIn, TransactionOut
from nexgent.api.v1.transactions.views import recorded_view, transaction_view
from nexgent.domain.agents.models import Agent
from nexgent.domain.agents.ownership import visible_agent
from nexgent.domain.transactions.queries import TransactionRow
from nexgent.shared.errors import InvalidInputError, NotFoundError
from nexgent.shared.types import TransactionId

endpoints = Endpoints("transactions")


@endpoints.put(
    "/agent-transactions/{id}",
    Access.SESSION,
    Doc(
        summary="Correct a transaction",
        description=(
            "Balances follow: the old effect is taken back and the new one posted in the same entry of the journal. "
            "Of a trade the engine made, only remarks (fees, slippage, signal …) can be changed; anything else is answered 409."
        ),
        body=TransactionChangesIn,
        response=TransactionOut,
    ),
)
async def update_transaction(call: Call) -> Response:
    """Correct a transaction."""
    fields = BodyFields(await call.body())
    _, row = await _visible_transaction(call)
    if row.wallet_address is None:
        raise InvalidInputError(
            "Invalid transaction: its wallet was replaced, so it has no wallet any more and cannot be changed"
        )
    changes = await _read_changes(call, fields)
    edit = call.services.bookkeeping.edit_transaction
    record, changed_at = await edit.execute(row.wallet_address, row.id, changes)
    await call.services.projections.caught_up()
    stored = await call.services.transactions.get(row.id)
    if stored is not None and stored.updated_at == changed_at:
        return json_response(transaction_view(stored))
    return json_response(recorded_view(record, row.created_at, changed_at))


@endpoints.delete(
    "/agent-transactions/{id}",
    Access.SESSION,
    Doc(
        summary="Delete a transaction",
        description=(
            "**The balances are reversed:** what was entered by hand is taken back from them, a deposit of 10 SOL lowers the SOL "
            "balance by 10. (The service this API is taken from left them as they were.) Refused when the balance does not "
            "cover it any more. A trade of the engine only loses its row, its money stays where it is; while its position is "
            "open, the answer is 409. The header `X-Balances-Reversed` of the answer says `true` or `false`."
        ),
        status=204,
    ),
)
async def delete_transaction(call: Call) -> Response:
    """Delete a transaction."""
    agent, row = await _visible_transaction(call)
    moved = await call.services.bookkeeping.remove_transaction.execute(agent, row.wallet_address, row.id)
    return Response(status_code=204, headers={"X-Balances-Reversed": "true" if moved else "false"})


async def _visible_transaction(call: Call) -> tuple[Agent, TransactionRow]:
    transaction_id = TransactionId(call.path_uuid("id", "transaction"))
    await call.services.projections.caught_up()
    row = await call.services.transactions.get(transaction_id)
    if row is None:
        raise NotFoundError("Transaction not found")
    return visible_agent(call.services.directory, row.agent_id, call.user_id), row


async def _read_changes(call: Call, fields: BodyFields) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if fields.present("transactionType"):
        changes["type"] = transaction_type(fields.required("transactionType"))
    if fields.present("transactionValueUsd"):
        changes["value_usd"] = value_usd(fields)
    if fields.present("transactionTime"):
        changes["time"] = transaction_time(fields)
    if fields.present("signalId"):
        changes["signal_id"] = await own_signal(call, fields)
    for name, field in (("isDca", "is_dca"), ("isTakeProfit", "is_take_profit")):
        if fields.present(name):
            fields.required(name)
            changes[field] = fields.optional_bool(name, default=False)
    return changes | nullable_fields(fields, only_present=True)
