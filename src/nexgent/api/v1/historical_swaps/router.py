"""`/agent-historical-swaps`: closed trades."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Call, Doc, Endpoints
from nexgent.api.fields import parse_uuid
from nexgent.api.paging import NEXT_PAGE, PAGE_PARAMETERS, Paging
from nexgent.api.v1.historical_swaps.parsing import FILTERS, closed_trade_filter
from nexgent.api.v1.historical_swaps.schemas import HistoricalSwapOut
from nexgent.api.v1.historical_swaps.views import swap_view
from nexgent.domain.agents.ownership import readable_agent
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import NotFoundError
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import ClosedTradeId

endpoints = Endpoints("historical swaps")

_PAGING = Paging("historical-swaps", lambda text: ClosedTradeId(parse_uuid(text, "historical swap")))


@endpoints.get(
    "/agent-historical-swaps",
    Scope.HISTORY,
    Doc(
        summary="Closed trades of an agent, last sold first",
        description=NEXT_PAGE,
        response=HistoricalSwapOut,
        many=True,
        query={
            "*agentId": "The agent",
            **FILTERS,
            **PAGE_PARAMETERS,
        },
    ),
)
async def list_swaps(call: Call) -> Response:
    """Return matching closed trades."""
    query = call.query()
    wanted, page = closed_trade_filter(call, query), _PAGING.read(query)
    await call.services.projections.caught_up()
    rows = await call.services.closed_trades.list(
        wanted, limit=page.asked, offset=page.offset, after=page.after
    )
    return _PAGING.answer(rows, page, view=swap_view, mark=lambda row: PageCursor(row.sale_time, row.id))


@endpoints.get(
    "/agent-historical-swaps/{id}", Scope.HISTORY, Doc(summary="One closed trade", response=HistoricalSwapOut)
)
async def get_swap(call: Call) -> Response:
    """Return a closed trade."""
    swap_id = ClosedTradeId(call.path_uuid("id", "historical swap"))
    await call.services.projections.caught_up()
    row = await call.services.closed_trades.get(swap_id)
    if row is None:
        raise NotFoundError("Historical swap not found")
    readable_agent(call.services.directory, row.agent_id, call.user_id)
    return json_response(swap_view(row))
