"""`/agent-positions`: open positions, and closing one by hand."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import shown
from nexgent.api.v1.positions.schemas import ClosedOut, CloseIn, PositionOut
from nexgent.api.v1.positions.views import positions_of
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import AgentId, PositionId

endpoints = Endpoints("positions")


_REASONS = {"manual": CloseReason.MANUAL, "stop_loss": CloseReason.STOP_LOSS}


def list_positions_of(call: Call, agent_id: AgentId) -> Response:
    """Return the open positions of an agent, newest first, perhaps of one wallet only."""
    return positions_of(
        call.request, call.services, agent_id, call.user_id, call.query().text("walletAddress")
    )


@endpoints.get(
    "/agent-positions/{agentId}",
    Scope.POSITIONS,
    Doc(
        summary="Open positions of an agent, newest first",
        response=PositionOut,
        many=True,
        query={"walletAddress": "Only positions of this wallet"},
    ),
)
async def list_positions(call: Call) -> Response:
    """Return the open positions."""
    return list_positions_of(call, call.agent_id("agentId"))


@endpoints.post(
    "/agents/{id}/positions/{positionId}/close",
    Access.SESSION,
    Doc(summary="Sell a whole position", body=CloseIn, response=ClosedOut),
)
async def close_position_of_agent(call: Call) -> Response:
    """Close a position."""
    return await _close(call, call.agent_id())


@endpoints.post(
    "/agent-positions/{agentId}/{positionId}/close",
    Access.SESSION,
    Doc(summary="Sell a whole position", body=CloseIn, response=ClosedOut),
)
async def close_position(call: Call) -> Response:
    """Close a position."""
    return await _close(call, call.agent_id("agentId"))


async def _close(call: Call, agent_id: AgentId) -> Response:
    position_id = PositionId(call.path_uuid("positionId", "position"))
    given = (await call.body()).get("reason")
    reason = _REASONS.get(given) if isinstance(given, str) and given else CloseReason.MANUAL
    if reason is None or (given is not None and not isinstance(given, str)):
        raise InvalidInputError(f"Invalid reason: manual or stop_loss is allowed, received {shown(given)}")
    done = await call.services.close_position.execute(agent_id, position_id, call.user_id, reason)
    return json_response(
        {
            "success": True,
            "transactionId": done.transaction_id,
            "historicalSwapId": done.closed_trade_id,
            "positionId": done.position_id,
            "inputAmount": done.input_amount,
            "outputAmount": done.output_amount,
            "salePrice": done.sale_price,
            "profitLossSol": done.profit_loss_sol,
            "profitLossUsd": done.profit_loss_usd,
            "changePercent": done.change_percent,
            "transactionHash": done.transaction_hash,
        }
    )
