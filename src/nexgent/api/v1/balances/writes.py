"""`/agent-balances`: put a balance on the books, set it, strike it off. Each is an entry of the journal."""

from __future__ import annotations

import re
from decimal import Decimal

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import BodyFields, parse_uuid, shown
from nexgent.api.v1.balances.schemas import BalanceChangesIn, BalanceDeletedOut, BalanceIn, BalanceOut
from nexgent.api.v1.balances.views import balance_view
from nexgent.domain.agents.ownership import wallet_of
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.numbers import read_decimal
from nexgent.shared.types import AgentId, WalletAddress

endpoints = Endpoints("balances")

# No exponents here, unlike elsewhere: the contract wants the plain notation it answers with.
_AMOUNT = re.compile(r"[ \t]*-?[0-9]+(\.[0-9]+)?[ \t]*")


@endpoints.post(
    "/agent-balances",
    Access.SESSION,
    Doc(
        summary="Put a balance on the books",
        description="The amount is booked as an adjustment; a deposit is recorded with POST /agent-transactions.",
        body=BalanceIn,
        response=BalanceOut,
        status=201,
    ),
)
async def create_balance(call: Call) -> Response:
    """Give a wallet a balance of a token it has none of."""
    fields = BodyFields(await call.body())
    agent_id = AgentId(parse_uuid(fields.required("agentId"), "agent"))
    mint = fields.mint("tokenAddress")
    symbol = fields.text("tokenSymbol", 20)
    amount = _amount(fields)
    address = fields.optional_text("walletAddress", 44)
    agent = call.services.directory.owned(agent_id, call.user_id)
    wallet = wallet_of(agent, WalletAddress(address) if address is not None else None)
    made = await call.services.bookkeeping.create_balance.execute(wallet, mint, symbol, amount)
    return json_response(balance_view(made), 201)


@endpoints.put(
    "/agent-balances/{id}",
    Access.SESSION,
    Doc(
        summary="Set a balance or its symbol",
        description="What an open position holds or a trade under way has reserved cannot be taken away (409).",
        body=BalanceChangesIn,
        response=BalanceOut,
    ),
)
async def update_balance(call: Call) -> Response:
    """Set a balance."""
    wanted = call.path_uuid("id", "balance")
    fields = BodyFields(await call.body())
    if not (fields.given("balance") or fields.given("tokenSymbol")):
        raise InvalidInputError("balance or tokenSymbol is required")
    amount = _amount(fields) if fields.given("balance") else None
    symbol = fields.text("tokenSymbol", 20) if fields.given("tokenSymbol") else None
    update = call.services.bookkeeping.update_balance
    return json_response(
        balance_view(await update.execute(wanted, call.user_id, amount=amount, symbol=symbol))
    )


@endpoints.delete(
    "/agent-balances/{id}",
    Access.SESSION,
    Doc(
        summary="Strike a balance off the books",
        description="Refused with 409 while an open position holds the token or a trade under way has reserved some of it.",
        response=BalanceDeletedOut,
    ),
)
async def delete_balance(call: Call) -> Response:
    """Remove a balance."""
    wanted = call.path_uuid("id", "balance")
    await call.services.bookkeeping.remove_balance.execute(wanted, call.user_id)
    return json_response({"success": True, "message": "Balance deleted successfully"})


def _amount(fields: BodyFields) -> Decimal:
    given = fields.required("balance")
    amount = read_decimal(given) if isinstance(given, str) and _AMOUNT.fullmatch(given) else None
    if amount is None:
        raise InvalidInputError(
            f'Invalid balance: a text with a number such as "12.5" is required, received {shown(given)}'
        )
    if amount < 0:
        raise InvalidInputError("Invalid balance: it must not be negative")
    return amount
