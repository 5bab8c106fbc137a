"""The ASGI application: HTTP behind its middleware, and the WebSocket endpoint beside it."""

from __future__ import annotations

import math
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from nexgent.api.app import ENDPOINTS, create_api, fixed_segments
from nexgent.api.audit import AuditMiddleware
from nexgent.api.deps import ApiServices
from nexgent.api.dispatch import Dispatcher
from nexgent.api.forwarding import ForwardedRequests
from nexgent.config.settings import Settings
from nexgent.domain.users.authenticate import Authenticator, has_key_format, key_hash
from nexgent.domain.users.models import Scope as ApiScope
from nexgent.domain.users.socket_tickets import SocketTickets
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.infrastructure.websocket.caller import Credential, Proof, SocketCaller
from nexgent.infrastructure.websocket.endpoint import WebSocketEndpoint
from nexgent.middleware.stack import wrapped
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import UserId

WEBSOCKET_PATH = "/ws"


class Application:
    """Sends each connection to where it belongs."""

    def __init__(self, http: ASGIApp, websocket: ASGIApp, forwarded: ForwardedRequests) -> None:
        """`forwarded` is for requests that another process was sent."""
        self._http = http
        self._websocket = websocket
        self.forwarded = forwarded

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
    services: ApiServices,
    settings: Settings,
    metrics: Metrics,
    websocket: WebSocketEndpoint,
    address_of: Callable[[Scope], str],
) -> Application:
    """Return the application `nexgent serve` listens with."""
    audited = AuditMiddleware(
        Dispatcher(create_api(services=services, docs=settings.server.api_docs), ENDPOINTS),
        endpoints=ENDPOINTS,
        trail=services.audit_trail,
        directory=services.directory,
        clock=services.clock,
    )
    http = wrapped(
        audited,
        observer=metrics,
        cors_origins=settings.server.cors_origins,
        fixed_segments=fixed_segments(),
        address_of=address_of,
    )
    return Application(http, websocket, ForwardedRequests(audited))


class SocketReception:
    """Lets sessions and API keys onto the WebSocket."""

    def __init__(self, authenticator: Authenticator, tickets: SocketTickets) -> None:
        self._authenticator = authenticator
        self._tickets = tickets

    async def admit(self, credential: Credential) -> SocketCaller:
        """Return whose credential it is. Raises `NotAuthenticatedError`, `MissingScopeError`, `UnavailableError`."""
        if credential.proof is Proof.TICKET:
            holder = await self._tickets.redeem(credential.text)
            return _of_session(
                holder.user_id, holder.expires_at, holder.session_id or holder.token_id, holder.issued_at
            )
        authorization = f"Bearer {credential.text}"
        if credential.proof is Proof.BEARER and has_key_format(credential.text):
            caller = await self._authenticator.by_token_or_key(authorization, None, ApiScope.POSITIONS)
            assert caller.key is not None
            hashed = key_hash(credential.text)
            end = caller.key.expires_at
            ends_at = math.inf if end is None else end.timestamp()
            return SocketCaller(caller.user_id, ends_at, key_id=caller.key.id, key_hash=hashed)
        caller = self._authenticator.by_token(authorization)
        claims = caller.claims
        assert claims is not None
        return _of_session(claims.user_id, claims.session_ends_at, claims.session_id, claims.issued_at)

    async def still_welcome(self, caller: SocketCaller) -> bool:
        """Tell whether the session or the key is still good; a store that is away changes nothing."""
        if caller.session_id is not None:
            return not self._authenticator.has_ended(caller.session_id, caller.user_id, caller.issued_at)
        if caller.key_hash is None:
            return True
        try:
            return await self._authenticator.still_trusts(caller.key_hash, ApiScope.POSITIONS)
        except UnavailableError:
            return True


def _of_session(user_id: UserId, ends_at: int, session_id: str, issued_at: int) -> SocketCaller:
    return SocketCaller(user_id, float(ends_at), session_id=session_id, issued_at=issued_at)
