"""`/trades`: buy by hand."""

from __future__ import annotations

from fastapi import APIRouter

from nexgent.api.http.access import TradingCaller
from nexgent.api.http.declared import NOT_AUDITED, NOT_KEPT, limited
from nexgent.api.http.refusals import LOCKED, UNKNOWN_AGENT, Refusal, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.v1.trades.schemas import TradeIn, TradeOut, TradePreviewOut
from nexgent.domain.trading.orders.buy_by_hand import BuyByHandRequest
from nexgent.shared.types import UserId, WalletAddress

# Trades are in the journal.
router = APIRouter(prefix="/trades", tags=["trades"], route_class=ApiRoute, dependencies=[NOT_AUDITED])


_REFUSED_BEFORE = (
    UNKNOWN_AGENT,
    Refusal(409, "The kill switch is engaged", "KILL_SWITCH"),
    Refusal(422, "The price impact is too high", "PRICE_IMPACT_TOO_HIGH"),
    LOCKED,
)


@router.post(
    "/preview",
    summary="See what a purchase would be; nothing is bought",
    responses=refusals(*_REFUSED_BEFORE, Refusal(502, "No quote could be had", "QUOTE_FAILED")),
    dependencies=[limited(60), NOT_KEPT],
)
async def preview_trade(body: TradeIn, caller: TradingCaller, services: Services) -> TradePreviewOut:
    """Make the checks of buying, ask for its quote, and return what would be bought.

    What would refuse the purchase refuses the preview, with the same code. A size that is drawn at random is another one each
    time.
    """
    return TradePreviewOut.of(await services.buy_by_hand.preview(_order(body, caller.user_id)))


@router.post(
    "/execute",
    summary="Buy a token",
    responses=refusals(
        *_REFUSED_BEFORE,
        Refusal(502, "The swap failed", "EXECUTION_FAILED"),
        Refusal(504, "The swap was sent and the chain has not confirmed it yet", "SWAP_UNKNOWN"),
    ),
)
async def execute_trade(body: TradeIn, caller: TradingCaller, services: Services) -> TradeOut:
    """Buy for an agent.

    Answers when the purchase is booked, which on the chain can take tens of seconds. Once it has begun it goes on to its end,
    also when the caller hangs up.
    """
    return TradeOut.of(await services.buy_by_hand.execute(_order(body, caller.user_id)))


def _order(body: TradeIn, user_id: UserId) -> BuyByHandRequest:
    return BuyByHandRequest(
        agent_id=body.agent_id,
        user_id=user_id,
        token_address=body.token_address,
        token_symbol=body.token_symbol,
        size_sol=body.position_size,
        wallet_address=WalletAddress(body.wallet_address) if body.wallet_address is not None else None,
        signal_id=body.signal_id,
    )
