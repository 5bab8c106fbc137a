"""Count, time and log every request, and answer what nobody expected."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nexgent.middleware.client_address import ClientAddresses

log = structlog.get_logger(__name__)

UNMATCHED = "unmatched"
ROUTE_KEY = "route_template"
CLIENT_IP_KEY = "client_ip"
_FAILED = b'{"error":"Internal server error"}'
_QUIET_ROUTES = frozenset(
    {"/api/v1/health", "/api/v1/health/ready", "/api/v1/health/live", "/api/v1/metrics"}
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestObserver(Protocol):
    """Whoever keeps figures about requests."""

    def request_started(self) -> None:
        """Note a request being answered."""

    def request_finished(self, method: str, path: str, status: int, seconds: float) -> None:
        """Note an answered request; `path` is the template of its route."""


class AccessLogMiddleware:
    """One line and one observation per request. An exception that gets this far is logged and answered with 500."""

    def __init__(
        self,
        app: ASGIApp,
        observer: RequestObserver,
        address_of: Callable[[Scope], str] = ClientAddresses(),  # noqa: B008 -- it has nothing that changes
    ) -> None:
        self._app = app
        self._observer = observer
        self._address_of = address_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and look at the clock."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        path = scope["path"]
        started = time.perf_counter()
        status = 0
        address = scope[CLIENT_IP_KEY] = self._address_of(scope)

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._observer.request_started()
        try:
            try:
                await self._app(scope, receive, watched)
            except ClientDisconnect:
                status = status or 499
            except Exception:
                log.exception("request.failed", method=method, path=path)
                if status == 0:
                    await _fail(watched)
        finally:
            seconds = time.perf_counter() - started
            route = scope.get(ROUTE_KEY, UNMATCHED)
            self._observer.request_finished(method, route, status, seconds)
        write = log.debug if route in _QUIET_ROUTES and status < 500 else log.info
        write(
            "request.completed",
            method=method,
            path=path,
            status=status,
            duration_ms=round(seconds * 1000, 3),
            ip=address,
        )


async def _fail(send: Send) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(_FAILED)).encode()),
    ]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": _FAILED})
