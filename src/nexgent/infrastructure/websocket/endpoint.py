"""`/ws?agentId=…` with a ticket or a token: the WebSocket endpoint, as a plain ASGI application."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

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
from nexgent.infrastructure.websocket.client import (
    AGENT_DELETED,
    EXPIRED,
    FAILED,
    KEY_DELETED,
    REVOKED,
    TIMEOUT,
    TOO_SLOW,
    Client,
    Closing,
)
from nexgent.infrastructure.websocket.hub import WebSocketHub
from nexgent.infrastructure.websocket.places import SocketPlaces
from nexgent.infrastructure.websocket.stream import Resume
from nexgent.shared.addresses import neighbourhood
from nexgent.shared.clock import Clock
from nexgent.shared.errors import ForbiddenError, NexgentError, UnavailableError
from nexgent.shared.types import AgentId

ENDINGS = (WebSocketDisconnect, OSError, RuntimeError)
log = structlog.get_logger(__name__)

UNKNOWN_AGENT = Closing(1008, "Agent not found")
SEND_BUFFER_BYTES = 64 * 1024
"""What the system holds per client. It would grow to megabytes for one that reads nothing, which then looks well for long."""
GOODBYE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketTiming:
    """How patient an endpoint is with its clients, in seconds."""

    ping_seconds: float = 30.0
    silence_seconds: float = 60.0
    check_seconds: float = 5.0
    """How often a connection is looked after. What ends here at once (logout, a deleted agent) does not wait for it."""
    stuck_seconds: float = 10.0
    """How long one frame may wait for a client to take it."""
    linger_seconds: float = 15.0
    """How long an ended connection may take to deliver what is under way; the server itself waits 10 s for a goodbye."""


class WebSocketEndpoint:
    """Authenticates before the upgrade, sends the snapshot, then what the hub hands over."""

    def __init__(
        self,
        *,
        hub: WebSocketHub,
        directory: AgentDirectory,
        reception: Reception,
        clock: Clock,
        timing: SocketTiming = SocketTiming(),
        stopping: Callable[[], bool] = lambda: False,
        places: SocketPlaces | None = None,
        address_of: Callable[[Scope], str] = lambda _: "",
    ) -> None:
        self._hub = hub
        self._directory = directory
        self._reception = reception
        self._clock = clock
        self._timing = timing
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
        place = Resume.parse(socket.query_params.get("epoch"), socket.query_params.get("lastSeq"))
        try:
            await self._converse(socket, send, agent_id, caller, place)
        finally:
            # A server that closes waits until everything is written, for ever when the client reads nothing.
            asyncio.get_running_loop().call_later(self._timing.linger_seconds, _cut, send)

    async def _converse(
        self, socket: WebSocket, send: Send, agent_id: AgentId, caller: SocketCaller, place: Resume | None
    ) -> None:
        client = self._hub.subscribe(agent_id, caller)
        alive = _SignOfLife(self._clock)
        writer = asyncio.create_task(self._write(socket, send, client, place), name="ws.write")
        watch = asyncio.create_task(self._watch(client, caller, alive), name="ws.watch")
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

    async def _write(self, socket: WebSocket, send: Send, client: Client, place: Resume | None) -> None:
        # Straight to the server: a tick sends a frame to every client, and Starlette's bookkeeping costs as much as sending.
        for greeting in self._hub.greet(client, place):
            client.sending_since = self._clock.monotonic()
            await send({"type": "websocket.send", "text": greeting})
        client.sending_since = None
        while not client.ended.is_set():
            await client.wait()
            client.sending_since = self._clock.monotonic()
            while not client.ended.is_set() and (frame := client.next_frame()) is not None:
                await send({"type": "websocket.send", "text": frame})
                client.sending_since = self._clock.monotonic()
            prices = client.take_prices()
            if prices and not client.ended.is_set():
                batch = frames.price_update_batch(prices, self._hub.sol_usd(), self._clock.now())
                await send({"type": "websocket.send", "text": batch})
            client.sending_since = None
        if client.closing is not None:
            await _say_goodbye(socket, client.closing)

    async def _watch(self, client: Client, caller: SocketCaller, alive: _SignOfLife) -> None:
        """Ask for signs of life, and end the connection when they stay away, or when there is no more right to it."""
        next_ping = self._clock.monotonic() + self._timing.ping_seconds
        while not client.ended.is_set():
            now = self._clock.monotonic()
            if (closing := await self._objection(client, caller)) is not None:
                client.close(closing)
            elif client.sending_since is not None and now - client.sending_since > self._timing.stuck_seconds:
                client.close(TOO_SLOW)
            elif now >= next_ping:
                next_ping = now + self._timing.ping_seconds
                if alive.age_seconds > self._timing.silence_seconds:
                    client.close(TIMEOUT)
                else:
                    client.push(frames.ping(self._clock.now()))
            left = caller.expires_at - self._clock.now().timestamp()
            pause = min(next_ping - self._clock.monotonic(), left, self._timing.check_seconds)
            await asyncio.sleep(max(0.01, pause))

    async def _objection(self, client: Client, caller: SocketCaller) -> Closing | None:
        """Return why the connection may not go on. Other processes' news of logouts and deletions are seen here."""
        if caller.expires_at <= self._clock.now().timestamp():
            return EXPIRED
        if not await self._reception.still_welcome(caller):
            return REVOKED if caller.key_id is None else KEY_DELETED
        agent = self._directory.find(client.agent_id)
        return None if agent is not None and agent.user_id == caller.user_id else AGENT_DELETED

    async def _read(self, socket: WebSocket, client: Client, alive: _SignOfLife) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            self._answer(client, alive, message.get("text"))
            # While more is in line, receiving does not wait: without this nobody else would get a turn, not even the price loop.
            await asyncio.sleep(0)

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
            case "resume":
                data = frame.get("data")
                place = data if isinstance(data, dict) else {}
                self._hub.catch_up(client, Resume.parse(place.get("epoch"), place.get("lastSeq")))
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
