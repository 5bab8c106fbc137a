"""`/health`: for people, load balancers and supervisors. Public."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.responses import Response

from nexgent.api.deps import EngineProbe
from nexgent.api.encoding import JsonBytes, dumped, iso, json_response
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.v1.health.schemas import (
    EngineOut,
    HealthOut,
    LiveOut,
    ReadyOut,
    ReconciliationOut,
    ServiceOut,
    ServicesOut,
)

router = APIRouter(prefix="/health", tags=["health"], route_class=ApiRoute)

CHECK_SECONDS = 2.0
_NOT_WELL = "Not well; the body says what is wrong"


@router.get("/live", summary="Is the process running?", response_model=LiveOut)
async def live(services: Services) -> Response:
    """Answer at once; nothing is checked."""
    moment = iso(services.clock.now())
    uptime = int(services.servers.uptime_seconds())
    return JsonBytes(b'{"alive":true,"timestamp":"%b","uptime":%d}' % (moment.encode(), uptime))


@router.get(
    "/ready",
    summary="Can work be sent here?",
    response_model=ReadyOut,
    responses={503: {"model": ReadyOut, "description": _NOT_WELL}},
)
async def ready(services: Services) -> Response:
    """Check what is needed for work: the database and a running engine. Without Redis it goes on, degraded."""
    servers, probe = services.servers, services.health
    database, redis = await asyncio.gather(_check(servers.check_database), _check(servers.check_redis))
    answer = ReadyOut(ready=True, timestamp=services.clock.now(), engine=_engine(probe))
    problem = "The database does not answer" if database is None else probe.not_ready()
    if problem is not None:
        answer.ready, answer.message = False, problem
        return json_response(dumped(answer), 503)
    if redis is None:
        answer.degraded, answer.message = True, "Redis does not answer; sessions cannot be renewed"
    elif (late := probe.late()) is not None:
        answer.degraded, answer.message = True, late
    return json_response(dumped(answer))


@router.get(
    "",
    summary="The whole picture",
    response_model=HealthOut,
    responses={503: {"model": HealthOut, "description": _NOT_WELL}},
)
async def health(services: Services) -> Response:
    """Check everything, two seconds at most."""
    servers, probe = services.servers, services.health
    database, redis, queue = await asyncio.gather(
        _check(servers.check_database), _check(servers.check_redis), _check(servers.check_queue)
    )
    problem = probe.not_ready() or probe.late()
    answer = HealthOut(
        status="healthy",
        version=services.values.version,
        timestamp=services.clock.now(),
        uptime=int(servers.uptime_seconds()),
        services=ServicesOut(
            database=ServiceOut.of(database), redis=ServiceOut.of(redis), queue=ServiceOut.of(queue)
        ),
    )
    if (wallets := probe.reconciliation()) is not None:
        answer.reconciliation = ReconciliationOut.of(wallets)
    if database is None:
        answer.status = "unhealthy"
    elif redis is None or queue is None or problem is not None:
        answer.status = "degraded"
    answer.engine = _engine(probe)
    if problem is not None:
        answer.message = problem
    return json_response(dumped(answer), 503 if database is None else 200)


def _engine(probe: EngineProbe) -> EngineOut:
    state = probe.engine()
    answer = EngineOut(
        role=state.role,
        holder=state.holder,
        epoch=state.epoch,
        age_seconds=state.age_seconds,
        unresolved=state.unresolved,
        unresolved_wallets=list(state.unresolved_wallets),
    )
    if state.reason is not None:
        answer.reason = state.reason
    return answer


async def _check(check: Callable[[], Awaitable[None]]) -> int | None:
    """Return how many milliseconds a check took, or None when it failed or took too long."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception:
        # Whatever the reason, the answer is the same: it is not healthy.
        return None
    return round((time.perf_counter() - started) * 1000)
