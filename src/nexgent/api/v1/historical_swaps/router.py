"""`/agent-historical-swaps`: closed trades; what is recorded or corrected by hand is history only: no balance moves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from nexgent.api.export import EXPORT_ANSWERS, TOOK_TOO_LONG, exported
from nexgent.api.fields import parse_uuid
from nexgent.api.http.access import HistoryCaller, SessionCaller
from nexgent.api.http.declared import NOT_AUDITED
from nexgent.api.http.refusals import FOREIGN, MOVED_ON, UNKNOWN_AGENT, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services, check_signal, recorded
from nexgent.api.http.types import ClosedTradeIdInPath
from nexgent.api.paging import NEXT_PAGE, Paging
from nexgent.api.v1.historical_swaps.export import table_of
from nexgent.api.v1.historical_swaps.schemas import (
    HistoricalSwapChangesIn,
    HistoricalSwapIn,
    HistoricalSwapOut,
    TradesExportQuery,
    TradesPageQuery,
)
from nexgent.domain.agents.models import Agent
from nexgent.domain.agents.ownership import readable_agent, visible_agent, wallet_of
from nexgent.domain.bookkeeping.errors import UnknownClosedTradeError
from nexgent.domain.transactions.models import ClosedTradeRecord
from nexgent.shared.ids import new_id
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import ClosedTradeId, WalletAddress

# What is entered by hand is in the journal.
router = APIRouter(
    prefix="/agent-historical-swaps",
    tags=["historical swaps"],
    route_class=ApiRoute,
    dependencies=[NOT_AUDITED],
)

_PAGING = Paging("historical-swaps", lambda text: ClosedTradeId(parse_uuid(text, "historical swap")))


@router.get(
    "",
    summary="Closed trades of an agent, last sold first",
    description=NEXT_PAGE,
    response_model=list[HistoricalSwapOut],
)
async def list_swaps(
    query: Annotated[TradesPageQuery, Query()], caller: HistoryCaller, services: Services
) -> Response:
    """Return matching closed trades."""
    readable_agent(services.directory, query.agent_id, caller.user_id)
    wanted, page = query.wanted(), _PAGING.page(query)
    await services.projections.caught_up()
    rows = await services.closed_trades.list(wanted, limit=page.asked, offset=page.offset, after=page.after)
    return await _PAGING.answer(
        rows, page, view=HistoricalSwapOut.of, mark=lambda row: PageCursor(row.sale_time, row.id)
    )


@router.post(
    "",
    status_code=201,
    summary="Record a closed trade",
    responses=refusals(FOREIGN, UNKNOWN_AGENT, MOVED_ON),
)
async def create_swap(body: HistoricalSwapIn, caller: SessionCaller, services: Services) -> HistoricalSwapOut:
    """Record a closed trade. Pure record keeping: it counts in figures about past trades and moves no balance."""
    agent = visible_agent(services.directory, body.agent_id, caller.user_id)
    wallet = _wallet(agent, body.wallet_address)
    await check_signal(services, body.signal_id, caller.user_id)
    trade = ClosedTradeRecord(
        id=ClosedTradeId(new_id()), agent_id=agent.id, wallet_address=wallet, **body.facts()
    )
    recorded_at = await services.bookkeeping.record_closed_trade.execute(agent, trade)
    return HistoricalSwapOut.recorded(trade, recorded_at)


# Before the path whose id it would be taken for.
@router.get(
    "/export",
    summary="Closed trades of an agent as a CSV file",
    response_class=StreamingResponse,
    responses={**EXPORT_ANSWERS, **refusals(FOREIGN, TOOK_TOO_LONG)},
)
async def export_swaps(
    query: Annotated[TradesExportQuery, Query()], caller: HistoryCaller, services: Services
) -> Response:
    """Stream matching closed trades, oldest id first, without a limit.

    Profits in USD are those of the time of the sale; prices are converted with `solPrice`. Texts that a spreadsheet would compute
    get a leading apostrophe. With `format=json`, an array of the objects of the list, each with `signalType` and
    `activationReason` of its signal; amounts are in full.
    """
    readable_agent(services.directory, query.agent_id, caller.user_id)
    return await exported(services, table_of(query, services), as_json=query.as_json)


@router.get("/{id}", summary="One closed trade")
async def get_swap(
    swap_id: ClosedTradeIdInPath, caller: HistoryCaller, services: Services
) -> HistoricalSwapOut:
    """Return a closed trade."""
    row = await recorded(services, services.closed_trades.get, swap_id, UnknownClosedTradeError)
    readable_agent(services.directory, row.agent_id, caller.user_id)
    return HistoricalSwapOut.of(row)


@router.put("/{id}", summary="Correct a closed trade", responses=refusals(FOREIGN, MOVED_ON))
async def update_swap(
    swap_id: ClosedTradeIdInPath, body: HistoricalSwapChangesIn, caller: SessionCaller, services: Services
) -> HistoricalSwapOut:
    """Correct a closed trade.

    What the engine's own trades brought cannot be changed (409); their tokenSymbol, signalId and closeReason can.
    """
    row = await recorded(services, services.closed_trades.get, swap_id, UnknownClosedTradeError)
    agent = visible_agent(services.directory, row.agent_id, caller.user_id)
    await check_signal(services, body.signal_id, caller.user_id)
    edit = services.bookkeeping.edit_closed_trade
    trade, created_at = await edit.execute(agent, row.id, body.changes())
    return HistoricalSwapOut.recorded(trade, created_at)


@router.delete(
    "/{id}", status_code=204, summary="Delete a closed trade", responses=refusals(FOREIGN, MOVED_ON)
)
async def delete_swap(swap_id: ClosedTradeIdInPath, caller: SessionCaller, services: Services) -> Response:
    """Delete a closed trade. Balances and transactions stay as they are; figures about past trades no longer count it."""
    row = await recorded(services, services.closed_trades.get, swap_id, UnknownClosedTradeError)
    agent = visible_agent(services.directory, row.agent_id, caller.user_id)
    await services.bookkeeping.remove_closed_trade.execute(agent, row.wallet_address, row.id)
    return Response(status_code=204)


def _wallet(agent: Agent, address: str | None) -> WalletAddress | None:
    if address is not None:
        return wallet_of(agent, WalletAddress(address)).address
    wallet = agent.wallet_for(agent.trading_mode)
    return wallet.address if wallet is not None else None
