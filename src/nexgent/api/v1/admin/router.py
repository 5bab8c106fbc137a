"""`/admin`: the copies in Redis, for the administrator."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.v1.admin.schemas import CacheResetOut, CacheStatusOut, ClearedOut, WarmedOut
from nexgent.api.v1.wallets.schemas import ConfirmIn
from nexgent.api.v1.wallets.views import confirmation_required, is_confirmed
from nexgent.domain.administration.cache_copies import CacheCounts
from nexgent.shared.errors import ForbiddenError, UnavailableError

endpoints = Endpoints("admin")

_NONE = CacheCounts(positions=0, balances=0, configs=0, prices=0, agents=0, active_agents=0)


@endpoints.get(
    "/admin/cache/status", Access.SESSION, Doc(summary="How the cache stands", response=CacheStatusOut)
)
async def cache_status(call: Call) -> Response:
    """Count what is in the cache."""
    _require_admin(call)
    copies = call.services.cache_copies
    try:
        counts, connected = await copies.counts(), True
    except UnavailableError:
        counts, connected = _NONE, False
    return json_response(
        {
            "connected": connected,
            "keyPrefix": copies.prefix,
            "counts": {
                "positions": counts.positions,
                "balances": counts.balances,
                "configs": counts.configs,
                "prices": counts.prices,
                "agents": counts.agents,
                "activeAgents": counts.active_agents,
            },
        }
    )


@endpoints.post(
    "/admin/cache/warm",
    Access.SESSION,
    Doc(summary="Write everything into the cache again; drops nothing", response=WarmedOut),
)
async def warm_cache(call: Call) -> Response:
    """Fill the cache."""
    _require_admin(call)
    await call.body()
    started = call.services.clock.monotonic()
    counts = await call.services.cache_copies.warm()
    return json_response({"success": True, "warmed": _warmed(counts), "duration": _since(call, started)})


@endpoints.post(
    "/admin/cache/clear",
    Access.SESSION,
    Doc(
        summary="Drop the copies in the cache",
        description="Sessions, locks, limits and the queue stay. The copies come back within a second or so.",
        body=ConfirmIn,
        response=ClearedOut,
    ),
)
async def clear_cache(call: Call) -> Response:
    """Empty the cache."""
    _require_admin(call)
    if not is_confirmed(await call.body()):
        return confirmation_required("clear the cache")
    started = call.services.clock.monotonic()
    cleared = await call.services.cache_copies.clear()
    return json_response({"success": True, "cleared": cleared, "duration": _since(call, started)})


@endpoints.post(
    "/admin/cache/reset",
    Access.SESSION,
    Doc(summary="Drop the copies in the cache and write them again", body=ConfirmIn, response=CacheResetOut),
)
async def reset_cache(call: Call) -> Response:
    """Empty and fill the cache."""
    return await _reset(call)


@endpoints.post(
    "/admin/cache-reset",
    Access.SESSION,
    Doc(summary="The same as /admin/cache/reset", body=ConfirmIn, response=CacheResetOut),
)
async def reset_cache_by_its_other_name(call: Call) -> Response:
    """Empty and fill the cache."""
    return await _reset(call)


async def _reset(call: Call) -> Response:
    _require_admin(call)
    if not is_confirmed(await call.body()):
        return confirmation_required("reset the cache")
    started = call.services.clock.monotonic()
    cleared = await call.services.cache_copies.clear()
    counts = await call.services.cache_copies.warm()
    content = {"success": True, "cleared": cleared, "warmed": _warmed(counts)}
    return json_response({**content, "duration": _since(call, started)})


def _require_admin(call: Call) -> None:
    claims = call.caller.claims
    admin = call.services.values.admin_email
    if claims is None or not admin or claims.email.lower() != admin:
        raise ForbiddenError("Forbidden: admin only")


def _warmed(counts: CacheCounts) -> dict[str, int]:
    return {"configs": counts.configs, "positions": counts.positions, "balances": counts.balances}


def _since(call: Call, started: float) -> int:
    return round((call.services.clock.monotonic() - started) * 1000)
