"""`/ws?token=…&agentId=…`: the WebSocket endpoint, as a plain ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import msgspec
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.infrastructure.websocket import frames
from nexgent.infrastructure.websocket.client import EXPIRED, FAILED, TIMEOUT, Client, Closing
from nexgent.infrastructure.websocket.hub import WebSocketHub
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.types import AgentId, UserId

ENDINGS = (WebSocketDisconnect, OSError, RuntimeError)
log = structlog.get_logger(__name__)

UNKNOWN_AGENT = Closing(1008, "Agent not found")
GOODBYE_SECONDS = 2.0
LINGER_SECONDS = 15.0
"""How long an ended connection may take to deliver what is under way; the server itself waits 10 s for a client's goodbye."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who connects, and until when the token is good (seconds since 1970)."""

    user_id: UserId
    expires_at: float


class Authenticate(Protocol):
    """Check an access token."""

    def __call__(self, token: str) -> Visitor:
        """Return whose it is. Raises `NexgentError` when it is not valid."""
        ...


class WebSocketEndpoint:
    """Authenticates before the upgrade, sends the snapshot, then what the hub hands over."""

    def __init__(
        self,
        *,
        hub: WebSocketHub,
        directory: AgentDirectory,
        authenticate: Authenticate,
        clock: Clock,
        ping_seconds: float = 30.0,
        silence_seconds: float = 60.0,
        linger_seconds: float = LINGER_SECONDS,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hub = hub
        self._directory = directory
        self._authenticate = authenticate
        self._clock = clock
        self._ping_seconds = ping_seconds
        self._silence_seconds = silence_seconds
        self._linger_seconds = linger_seconds
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        socket = WebSocket(scope, receive, send)
        token, agent = socket.query_params.get("token"), socket.query_params.get("agentId")
        if not token or not agent:
            await _refuse(socket, 401, "Missing token or agentId", "Missing authentication")
            return
        try:
            visitor = self._authenticate(token)
        except NexgentError:
            await _refuse(socket, 401, "Invalid or expired token", "Authentication failed")
            return
        if self._stopping():
            await _refuse(socket, 503, "Shutting down", "Server shutdown")
            return
        await socket.accept()
        try:
            agent_id = self._directory.owned(AgentId(UUID(agent)), visitor.user_id).id
        except (AgentNotFoundError, ValueError):
            await socket.send_text(frames.error("Agent not found or access denied"))
            await socket.close(UNKNOWN_AGENT.code, UNKNOWN_AGENT.reason)
            return
        try:
            await self._converse(socket, agent_id, visitor)
        finally:
            # A server that closes waits until everything is written, for ever when the client reads nothing.
            asyncio.get_running_loop().call_later(self._linger_seconds, _cut, send)

    async def _converse(self, socket: WebSocket, agent_id: AgentId, visitor: Visitor) -> None:
        client = self._hub.subscribe(agent_id)
        alive = _SignOfLife(self._clock)
        writer = asyncio.create_task(self._write(socket, client), name="ws.write")
        watch = asyncio.create_task(self._watch(client, visitor, alive), name="ws.watch")
        reader = asyncio.create_task(self._read(socket, client, alive), name="ws.read")
        ended = asyncio.create_task(client.ended.wait(), name="ws.ended")
        try:
            await asyncio.wait({writer, reader, watch, ended}, return_when=asyncio.FIRST_COMPLETED)
            if _broken(writer) or _broken(watch):
                await _say_goodbye(socket, FAILED, "Connection failed")
            elif ended.done() and not writer.done():
                # The writer says goodbye, unless it is stuck with a client that reads nothing.
                await asyncio.wait({writer}, timeout=GOODBYE_SECONDS)
        finally:
            self._hub.unsubscribe(client)
            for task in (writer, watch, reader, ended):
                task.cancel()
            results = await asyncio.gather(writer, watch, reader, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception) and not isinstance(result, ENDINGS):
                    log.error("websocket.failed", exc_info=result)
            reason = client.closing.reason if client.closing is not None else "client"
            log.debug("websocket.closed", agent_id=str(agent_id), reason=reason)

    async def _write(self, socket: WebSocket, client: Client) -> None:
        now = self._clock.now()
        await socket.send_text(frames.connected(client.agent_id, now))
        # Subscribed before the snapshot is read: what happens in between is in line behind it.
        await socket.send_text(frames.initial_data(self._hub.snapshot(client.agent_id), now))
        while not client.ended.is_set():
            await client.wait()
            while not client.ended.is_set() and (frame := client.next_frame()) is not None:
                await socket.send_text(frame)
            prices = client.take_prices()
            if prices and not client.ended.is_set():
                batch = frames.price_update_batch(prices, self._hub.sol_usd(), self._clock.now())
                await socket.send_text(batch)
        if client.closing is not None:
            await _say_goodbye(socket, client.closing)

    async def _watch(self, client: Client, visitor: Visitor, alive: _SignOfLife) -> None:
        """Ask for signs of life, and end the connection when they stay away or the token has run out."""
        next_ping = self._clock.monotonic() + self._ping_seconds
        while not client.ended.is_set():
            left = visitor.expires_at - self._clock.now().timestamp()
            await asyncio.sleep(max(0.01, min(next_ping - self._clock.monotonic(), left)))
            if visitor.expires_at <= self._clock.now().timestamp():
                client.close(EXPIRED)
            elif self._clock.monotonic() >= next_ping:
                next_ping = self._clock.monotonic() + self._ping_seconds
                if alive.age_seconds > self._silence_seconds:
                    client.close(TIMEOUT)
                else:
                    client.push(frames.ping(self._clock.now()))

    async def _read(self, socket: WebSocket, client: Client, alive: _SignOfLife) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            self._answer(client, alive, message.get("text"))

    def _answer(self, client: Client, alive: _SignOfLife, text: str | None) -> None:
        try:
            frame: Any = msgspec.json.decode(text or "")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            frame = None
        if not isinstance(frame, dict):
            client.push(frames.error("Invalid message format"))
            return
        match frame.get("type"):
            case "ping":
                alive.seen()
                client.push(frames.pong(self._clock.now()))
            case "pong":
                alive.seen()
            case "subscribe":
                client.push(frames.subscribed(client.agent_id))
            case _:
                log.debug("websocket.unknown_frame", agent_id=str(client.agent_id))


class _SignOfLife:
    """When the client was last heard."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = clock.monotonic()

    def seen(self) -> None:
        """Note a sign of life."""
        self._at = self._clock.monotonic()

    @property
    def age_seconds(self) -> float:
        """How long ago the last one was."""
        return self._clock.monotonic() - self._at


def _broken(task: asyncio.Task[None]) -> bool:
    """Tell whether a task ended by a mistake of ours and not because the connection did."""
    if not task.done() or task.cancelled():
        return False
    error = task.exception()
    return error is not None and not isinstance(error, ENDINGS)


async def _say_goodbye(socket: WebSocket, closing: Closing, message: str | None = None) -> None:
    """Close with a code and a reason, as far as the client still takes anything."""
    if socket.application_state is not WebSocketState.CONNECTED:
        return
    with suppress(*ENDINGS, TimeoutError):
        async with asyncio.timeout(1.0):
            if message is not None:
                await socket.send_text(frames.error(message))
            await socket.close(closing.code, closing.reason)


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
