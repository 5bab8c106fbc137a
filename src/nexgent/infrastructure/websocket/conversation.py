"""What is said on one open WebSocket: the snapshot, frames, pings and answers, and when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from starlette.types import Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.infrastructure.websocket import frames
from nexgent.infrastructure.websocket.caller import Reception, SocketCaller
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
from nexgent.infrastructure.websocket.stream import Resume
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId

log = structlog.get_logger(__name__)

ENDINGS = (WebSocketDisconnect, OSError, RuntimeError)
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


class Conversations:
    """Each is with one admitted client; they share the hub and nothing else."""

    def __init__(
        self,
        *,
        hub: WebSocketHub,
        directory: AgentDirectory,
        reception: Reception,
        clock: Clock,
        timing: SocketTiming = SocketTiming(),
    ) -> None:
        self._hub = hub
        self._directory = directory
        self._reception = reception
        self._clock = clock
        self._timing = timing
        self.linger_seconds = timing.linger_seconds

    async def hold(
        self, socket: WebSocket, send: Send, agent_id: AgentId, caller: SocketCaller, place: Resume | None
    ) -> None:
        """Send the snapshot, or what came since the place, then what the hub hands over, until one side ends it."""
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
        client.write_now = write_now = _write_now(send)
        while not client.ended.is_set():
            await client.wait()
            client.sending_since = self._clock.monotonic()
            while not client.ended.is_set() and (frame := client.next_frame()) is not None:
                if write_now is None or not write_now(frame):
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


def _write_now(send: Send) -> Callable[[str], bool] | None:
    """Return what writes a frame past ASGI where the server can, as ours does, whose method `send` is."""
    write: Callable[[bytes], bool] | None = getattr(getattr(send, "__self__", None), "write_now", None)
    return None if write is None else lambda frame: write(frames.on_the_wire(frame))


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
