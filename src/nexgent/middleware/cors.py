"""Which other origins browsers may call from."""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CREDENTIALS = (b"access-control-allow-credentials", b"true")
_ANY_ORIGIN = (b"access-control-allow-origin", b"*")
_VARY = (b"vary", b"Origin")
_SHOWN = (
    "X-Request-Id,Content-Disposition,Retry-After,X-Next-Cursor,"
    "RateLimit-Limit,RateLimit-Remaining,RateLimit-Reset,Idempotency-Replayed"
)
_EXPOSED = (b"access-control-expose-headers", _SHOWN.encode())
_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET,POST,PUT,DELETE,PATCH,OPTIONS"),
    (b"access-control-allow-headers", b"Content-Type,Authorization,X-API-Key,X-Request-Id,Idempotency-Key"),
    (b"access-control-max-age", b"600"),
    (b"content-length", b"0"),
]


class CorsMiddleware:
    """Name the caller's origin if it is allowed; answer preflights. Requests of other origins are processed without it.

    The origin `*` stands for every origin, and never brings credentials with it.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode("latin-1", "replace") for origin in origins if origin != "*")
        self._any = "*" in origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer a preflight."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = self._headers(next((value for name, value in scope["headers"] if name == b"origin"), None))
        if scope["method"] == "OPTIONS":
            start = {"type": "http.response.start", "status": 204, "headers": [*headers, *_PREFLIGHT]}
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._app(scope, receive, add_headers)

    def _headers(self, origin: bytes | None) -> list[tuple[bytes, bytes]]:
        if origin is not None and origin in self._origins:
            return [(b"access-control-allow-origin", origin), _CREDENTIALS, _VARY, _EXPOSED]
        if self._any:
            # Any page may read answers, but no browser adds a cookie or a login to what it sends for one.
            return [_ANY_ORIGIN, _VARY, _EXPOSED]
        return [_CREDENTIALS, _VARY, _EXPOSED]
