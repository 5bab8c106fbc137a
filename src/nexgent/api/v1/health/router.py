"""`/health`: for people, load balancers and supervisors. Public."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from nexgent.api.encoding import JsonBytes, iso, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.v1.health.schemas import HealthOut, LiveOut, ReadyOut

endpoints = Endpoints("health")

CHECK_SECONDS = 2.0


@endpoints.get("/health/live", Access.PUBLIC, Doc(summary="Is the process running?", response=LiveOut))
async def live(call: Call) -> Response:
    """Answer at once; nothing is checked."""
    moment = iso(call.services.clock.now())
    uptime = int(call.services.health.uptime_seconds())
    return JsonBytes(b'{"alive":true,"timestamp":"%b","uptime":%d}' % (moment.encode(), uptime))


@endpoints.get("/health/ready", Access.PUBLIC, Doc(summary="Can work be sent here?", response=ReadyOut))
async def ready(call: Call) -> Response:
    """Check what is needed for work: the database and a running engine. Without Redis it goes on, degraded."""
    probe = call.services.health
    database, redis = await asyncio.gather(_check(probe.check_database), _check(probe.check_redis))
    now = iso(call.services.clock.now())
    problem = "The database does not answer" if database is None else probe.not_ready()
    if problem is not None:
        return json_response({"ready": False, "message": problem, "timestamp": now}, 503)
    answer: dict[str, object] = {"ready": True, "timestamp": now}
    if redis is None:
        answer.update(degraded=True, message="Redis does not answer; sessions cannot be renewed")
    elif (late := probe.late()) is not None:
        answer.update(degraded=True, message=late)
    return json_response(answer)


@endpoints.get("/health", Access.PUBLIC, Doc(summary="The whole picture", response=HealthOut))
async def health(call: Call) -> Response:
    """Check everything, two seconds at most."""
    probe = call.services.health
    database, redis, queue = await asyncio.gather(
        _check(probe.check_database), _check(probe.check_redis), _check(probe.check_queue)
    )
    status, problem = "healthy", probe.not_ready() or probe.late()
    if database is None:
        status = "unhealthy"
    elif redis is None or queue is None or problem is not None:
        status = "degraded"
    answer: dict[str, object] = {
        "status": status,
        "timestamp": iso(call.services.clock.now()),
        "uptime": int(probe.uptime_seconds()),
        "services": {"database": _service(database), "redis": _service(redis), "queue": _service(queue)},
    }
    if problem is not None:
        answer["message"] = problem
    return json_response(answer, 503 if database is None else 200)


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


def _service(latency: int | None) -> dict[str, object]:
    return {"status": "unhealthy"} if latency is None else {"status": "healthy", "latency": latency}
