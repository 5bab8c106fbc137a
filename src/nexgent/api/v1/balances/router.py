"""`/agent-balances`: what wallets hold, straight from the ledger."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Call, Doc, Endpoints
from nexgent.api.fields import parse_uuid
from nexgent.api.v1.balances.schemas import BalanceOut
from nexgent.api.v1.balances.views import balance_view
from nexgent.domain.bookkeeping.balances import OwnedBalance, balance_id
from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError, NotFoundError
from nexgent.shared.types import AgentId, WalletAddress

endpoints = Endpoints("balances")


@endpoints.get(
    "/agent-balances",
    Scope.BALANCES,
    Doc(
        summary="Balances of an agent, last changed first",
        response=BalanceOut,
        many=True,
        query={"*agentId": "The agent", "walletAddress": "Only this wallet"},
    ),
)
async def list_balances(call: Call) -> Response:
    """Return the balances of an agent's wallets."""
    query = call.query()
    given = query.text("agentId")
    if given is None:
        raise InvalidInputError("agentId query parameter is required")
    agent = call.services.directory.owned(AgentId(parse_uuid(given, "agent")), call.user_id)
    address = query.text("walletAddress")
    wallets = [wallet for wallet in agent.wallets if address is None or wallet.address == address]
    found: list[tuple[WalletState, Balance]] = []
    for wallet in wallets:
        state = await _state(call, wallet.address)
        if state is not None:
            found.extend((state, balance) for balance in state.balances.values())
    found.sort(key=lambda pair: (pair[1].updated_at, pair[1].mint), reverse=True)
    latest_prices = call.services.latest_prices
    return json_response(
        [
            balance_view(OwnedBalance(state.agent_id, state.wallet_address, balance), latest_prices)
            for state, balance in found
        ]
    )


@endpoints.get("/agent-balances/{id}", Scope.BALANCES, Doc(summary="One balance", response=BalanceOut))
async def get_balance(call: Call) -> Response:
    """Return a balance of any of the user's agents."""
    wanted = call.path_uuid("id", "balance")
    for agent in call.services.directory.of_user(call.user_id):
        for wallet in agent.wallets:
            state = await _state(call, wallet.address)
            for balance in state.balances.values() if state is not None else ():
                if state is not None and balance_id(wallet.address, balance.mint) == wanted:
                    owned = OwnedBalance(agent.id, wallet.address, balance)
                    return json_response(balance_view(owned))
    raise NotFoundError("Balance not found")


async def _state(call: Call, wallet: WalletAddress) -> WalletState | None:
    try:
        return await call.services.ledger.fresh(wallet)
    except UnknownWalletError:
        return None
