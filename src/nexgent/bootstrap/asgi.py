"""The ASGI application: HTTP behind its middleware, and the WebSocket endpoint beside it."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from nexgent.api.app import ENDPOINTS, create_api, fixed_segments
from nexgent.api.deps import ApiServices
from nexgent.api.dispatch import Dispatcher
from nexgent.config.settings import Settings
from nexgent.domain.users.authenticate import Authenticator
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.infrastructure.websocket.endpoint import Visitor, WebSocketEndpoint
from nexgent.middleware.stack import wrapped

WEBSOCKET_PATH = "/ws"


class Application:
    """Sends each connection to where it belongs."""

    def __init__(self, http: ASGIApp, websocket: ASGIApp) -> None:
        self._http = http
        self._websocket = websocket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] == WEBSOCKET_PATH:
            await self._websocket(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})


def build_application(
    services: ApiServices, settings: Settings, metrics: Metrics, websocket: WebSocketEndpoint
) -> Application:
    """Return the application `nexgent serve` listens with."""
    http = wrapped(
        Dispatcher(create_api(services=services), ENDPOINTS),
        observer=metrics,
        cors_origins=settings.server.cors_origins,
        fixed_segments=fixed_segments(),
        trusted_proxies=settings.server.trusted_proxies,
    )
    return Application(http, websocket)


class TokenVisitors:
    """Turns an access token into who visits the WebSocket."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def __call__(self, token: str) -> Visitor:
        """Return whose token it is. Raises `NotAuthenticatedError`."""
        caller = self._authenticator.by_token(f"Bearer {token}")
        assert caller.claims is not None
        return Visitor(caller.user_id, float(caller.claims.expires_at))
