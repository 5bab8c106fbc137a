"""`/admin`: the copies in Redis, for the administrator."""

from __future__ import annotations

from fastapi import APIRouter

from nexgent.api.http.access import ADMINS_ONLY
from nexgent.api.http.declared import limited
from nexgent.api.http.models import READS_NOTHING
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.v1.admin.schemas import (
    CacheResetIn,
    CacheResetOut,
    CacheStatusOut,
    ClearedOut,
    ClearIn,
    WarmedCountsOut,
    WarmedOut,
)
from nexgent.domain.administration.cache_copies import CacheCounts
from nexgent.shared.errors import UnavailableError

router = APIRouter(
    prefix="/admin", tags=["admin"], route_class=ApiRoute, dependencies=[ADMINS_ONLY, limited(5)]
)


@router.get("/cache/status", summary="How the cache stands")
async def cache_status(services: Services) -> CacheStatusOut:
    """Count what is in the cache."""
    copies = services.cache_copies
    counts: CacheCounts | None
    try:
        counts = await copies.counts()
    except UnavailableError:
        counts = None
    return CacheStatusOut.of(copies.prefix, counts)


@router.post(
    "/cache/warm",
    summary="Write everything into the cache again; drops nothing",
    dependencies=[READS_NOTHING],
)
async def warm_cache(services: Services) -> WarmedOut:
    """Fill the cache."""
    started = services.clock.monotonic()
    warmed = WarmedCountsOut.of(await services.cache_copies.warm())
    return WarmedOut(success=True, warmed=warmed, duration=_since(services, started))


@router.post("/cache/clear", summary="Drop the copies in the cache")
async def clear_cache(_confirmed: ClearIn, services: Services) -> ClearedOut:
    """Empty the cache. Sessions, locks, limits and the queue stay. The copies come back within a second or so."""
    started = services.clock.monotonic()
    cleared = await services.cache_copies.clear()
    return ClearedOut(success=True, cleared=cleared, duration=_since(services, started))


@router.post("/cache/reset", summary="Drop the copies in the cache and write them again")
async def reset_cache(_confirmed: CacheResetIn, services: Services) -> CacheResetOut:
    """Empty and fill the cache."""
    return await _reset(services)


@router.post("/cache-reset", summary="The same as /admin/cache/reset")
async def reset_cache_by_its_other_name(_confirmed: CacheResetIn, services: Services) -> CacheResetOut:
    """Empty and fill the cache."""
    return await _reset(services)


async def _reset(services: Services) -> CacheResetOut:
    started = services.clock.monotonic()
    cleared = await services.cache_copies.clear()
    warmed = WarmedCountsOut.of(await services.cache_copies.warm())
    return CacheResetOut(success=True, cleared=cleared, warmed=warmed, duration=_since(services, started))


def _since(services: Services, started: float) -> int:
    return round((services.clock.monotonic() - started) * 1000)
