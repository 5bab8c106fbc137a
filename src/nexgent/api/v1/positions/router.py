"""`/agent-positions`: open positions, and selling one by hand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from nexgent.api.http.access import PositionsCaller, TradingCaller
from nexgent.api.http.declared import NOT_AUDITED, NOT_KEPT, ONCE_BY_NATURE, limited
from nexgent.api.http.refusals import FOREIGN, LOCKED, Refusal, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import AgentIdInPath, PositionIdInPath, ThatAgentIdInPath
from nexgent.api.v1.positions.schemas import (
    ClosedOut,
    CloseIn,
    PositionOut,
    PositionsQuery,
    SalePreviewIn,
    SalePreviewOut,
    SellPartIn,
    SoldPartOut,
)
from nexgent.api.v1.positions.views import positions_of
from nexgent.domain.agents.ownership import visible_agent

# Trades are in the journal.
router = APIRouter(tags=["positions"], route_class=ApiRoute, dependencies=[NOT_AUDITED])

_REFUSED_BEFORE = (
    FOREIGN,
    Refusal(409, "The position is being sold already", "SALE_IN_PROGRESS"),
    Refusal(422, "The price impact is too high", "PRICE_IMPACT_TOO_HIGH"),
    LOCKED,
)
_SALE = refusals(
    *_REFUSED_BEFORE,
    Refusal(502, "The swap failed", "EXECUTION_FAILED"),
    Refusal(504, "The swap was sent and the chain has not confirmed it yet", "SWAP_UNKNOWN"),
)


@router.get(
    "/agent-positions/{agentId}",
    summary="Open positions of an agent, newest first",
    response_model=list[PositionOut],
)
async def list_positions(
    agent_id: ThatAgentIdInPath,
    query: Annotated[PositionsQuery, Query()],
    request: Request,
    caller: PositionsCaller,
    services: Services,
) -> Response:
    """Return the open positions."""
    return await positions_of(request, services, agent_id, caller.user_id, query.wallet_address)


@router.post(
    "/agents/{id}/positions/{positionId}/close",
    summary="Sell a whole position",
    dependencies=[ONCE_BY_NATURE],
    responses=_SALE,
)
async def close_position_of_agent(
    agent_id: AgentIdInPath,
    position_id: PositionIdInPath,
    body: CloseIn,
    caller: TradingCaller,
    services: Services,
) -> ClosedOut:
    """Close a position."""
    done = await services.close_position.execute(agent_id, position_id, caller.user_id, body.reason)
    return ClosedOut.of(done)


@router.post(
    "/agent-positions/{agentId}/{positionId}/close",
    summary="Sell a whole position",
    dependencies=[ONCE_BY_NATURE],
    responses=_SALE,
)
async def close_position(
    agent_id: ThatAgentIdInPath,
    position_id: PositionIdInPath,
    body: CloseIn,
    caller: TradingCaller,
    services: Services,
) -> ClosedOut:
    """Close a position."""
    done = await services.close_position.execute(agent_id, position_id, caller.user_id, body.reason)
    return ClosedOut.of(done)


@router.post(
    "/agents/{id}/positions/{positionId}/sell-part",
    summary="Sell a part of a position",
    responses=_SALE,
)
async def sell_part_of_position(
    agent_id: AgentIdInPath,
    position_id: PositionIdInPath,
    body: SellPartIn,
    caller: TradingCaller,
    services: Services,
) -> SoldPartOut:
    """Sell so many percent of what the position holds now. It stays open with its rules and take-profit levels."""
    done = await services.close_position.sell_part(agent_id, position_id, caller.user_id, body.percent)
    return SoldPartOut.of(done)


@router.post(
    "/agents/{id}/positions/{positionId}/preview-sale",
    summary="See what a sale would bring; nothing is sold",
    responses=refusals(*_REFUSED_BEFORE, Refusal(502, "No quote could be had", "QUOTE_FAILED")),
    dependencies=[limited(60), NOT_KEPT],
)
async def preview_sale(
    agent_id: AgentIdInPath,
    position_id: PositionIdInPath,
    body: SalePreviewIn,
    caller: TradingCaller,
    services: Services,
) -> SalePreviewOut:
    """Decide on a sale of so many percent of what the position holds, ask for its quote, and return what it would bring.

    Without a percentage it is the whole position. What would refuse the sale refuses the preview, with the same code.
    """
    visible_agent(services.directory, agent_id, caller.user_id)
    await services.kept.have((agent_id,))
    forecast = await services.close_position.preview(agent_id, position_id, caller.user_id, body.percent)
    return SalePreviewOut.of(forecast)
