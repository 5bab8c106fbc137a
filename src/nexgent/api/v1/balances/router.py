"""`/agent-balances`: what wallets hold, straight from the ledger; what is set by hand is an entry of the journal.

Balances that have been zero for a while are only in the tables, and listed from there.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from nexgent.api.encoding import json_array
from nexgent.api.http.access import BalancesCaller, SessionCaller
from nexgent.api.http.declared import NOT_AUDITED
from nexgent.api.http.models import DoneOut
from nexgent.api.http.refusals import MOVED_ON, UNKNOWN_AGENT, Refusal, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import BalanceIdInPath
from nexgent.api.streaming import long_json_array
from nexgent.api.v1.balances.schemas import (
    BalanceChangesIn,
    BalanceIn,
    BalanceOut,
    BalancesQuery,
    with_price,
    written,
)
from nexgent.domain.agents.ownership import wallet_of
from nexgent.domain.bookkeeping.balances import PART_ROWS
from nexgent.domain.bookkeeping.ports import ListedBalance, OwnedBalance
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, WalletAddress

# What is entered by hand is in the journal.
router = APIRouter(
    prefix="/agent-balances", tags=["balances"], route_class=ApiRoute, dependencies=[NOT_AUDITED]
)

_ONE = Decimal(1)


@router.get("", summary="Balances of an agent, last changed first", response_model=list[BalanceOut])
async def list_balances(
    query: Annotated[BalancesQuery, Query()], caller: BalancesCaller, services: Services
) -> Response:
    """Return the balances of an agent's wallets."""
    agent = services.directory.owned(query.agent_id, caller.user_id)
    only = WalletAddress(query.wallet_address) if query.wallet_address is not None else None
    balances = services.bookkeeping.balances
    if query.held:
        return json_array([_written(services, owned) for owned in await balances.held_by(agent, only)])
    found = await balances.of_agent(agent, only)
    pieces: list[bytes] = []
    # Every token that was ever traded is among them: trades have their turn in between.
    for start in range(0, len(found), PART_ROWS):
        pieces.append(b",".join([_written(services, one) for one in found[start : start + PART_ROWS]]))
        await asyncio.sleep(0)
    return long_json_array(pieces)


@router.post(
    "",
    status_code=201,
    summary="Put a balance on the books",
    responses=refusals(
        UNKNOWN_AGENT, Refusal(409, "A balance of this token exists already in this wallet", "CONFLICT")
    ),
)
async def create_balance(body: BalanceIn, caller: SessionCaller, services: Services) -> BalanceOut:
    """Give a wallet a balance of a token it has none of.

    The amount is booked as an adjustment; a deposit is recorded with POST /agent-transactions.
    """
    agent = services.directory.owned(body.agent_id, caller.user_id)
    wallet = wallet_of(agent, WalletAddress(body.wallet_address) if body.wallet_address is not None else None)
    create = services.bookkeeping.create_balance
    return BalanceOut.of(await create.execute(wallet, body.token_address, body.token_symbol, body.balance))


@router.get("/{id}", summary="One balance")
async def get_balance(wanted: BalanceIdInPath, caller: BalancesCaller, services: Services) -> BalanceOut:
    """Return a balance of any of the user's agents."""
    return BalanceOut.of(await services.bookkeeping.balances.owned(wanted, caller.user_id))


@router.put("/{id}", summary="Set a balance or its symbol", responses=refusals(MOVED_ON))
async def update_balance(
    wanted: BalanceIdInPath, body: BalanceChangesIn, caller: SessionCaller, services: Services
) -> BalanceOut:
    """Set a balance. What an open position holds or a trade under way has reserved cannot be taken away (409)."""
    update = services.bookkeeping.update_balance
    return BalanceOut.of(
        await update.execute(wanted, caller.user_id, amount=body.balance, symbol=body.token_symbol)
    )


@router.delete("/{id}", summary="Strike a balance off the books", responses=refusals(MOVED_ON))
async def delete_balance(wanted: BalanceIdInPath, caller: SessionCaller, services: Services) -> DoneOut:
    """Remove a balance. Refused with 409 while an open position holds the token or a trade under way has reserved some of it."""
    await services.bookkeeping.remove_balance.execute(wanted, caller.user_id)
    return DoneOut(success=True, message="Balance deleted successfully")


def _written(services: Services, one: OwnedBalance | ListedBalance) -> bytes:
    price_sol = _price_sol(services, one.mint)
    return with_price(one.written, price_sol) if isinstance(one, ListedBalance) else written(one, price_sol)


def _price_sol(services: Services, mint: TokenAddress) -> Decimal | None:
    if mint == SOL_MINT:
        return _ONE
    price = services.latest_prices.get(mint)
    return price.price_sol if price is not None else None
