"""`/protections` and `/agents/{id}/protections`: how agents stand, resets, and the kill switch."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as QueryParameters
from starlette.responses import Response

from nexgent.api.encoding import iso_or_none, json_response
from nexgent.api.http.access import KillSwitchCaller, SessionCaller
from nexgent.api.http.declared import NOT_KEPT, audited
from nexgent.api.http.models import READS_NOTHING
from nexgent.api.http.refusals import ADMIN_ONLY, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import AgentIdInPath
from nexgent.api.v1.protections.schemas import (
    KillSwitchesOut,
    KillSwitchIn,
    KillSwitchOut,
    PanicIn,
    PanicOut,
    PanicQuery,
    ProtectionsOut,
    ProtectionsResetOut,
    WalletProtectionsOut,
)
from nexgent.domain.protections.kill_switch import KillSwitchOrder
from nexgent.domain.users.models import Caller
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import UserId

router = APIRouter(tags=["protections"], route_class=ApiRoute)

REPORT_SECONDS = 2.0
"""How long whoever panics waits to be told what other engines hold."""


@router.get(
    "/agents/{id}/protections",
    summary="How an agent stands with its protections",
    response_model=ProtectionsOut,
)
async def get_protections(agent_id: AgentIdInPath, caller: SessionCaller, services: Services) -> Response:
    """Return what blocks each wallet of an agent, if anything does."""
    await services.have_agent(agent_id, caller.user_id)
    report = await services.protections.describe.execute(agent_id, caller.user_id)
    wallets = [WalletProtectionsOut.of(wallet, verdict).model_dump() for wallet, verdict in report.wallets]
    return json_response(
        {
            "agentId": agent_id,
            "config": report.config.model_dump(mode="json", by_alias=True),
            "resetAt": iso_or_none(report.reset_at),
            "wallets": wallets,
        }
    )


@router.post(
    "/agents/{id}/protections/reset",
    summary="Forget an agent's losses, streaks, cooldowns and counts",
    dependencies=[READS_NOTHING, audited("protections.reset")],
)
async def reset_protections(
    agent_id: AgentIdInPath, caller: SessionCaller, services: Services
) -> ProtectionsResetOut:
    """Let an agent buy again."""
    reset_at = await services.protections.reset.execute(agent_id, caller.user_id)
    return ProtectionsResetOut(success=True, agent_id=agent_id, reset_at=reset_at)


@router.get("/protections/kill-switch", summary="Whether entries are stopped")
async def get_kill_switch(caller: KillSwitchCaller, services: Services) -> KillSwitchesOut:
    """Return both switches."""
    return _switches(services, caller.user_id)


@router.put(
    "/protections/kill-switch",
    summary="Stop or allow all entries",
    responses=refusals(ADMIN_ONLY),
    dependencies=[audited("kill_switch.set")],
)
async def set_kill_switch(
    body: KillSwitchIn, caller: KillSwitchCaller, services: Services
) -> KillSwitchesOut:
    """Stop entries, or allow them again. Purchases and DCA buys are refused while a switch is engaged; sales go on."""
    await services.protections.kill_switch.execute(
        _order(caller, body.scope, body.reason, engaged=body.engaged)
    )
    return _switches(services, caller.user_id)


@router.post(
    "/protections/panic",
    summary="Stop all entries and, if wanted, exit everything",
    dependencies=[NOT_KEPT, audited("panic")],
    responses=refusals(ADMIN_ONLY),
)
async def panic(body: PanicIn, caller: SessionCaller, services: Services) -> PanicOut:
    """Engage the kill switch and, with `flatten`, sell everything that is open, until it is flat.

    The answer does not wait for the sales: ask how it stands with GET. A purchase that lands meanwhile is sold as well. It ends
    when the kill switch is released; exits that have begun go on. Asking twice does nothing twice. While the database is away it
    is in force in this process all the same (`recorded` is then false).
    """
    order = _order(caller, body.scope, body.reason, engaged=True, flatten=body.flatten)
    panic_ = services.protections.panic
    report = await panic_.execute(order)
    # The switch is in force; what others hold is read for the answer only, and not waited for for long.
    with suppress(UnavailableError, TimeoutError):
        async with asyncio.timeout(REPORT_SECONDS):
            await _have(services, order)
            report = panic_.report(order)
    return PanicOut.of(report)


@router.get("/protections/panic", summary="What is still open", responses=refusals(ADMIN_ONLY))
async def get_panic(
    query: Annotated[PanicQuery, QueryParameters()], caller: KillSwitchCaller, services: Services
) -> PanicOut:
    """Return whether entries are stopped, whether everything is being exited, and what remains."""
    order = _order(caller, query.scope, None, engaged=True)
    await _have(services, order)
    return PanicOut.of(services.protections.panic.report(order))


async def _have(services: Services, order: KillSwitchOrder) -> None:
    if order.system_wide:
        await services.kept.have([agent.id for agent in services.directory.all()])
    else:
        await services.have_agents_of(order.user_id)


def _order(
    caller: Caller, scope: str | None, reason: str | None, *, engaged: bool, flatten: bool = False
) -> KillSwitchOrder:
    return KillSwitchOrder(
        user_id=caller.user_id,
        email=caller.claims.email if caller.claims is not None else None,
        engaged=engaged,
        system_wide=scope == "system",
        reason=reason,
        flatten=flatten,
    )


def _switches(services: Services, user_id: UserId) -> KillSwitchesOut:
    system, user = services.protections.state.switches_of(user_id)
    return KillSwitchesOut(user=KillSwitchOut.of(user), system=KillSwitchOut.of(system))
