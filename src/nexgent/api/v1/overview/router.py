"""`/overview`: all agents of a user together, and what needs attention."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from nexgent.api.http.access import OverviewCaller
from nexgent.api.http.requests import SentRequest
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.v1.overview.elsewhere import with_the_word_of_engines
from nexgent.api.v1.overview.schemas import (
    EquityOut,
    EquityQuery,
    NoticesOut,
    OverviewOut,
    OverviewQuery,
)

router = APIRouter(prefix="/overview", tags=["overview"], route_class=ApiRoute)


@router.get("", summary="Balance and profit of all agents")
async def overview(
    query: Annotated[OverviewQuery, Query()], caller: OverviewCaller, services: Services
) -> OverviewOut:
    """Return what all agents hold in a mode, and what their closed trades brought today, in 7 days, in 30 days and in all."""
    await services.projections.caught_up()
    found = await services.describe_overview.execute(caller.user_id, query.mode, query.zone)
    return OverviewOut.of(found, query.mode)


@router.get("/equity", summary="What all agents were worth over time")
async def equity(
    query: Annotated[EquityQuery, Query()], caller: OverviewCaller, services: Services
) -> EquityOut:
    """Return the sum of the hourly snapshots of all wallets in a mode. Deposits and withdrawals are steps of the curve."""
    points = await services.describe_overview.equity(caller.user_id, query.mode, query.timeframe)
    return EquityOut.of(points, query.mode, query.timeframe)


@router.get("/attention", summary="What needs attention")
async def attention(request: SentRequest, caller: OverviewCaller, services: Services) -> NoticesOut:
    """Return what somebody should look after: exits that do not come through, stale prices, locked wallets, tokens nobody
    accounts for, protections that block entries, an engine elsewhere or in trouble."""
    await services.have_agents_of(caller.user_id)
    notices = services.list_notices.execute(caller.user_id)
    return NoticesOut.of(await with_the_word_of_engines(request, services, caller.user_id, notices))
