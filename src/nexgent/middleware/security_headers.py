"""Headers that tell browsers what a response may do."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';"
    "img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';"
    "style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests"
)
# The page of the API documentation also works over plain HTTP from another machine, where nothing may be upgraded.
_DOCS_POLICY = _POLICY.removesuffix(";upgrade-insecure-requests")
# The dashboard takes scripts, styles and data from here alone and stands in nobody's frame.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_COMMON = [
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"origin-agent-cluster", b"?1"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-dns-prefetch-control", b"off"),
    (b"x-download-options", b"noopen"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-permitted-cross-domain-policies", b"none"),
    (b"x-xss-protection", b"0"),
]
_HEADERS = [(b"content-security-policy", _POLICY.encode()), *_COMMON]
_DOCS_HEADERS = [(b"content-security-policy", _DOCS_POLICY.encode()), *_COMMON]
_PAGE_HEADERS = [
    (b"content-security-policy", _PAGE_POLICY.encode()),
    *(one for one in _COMMON if one[0] != b"x-frame-options"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
DOCS_PATH = "/docs"
_BY_PATH = {DOCS_PATH: _DOCS_HEADERS, "/": _PAGE_HEADERS}


class SecurityHeadersMiddleware:
    """Add the contract's security headers to every response, and stricter ones to the dashboard."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _BY_PATH.get(scope["path"], _HEADERS)

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._app(scope, receive, add_headers)
