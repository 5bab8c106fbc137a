"""`/wallets`: which wallets agents have, resets, and deposits from outside."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from nexgent.api.elsewhere import words_of_engines
from nexgent.api.encoding import JsonBytes, dumped, json_response
from nexgent.api.http.access import SessionCaller
from nexgent.api.http.declared import NOT_AUDITED, ONCE_BY_NATURE, audited, limited
from nexgent.api.http.refusals import FLAT_FIRST, FOREIGN, MOVED_ON, UNKNOWN_AGENT, Refusal, refusals
from nexgent.api.http.requests import SentRequest
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import ThatAgentIdInPath, WalletInPath
from nexgent.api.v1.wallets.schemas import (
    AssignIn,
    AssignOut,
    CheckDepositsIn,
    CheckDepositsOut,
    ResetIn,
    ResetOut,
    UnassignIn,
    WalletsOut,
)
from nexgent.shared.types import WalletAddress

router = APIRouter(prefix="/wallets", tags=["wallets"], route_class=ApiRoute)


@router.get(
    "/agent/{agentId}",
    summary="Wallets of an agent, and live wallets that are loaded",
    response_model=WalletsOut,
)
async def list_wallets(
    request: SentRequest, agent_id: ThatAgentIdInPath, caller: SessionCaller, services: Services
) -> Response:
    """Return the wallets."""
    wallets = await services.wallets.listing.execute(agent_id, caller.user_id)
    if not services.trades_for(agent_id):
        # Which keys are loaded is known where they are.
        said = await words_of_engines(request, services, [agent_id])
        if agent_id in said:
            return JsonBytes(said[agent_id])
    return json_response(dumped(WalletsOut.of(wallets)), 200)


@router.post(
    "/assign",
    status_code=201,
    summary="Give an agent a wallet",
    response_model=AssignOut,
    responses={200: {"model": AssignOut}, **refusals(UNKNOWN_AGENT, FLAT_FIRST)},
    dependencies=[limited(5), audited("wallet.assign")],
)
async def assign_wallet(body: AssignIn, caller: SessionCaller, services: Services) -> Response:
    """Assign a wallet. 201 for a new wallet, 200 when it replaces one of the same type. The old one must be flat."""
    done = await services.wallets.assign.execute(
        body.agent_id, caller.user_id, WalletAddress(body.wallet_address), body.wallet_type
    )
    return json_response(dumped(AssignOut.of(done.wallet, is_new=done.is_new)), 201 if done.is_new else 200)


@router.post(
    "/{walletAddress}/reset",
    summary="Delete all trading data of a wallet",
    responses=refusals(MOVED_ON),
    dependencies=[limited(5), audited("wallet.reset")],
)
async def reset_wallet(
    address: WalletInPath, _confirmed: ResetIn, caller: SessionCaller, services: Services
) -> ResetOut:
    """Start again from nothing."""
    result = await services.wallets.reset.execute(address, caller.user_id)
    return ResetOut.of(address, result, "Wallet reset successfully")


@router.post(
    "/{walletAddress}/unassign",
    summary="Delete a live wallet's trading data and take it away",
    responses=refusals(MOVED_ON),
    dependencies=[limited(5), audited("wallet.unassign")],
)
async def unassign_wallet(
    address: WalletInPath, _confirmed: UnassignIn, caller: SessionCaller, services: Services
) -> ResetOut:
    """Take a live wallet away from its agent."""
    result = await services.wallets.unassign.execute(address, caller.user_id)
    return ResetOut.of(address, result, "Wallet unassigned successfully")


# Books what the chain says; it is in the journal.
@router.post(
    "/{walletAddress}/check-deposits",
    summary="Book SOL that came in from outside",
    responses=refusals(FOREIGN, MOVED_ON, Refusal(502, "The Solana node cannot be reached", "RPC_ERROR")),
    dependencies=[limited(5), ONCE_BY_NATURE, NOT_AUDITED],
)
async def check_deposits(
    address: WalletInPath, body: CheckDepositsIn, caller: SessionCaller, services: Services
) -> CheckDepositsOut:
    """Look for a deposit on the chain: compare it with the ledger. Withdrawals are reported, never booked."""
    return CheckDepositsOut.of(
        await services.wallets.deposits.execute(address, body.agent_id, caller.user_id)
    )
