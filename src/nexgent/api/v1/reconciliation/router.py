"""`/wallets/{walletAddress}/…`: a live wallet held against the chain, and tokens that no position accounts for."""

from __future__ import annotations

from fastapi import APIRouter

from nexgent.api.http.access import SessionCaller
from nexgent.api.http.declared import ONCE_BY_NATURE, limited
from nexgent.api.http.models import READS_NOTHING, DoneOut
from nexgent.api.http.refusals import LOCKED, Refusal, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import WalletInPath
from nexgent.api.v1.reconciliation.schemas import (
    AdoptedOut,
    AdoptIn,
    IgnoreIn,
    ReclaimedOut,
    ReconciledOut,
    ReconciliationOut,
    RentOut,
)

router = APIRouter(prefix="/wallets", tags=["wallets"], route_class=ApiRoute)

_MOVING = Refusal(
    409,
    "A trade of this wallet is in progress or has just ended; try again in half a minute",
    "TRADE_IN_PROGRESS",
)
_UNKNOWN_WALLET = Refusal(404, "Wallet not found", "WALLET_NOT_FOUND")
_NODE = Refusal(502, "The Solana node cannot be reached", "RPC_ERROR")
_NOTHING = Refusal(
    409, "No token account of the wallet is empty or holds more than its deposit", "NOTHING_TO_RECLAIM"
)
_UNKNOWN = Refusal(
    504,
    "The transaction was sent and the chain has not confirmed it yet; it will be booked as soon as it does",
    "RENT_UNKNOWN",
)
_NO_PRICE = Refusal(422, "No source has a price of this token; say what it cost (costSol)", "PRICE_UNKNOWN")


@router.get(
    "/{walletAddress}/reconciliation",
    summary="How far a live wallet is reconciled with the chain, and its orphans",
    responses=refusals(_UNKNOWN_WALLET),
)
async def show_reconciliation(
    address: WalletInPath, caller: SessionCaller, services: Services
) -> ReconciliationOut:
    """Return what the last look found. An orphan is a token that no position accounts for."""
    return ReconciliationOut.of(address, await services.reconciliation.orphans.show(address, caller.user_id))


@router.post(
    "/{walletAddress}/reconcile",
    summary="Hold a live wallet against the chain now",
    responses=refusals(_UNKNOWN_WALLET, _MOVING, _NODE),
    dependencies=[limited(5), ONCE_BY_NATURE, READS_NOTHING],
)
async def reconcile(address: WalletInPath, caller: SessionCaller, services: Services) -> ReconciledOut:
    """Book deposits, withdrawals and tokens that were moved elsewhere, as far as they are certain."""
    return ReconciledOut.of(await services.reconciliation.own.execute(address, caller.user_id))


@router.post(
    "/{walletAddress}/adopt",
    summary="Make a position of tokens that no position accounts for",
    responses=refusals(_UNKNOWN_WALLET, _MOVING, _NO_PRICE, _NODE),
    dependencies=[limited(5), ONCE_BY_NATURE],
)
async def adopt(
    address: WalletInPath, body: AdoptIn, caller: SessionCaller, services: Services
) -> AdoptedOut:
    """Adopt an orphan; from now on it is traded as if it had been bought."""
    return AdoptedOut.of(
        await services.reconciliation.orphans.adopt(
            address, body.token_address, caller.user_id, cost_sol=body.cost_sol, symbol=body.symbol
        )
    )


@router.get(
    "/{walletAddress}/rent",
    summary="What is locked in the token accounts of a live wallet",
    responses=refusals(_UNKNOWN_WALLET, _NODE),
    dependencies=[limited(30)],
)
async def show_rent(address: WalletInPath, caller: SessionCaller, services: Services) -> RentOut:
    """Return its token accounts with their deposits, and what of them can be had back."""
    return RentOut.of(await services.reconciliation.rent.show(address, caller.user_id))


@router.post(
    "/{walletAddress}/rent",
    summary="Close empty token accounts and take excess deposits back",
    responses=refusals(_UNKNOWN_WALLET, _NOTHING, LOCKED, _NODE, _UNKNOWN),
    dependencies=[limited(5), ONCE_BY_NATURE, READS_NOTHING],
)
async def reclaim_rent(address: WalletInPath, caller: SessionCaller, services: Services) -> ReclaimedOut:
    """Send a transaction of the wallet's own that does so, and book what it brought."""
    return ReclaimedOut.of(await services.reconciliation.rent.reclaim(address, caller.user_id))


@router.post(
    "/{walletAddress}/ignore",
    summary="Hear of an orphan no more, or again",
    responses=refusals(_UNKNOWN_WALLET),
    dependencies=[limited(30), ONCE_BY_NATURE],
)
async def ignore(address: WalletInPath, body: IgnoreIn, caller: SessionCaller, services: Services) -> DoneOut:
    """Ignore an orphan."""
    await services.reconciliation.orphans.ignore(
        address, body.token_address, caller.user_id, ignored=body.ignored
    )
    return DoneOut(success=True, message="Token ignored" if body.ignored else "Token shown again")
