"""`/agents/{id}/live-check`: what must be right before real money."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from nexgent.api.http.access import SessionCaller
from nexgent.api.http.declared import limited
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import AgentIdInPath
from nexgent.api.v1.live.schemas import LiveCheckOut, LiveCheckQuery
from nexgent.domain.live_check.models import LiveWishes

router = APIRouter(tags=["agents"], route_class=ApiRoute)


@router.get(
    "/agents/{id}/live-check",
    summary="Everything that must be right before real money",
    dependencies=[limited(20)],
)
async def live_check(
    agent_id: AgentIdInPath,
    query: Annotated[LiveCheckQuery, Query()],
    caller: SessionCaller,
    services: Services,
) -> LiveCheckOut:
    """Look at key, balance, limits, clock, prices, node and rate budget, and try a real order of the agent's size.

    The order is decoded and simulated; nothing is signed and nothing is sent. It takes some seconds and some requests of the
    upstream services' budgets.
    """
    wishes = LiveWishes(cap_sol=query.cap_sol, minimum_sol=query.minimum_sol, token=query.token)
    findings = await services.live_check.execute(agent_id, caller.user_id, wishes)
    return LiveCheckOut.of(agent_id, services.clock.now(), findings)
