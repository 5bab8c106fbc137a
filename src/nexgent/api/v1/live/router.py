"""`/agents/{id}/live-check` and `/agents/{id}/shadow`: before real money, and beside it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from nexgent.api.http.access import SessionCaller
from nexgent.api.http.declared import limited
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import AgentIdInPath
from nexgent.api.v1.live.schemas import LiveCheckOut, LiveCheckQuery, ShadowOut, ShadowQuery
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
    await services.have_agent(agent_id, caller.user_id)
    findings = await services.live_check.execute(agent_id, caller.user_id, wishes)
    return LiveCheckOut.of(agent_id, services.clock.now(), findings)


@router.get("/agents/{id}/shadow", summary="How far real fills are from simulated ones")
async def get_shadow(
    agent_id: AgentIdInPath,
    query: Annotated[ShadowQuery, Query()],
    caller: SessionCaller,
    services: Services,
) -> ShadowOut:
    """Return price gap, fees and latency of live fills against the simulation of the same quotes, per token and in all.

    Fills are recorded while `shadow.enabled` of the agent's configuration is on, within seconds after they landed. Gaps are
    positive where the real fill was worse.
    """
    return ShadowOut.of(
        agent_id, await services.describe_shadow.execute(agent_id, caller.user_id, query.days)
    )
