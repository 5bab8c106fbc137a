"""`/agent-balances`: what wallets hold, straight from the ledger."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from starlette.responses import Response

from nexgent.api.encoding import iso, json_response
from nexgent.api.endpoint import Call, Doc, Endpoints
from nexgent.api.fields import parse_uuid
from nexgent.api.v1.balances.schemas import BalanceOut
from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.prices.board import PriceBoard
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError, NotFoundError
from nexgent.shared.ids import derived_id
from nexgent.shared.money import SOL_MINT, from_raw, plain
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress

endpoints = Endpoints("balances")

_ONE = Decimal(1)


def balance_id(wallet: WalletAddress, mint: TokenAddress) -> UUID:
    """Return the id of a balance: the same here and in the read tables."""
    return derived_id("balance", wallet, mint)


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
    board = call.services.board
    return json_response([_view(state, balance, board) for state, balance in found])


@endpoints.get("/agent-balances/{id}", Scope.BALANCES, Doc(summary="One balance", response=BalanceOut))
async def get_balance(call: Call) -> Response:
    """Return a balance of any of the user's agents."""
    wanted = call.path_uuid("id", "balance")
    for agent in call.services.directory.of_user(call.user_id):
        for wallet in agent.wallets:
            state = await _state(call, wallet.address)
            for balance in state.balances.values() if state is not None else ():
                if state is not None and balance_id(wallet.address, balance.mint) == wanted:
                    return json_response(_view(state, balance, None))
    raise NotFoundError("Balance not found")


async def _state(call: Call, wallet: WalletAddress) -> WalletState | None:
    try:
        return await call.services.ledger.fresh(wallet)
    except UnknownWalletError:
        return None


def _view(state: WalletState, balance: Balance, board: PriceBoard | None) -> dict[str, object]:
    view: dict[str, object] = {
        "id": balance_id(state.wallet_address, balance.mint),
        "agentId": state.agent_id,
        "walletAddress": state.wallet_address,
        "tokenAddress": balance.mint,
        "tokenSymbol": balance.symbol,
        "balance": plain(from_raw(balance.amount_raw, balance.decimals)),
        "lastUpdated": iso(balance.updated_at),
    }
    if board is not None:
        price = board.get(balance.mint)
        if balance.mint == SOL_MINT:
            view["priceSol"] = _ONE
        elif price is not None:
            view["priceSol"] = price.price_sol
    return view
