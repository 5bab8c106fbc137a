"""`/admin/system`: what a running process may still ask of others, and what it warned of."""

from __future__ import annotations

from fastapi import APIRouter

from nexgent.api.http.access import ADMINS_ONLY
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.v1.admin.schemas import SystemOut

router = APIRouter(prefix="/admin", tags=["admin"], route_class=ApiRoute, dependencies=[ADMINS_ONLY])


@router.get("/system", summary="Requests left at each service outside, and recent warnings")
async def system(services: Services) -> SystemOut:
    """Return how this process stands.

    Warnings are those of this process since it has started, at most a hundred kinds; those of the worker are in its log. Secrets
    are hidden in them as in the log.
    """
    return SystemOut.of(services.upstream_budgets(), services.recent_warnings())
