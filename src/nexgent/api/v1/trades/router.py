"""`/trades`: buy by hand."""

from __future__ import annotations

from decimal import Decimal

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import BodyFields, parse_signal_id, parse_uuid, shown
from nexgent.api.v1.trades.schemas import TradeIn, TradeOut
from nexgent.domain.trading.orders.buy_by_hand import BoughtByHand, BuyByHandRequest
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.money import LAMPORTS_PER_SOL
from nexgent.shared.types import AgentId, SignalId, WalletAddress

endpoints = Endpoints("trades")

_SIZE_LIMIT_SOL = Decimal(10) ** 9


@endpoints.post(
    "/trades/execute",
    Access.SESSION,
    Doc(
        summary="Buy a token",
        description="Answers when the purchase is booked, which on the chain can take tens of seconds. Once it has begun it goes "
        "on to its end, also when the caller hangs up.",
        body=TradeIn,
        response=TradeOut,
    ),
)
async def execute_trade(call: Call) -> Response:
    """Buy for an agent."""
    request = _read(BodyFields(await call.body()), call)
    return json_response(_view(await call.services.buy_by_hand.execute(request)))


def _read(fields: BodyFields, call: Call) -> BuyByHandRequest:
    agent_id = AgentId(parse_uuid(fields.required("agentId"), "agent"))
    token = fields.traded_mint("tokenAddress")
    wallet = fields.optional_text("walletAddress", 255)
    signal_id = SignalId(parse_signal_id(fields.raw("signalId"))) if fields.given("signalId") else None
    return BuyByHandRequest(
        agent_id=agent_id,
        user_id=call.user_id,
        token_address=token,
        token_symbol=fields.optional_text("tokenSymbol", 20),
        size_sol=_size(fields),
        wallet_address=WalletAddress(wallet) if wallet is not None else None,
        signal_id=signal_id,
    )


def _size(fields: BodyFields) -> Decimal | None:
    size_sol = fields.optional_decimal("positionSize", below=_SIZE_LIMIT_SOL)
    if size_sol is not None and size_sol * LAMPORTS_PER_SOL < 1:
        given = shown(fields.raw("positionSize"))
        raise InvalidInputError(
            f"Invalid positionSize: it must be at least 0.000000001 SOL, received {given}"
        )
    return size_sol


def _view(bought: BoughtByHand) -> dict[str, object]:
    content: dict[str, object] = {
        "success": True,
        "transactionId": bought.transaction_id,
        "positionId": bought.position_id,
        "inputAmount": bought.input_amount,
        "outputAmount": bought.output_amount,
        "purchasePrice": bought.purchase_price,
        "transactionHash": bought.transaction_hash,
        "stopLossInitialized": bought.stop_loss_initialized,
    }
    if bought.stop_loss_pct is not None:
        content["stopLossPercentage"] = bought.stop_loss_pct
    if bought.signal_id is not None:
        content["signalId"] = bought.signal_id
    return content
