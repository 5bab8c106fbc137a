"""`/admin/system` and `/admin/log-level`: what a process may still ask of others, what it warned of, and how much it logs."""

from __future__ import annotations

from fastapi import APIRouter

from nexgent.api.http.access import ADMINS_ONLY
from nexgent.api.http.declared import limited
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.v1.admin.schemas import LogLevelChangedOut, LogLevelIn, LogLevelOut, SystemOut

router = APIRouter(prefix="/admin", tags=["admin"], route_class=ApiRoute, dependencies=[ADMINS_ONLY])


@router.get("/system", summary="Requests left at each service outside, and recent warnings")
async def system(services: Services) -> SystemOut:
    """Return how this process stands.

    Warnings are those of this process since it has started, at most a hundred kinds; those of the worker are in its log. Secrets
    are hidden in them as in the log.
    """
    return SystemOut.of(services.upstream_budgets(), services.recent_warnings())


@router.get("/log-level", summary="From which level on is logged")
async def log_level(services: Services) -> LogLevelOut:
    """Return what is in force in the process that answers."""
    return LogLevelOut.of(services.log_levels.standing())


@router.put("/log-level", summary="Log more, or less, until the next start", dependencies=[limited(30)])
async def change_log_level(body: LogLevelIn, services: Services) -> LogLevelChangedOut:
    """Log from a level on: everything, or what a part of the program has to say; null takes that back.

    It holds at once in the process that answers, and in all others of the installation that hear of it over Redis, replicas and
    workers, until each one's next start: that begins with `LOG_LEVEL`. Libraries that tell of every request stay quiet, as what
    they tell may be secret.
    """
    return LogLevelChangedOut.of(await services.log_levels.change(body.level, body.logger or ""))
