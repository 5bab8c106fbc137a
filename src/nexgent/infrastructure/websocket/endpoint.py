"""`/ws?agentId=…` with a ticket or a token: the WebSocket endpoint, as a plain ASGI application."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.infrastructure.websocket import frames
from nexgent.infrastructure.websocket.caller import (
    Proof,
    Reception,
    SocketCaller,
    answered_subprotocol,
    credential_of,
)
from nexgent.infrastructure.websocket.client import Closing
from nexgent.infrastructure.websocket.conversation import Conversations
from nexgent.infrastructure.websocket.places import SocketPlaces
from nexgent.infrastructure.websocket.stream import Resume
from nexgent.shared.addresses import neighbourhood
from nexgent.shared.errors import ForbiddenError, NexgentError, UnavailableError
from nexgent.shared.types import AgentId

UNKNOWN_AGENT = Closing(1008, "Agent not found")
LATER = Closing(1013, "Try again later")
SEND_BUFFER_BYTES = 64 * 1024
"""What the system holds per client. It would grow to megabytes for one that reads nothing, which then looks well for long."""


class WebSocketEndpoint:
    """Decides before the upgrade who comes in; what is then said is the conversation's."""

    def __init__(
        self,
        *,
        conversations: Conversations,
        directory: AgentDirectory,
        reception: Reception,
        stopping: Callable[[], bool] = lambda: False,
        places: SocketPlaces | None = None,
        address_of: Callable[[Scope], str] = lambda _: "",
        have: Callable[[AgentId], Awaitable[None]] | None = None,
    ) -> None:
        """`have` returns when what an agent holds is in memory. Raises `UnavailableError`."""
        self._have = have
        self._conversations = conversations
        self._directory = directory
        self._reception = reception
        self._stopping = stopping
        self._places = places if places is not None else SocketPlaces()
        self._address_of = address_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        socket = WebSocket(scope, receive, send)
        credential, agent = credential_of(scope, socket.query_params), socket.query_params.get("agentId")
        if credential is None or not agent:
            await _refuse(socket, 401, "Missing token or agentId", "Missing authentication")
            return
        if self._stopping():
            await _refuse(socket, 503, "Shutting down", "Server shutdown")
            return
        try:
            caller = await self._reception.admit(credential)
        except ForbiddenError as error:
            await _refuse(socket, 403, f"Forbidden: {error.message}", "Authentication failed")
            return
        except UnavailableError as error:
            await _refuse(socket, 503, error.message, "Authentication failed")
            return
        except NexgentError:
            what = "ticket" if credential.proof is Proof.TICKET else "token"
            await _refuse(socket, 401, f"Invalid or expired {what}", "Authentication failed")
            return
        place = (str(caller.user_id), neighbourhood(self._address_of(scope)))
        if (full := self._places.take(*place)) is not None:
            await _refuse(socket, 429, full, "Too many connections")
            return
        try:
            await self._admitted(socket, scope, send, agent, caller)
        finally:
            self._places.give_back(*place)

    async def _admitted(
        self, socket: WebSocket, scope: Scope, send: Send, agent: str, caller: SocketCaller
    ) -> None:
        _limit_buffer(send)
        await socket.accept(subprotocol=answered_subprotocol(scope))
        try:
            agent_id = self._directory.owned(AgentId(UUID(agent)), caller.user_id).id
        except (AgentNotFoundError, ValueError):
            await socket.send_text(frames.error("Agent not found or access denied"))
            await socket.close(UNKNOWN_AGENT.code, UNKNOWN_AGENT.reason)
            return
        if self._have is not None:
            try:
                await self._have(agent_id)
            except UnavailableError as error:
                await socket.send_text(frames.error(error.message))
                await socket.close(LATER.code, LATER.reason)
                return
        place = Resume.parse(socket.query_params.get("epoch"), socket.query_params.get("lastSeq"))
        try:
            await self._conversations.hold(socket, send, agent_id, caller, place)
        finally:
            # A server that closes waits until everything is written, for ever when the client reads nothing.
            asyncio.get_running_loop().call_later(self._conversations.linger_seconds, _cut, send)


def _limit_buffer(send: Send) -> None:
    """Bound what the system buffers for a connection, where the server shows its socket."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    connection = transport.get_extra_info("socket") if transport is not None else None
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER_BYTES)


def _cut(send: Send) -> None:
    """Drop a connection that is still open, with what it has not taken.

    ASGI has no message for that, so it is asked of the transport of uvicorn's protocol, whose method `send` is. A transport
    that is closed already takes no notice, and a server without one closes in its own way.
    """
    abort = getattr(getattr(getattr(send, "__self__", None), "transport", None), "abort", None)
    if abort is not None:
        abort()


async def _refuse(socket: WebSocket, status: int, text: str, reason: str) -> None:
    """Answer before the upgrade where the server can, else accept and close with the contract's code."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.receive()
        await socket.send_denial_response(Response(text, status_code=status, media_type="text/plain"))
        return
    await socket.accept()
    await socket.send_text(frames.error(text))
    await socket.close(1008, reason)
