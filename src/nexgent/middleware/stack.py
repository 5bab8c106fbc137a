"""The middleware of the service, in order."""

from __future__ import annotations

from collections.abc import Callable, Collection

from starlette.applications import Starlette
from starlette.types import ASGIApp, Scope

from nexgent.middleware.access_log import AccessLogMiddleware, RequestObserver
from nexgent.middleware.body_limit import BodyLimitMiddleware
from nexgent.middleware.cors import CorsMiddleware
from nexgent.middleware.paths import PathMiddleware
from nexgent.middleware.request_id import RequestIdMiddleware
from nexgent.middleware.security_headers import SecurityHeadersMiddleware


def add_middleware(
    app: Starlette,
    *,
    observer: RequestObserver,
    cors_origins: Collection[str],
    fixed_segments: Collection[str],
    address_of: Callable[[Scope], str],
) -> None:
    """Wrap the application. A request passes security headers, CORS, request id, paths, access log and body limit."""
    # The one added last is the first to see a request.
    app.add_middleware(BodyLimitMiddleware)
    app.add_middleware(AccessLogMiddleware, observer=observer, address_of=address_of)
    app.add_middleware(PathMiddleware, fixed_segments=fixed_segments)
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(CorsMiddleware, origins=cors_origins)
    app.add_middleware(SecurityHeadersMiddleware)


def wrapped(
    app: ASGIApp,
    *,
    observer: RequestObserver,
    cors_origins: Collection[str],
    fixed_segments: Collection[str],
    address_of: Callable[[Scope], str],
) -> ASGIApp:
    """Return any ASGI application behind the same middleware in the same order."""
    inner: ASGIApp = BodyLimitMiddleware(app)
    inner = AccessLogMiddleware(inner, observer=observer, address_of=address_of)
    inner = PathMiddleware(inner, fixed_segments=fixed_segments)
    inner = RequestIdMiddleware(inner)
    inner = CorsMiddleware(inner, origins=cors_origins)
    return SecurityHeadersMiddleware(inner)
