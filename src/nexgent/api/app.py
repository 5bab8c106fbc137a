"""The HTTP application: endpoints, errors, middleware. Life and services come from outside."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nexgent.api import openapi
from nexgent.api.dashboard import add_dashboard, dashboard_files
from nexgent.api.deps import ApiServices
from nexgent.api.docs_page import DOCS_PATH, add_docs_page
from nexgent.api.errors import not_found_response
from nexgent.api.fragments import FragmentCache
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.api.v1.admin.router import router as admin
from nexgent.api.v1.admin.system import router as admin_system
from nexgent.api.v1.admin.users import router as admin_users
from nexgent.api.v1.agents.router import router as agents
from nexgent.api.v1.api_keys.router import router as api_keys
from nexgent.api.v1.audit.router import router as audit
from nexgent.api.v1.auth.router import router as auth
from nexgent.api.v1.balances.router import router as balances
from nexgent.api.v1.data_sources.router import router as data_sources
from nexgent.api.v1.encrypted_wallets.router import router as encrypted_wallets
from nexgent.api.v1.health.router import router as health
from nexgent.api.v1.historical_swaps.router import router as historical_swaps
from nexgent.api.v1.live.router import router as live
from nexgent.api.v1.metrics.router import router as metrics
from nexgent.api.v1.notifications.router import router as notifications
from nexgent.api.v1.overview.router import router as overview
from nexgent.api.v1.performance.router import router as performance
from nexgent.api.v1.positions.router import router as positions
from nexgent.api.v1.positions.views import PositionFragments
from nexgent.api.v1.price_feeds.router import router as price_feeds
from nexgent.api.v1.price_history.router import router as price_history
from nexgent.api.v1.protections.router import router as protections
from nexgent.api.v1.reconciliation.router import router as reconciliation
from nexgent.api.v1.signal_webhooks.router import router as signal_webhooks
from nexgent.api.v1.signals.router import router as signals
from nexgent.api.v1.trades.router import router as trades
from nexgent.api.v1.transactions.router import router as transactions
from nexgent.api.v1.wallets.router import router as wallets
from nexgent.api.v1.web.router import router as web
from nexgent.api.v1.webhooks.router import router as webhooks
from nexgent.api.v1.ws.router import router as websocket

# Matched in this order: what is called most comes first.
ROUTERS: tuple[APIRouter, ...] = (
    health,
    signals,
    signal_webhooks,
    positions,
    agents,
    performance,
    overview,
    trades,
    balances,
    transactions,
    historical_swaps,
    auth,
    web,
    protections,
    live,
    wallets,
    reconciliation,
    notifications,
    encrypted_wallets,
    api_keys,
    webhooks,
    admin,
    admin_users,
    admin_system,
    audit,
    websocket,
    price_feeds,
    price_history,
    data_sources,
    metrics,
)
ENDPOINTS: tuple[ApiRoute, ...] = tuple(
    route for router in ROUTERS for route in router.routes if isinstance(route, ApiRoute)
)

# What is served beside the endpoints.
_PAGES = frozenset({"/health", DOCS_PATH, f"{DOCS_PATH}/start.js", "/openapi.json"})

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiInfo:
    """How the application presents itself."""

    title: str = "Nexgent"
    version: str = "0.1.0"


def create_api(
    *,
    services: ApiServices | None = None,
    lifespan: Lifespan | None = None,
    info: ApiInfo | None = None,
    docs: bool = True,
) -> FastAPI:
    """Return the application without middleware.

    The services are given here, or put into `app.state.services` by the lifespan before the first request. Without `docs` the
    application does not describe itself: neither `/docs` nor `/openapi.json` is there.
    """
    about = info if info is not None else ApiInfo()
    app = FastAPI(
        title=about.title,
        version=about.version,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        openapi_url="/openapi.json" if docs else None,
        redoc_url=None,
        exception_handlers={HTTPException: _http_error},
        generate_unique_id_function=_operation_id,
    )
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    if docs:
        add_docs_page(app, about.title)
    add_dashboard(app, dashboard_files())
    app.add_api_route("/health", _to_health, methods=["GET"], include_in_schema=False)
    app.state.agent_fragments = FragmentCache()
    app.state.position_fragments = PositionFragments()
    if services is not None:
        app.state.services = services
    _describe(app, about)
    return app


def fixed_segments() -> frozenset[str]:
    """Return all parts of paths that are not parameters, for middleware that forgives upper case."""
    parts = {part for endpoint in ENDPOINTS for part in f"{PREFIX}{endpoint.path}".split("/")}
    own = {part for part in parts if part and not part.startswith("{")}
    return frozenset(own | {"docs", "static", "start.js", "openapi.json"})


def allowed_methods(path: str) -> tuple[str, ...]:
    """Return what can be done at a path, in the order of the `Allow` header; nothing for an unknown path."""
    found = {endpoint.method for endpoint in ENDPOINTS if _is_at(endpoint, path)}
    if not found and (path in _PAGES or path in dashboard_files()):
        found = {"GET"}
    if "GET" in found:
        found.add("HEAD")
    # Preflights are answered everywhere, long before anybody looks for an endpoint.
    return tuple(sorted(found | {"OPTIONS"})) if found else ()


def _is_at(endpoint: ApiRoute, path: str) -> bool:
    wanted, parts = (PREFIX + endpoint.path).split("/"), path.split("/")
    return len(wanted) == len(parts) and all(
        bool(part) if name.startswith("{") else name == part for name, part in zip(wanted, parts, strict=True)
    )


def _operation_id(route: Any) -> str:
    # One handler may serve several routes; generators of clients need a name for each.
    (method,) = route.methods
    return f"{route.tags[0] if route.tags else 'other'}.{route.name}.{method.lower()}".replace(" ", "_")


async def _to_health(request: Request) -> Response:
    request.scope["route_template"] = "/health"
    return RedirectResponse(f"{PREFIX}/health", 302)


async def _http_error(request: Request, error: Exception) -> Response:
    wrong_method = isinstance(error, HTTPException) and error.status_code == 405
    return not_found_response(request, error, allowed_methods(request.scope["path"]) if wrong_method else ())


def _describe(app: FastAPI, about: ApiInfo) -> None:
    document: dict[str, Any] = {}

    def describe() -> dict[str, Any]:
        if not document:
            document.update(openapi.build(about.title, about.version, app.routes, ENDPOINTS))
        return document

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way to extend the document.
