"""uvicorn's WebSocket protocol with a budget for what a client may send.

All frames count, also pings, pongs and pieces of messages, which the application never sees. What comes in at once is looked at
in small pieces, so that a quarter of a megabyte of one-byte frames costs milliseconds before the budget ends it.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import State

from nexgent.infrastructure.server.connections import Connections, Place

POLICY_VIOLATION = 1008
BURST_SECONDS = 10
"""What a client may send at once is what it may send in so many seconds."""
PIECE_BYTES = 4096
MAX_FRAGMENTS = 64
LINGER_SECONDS = 1.0
MOST_DROPPED = 256 * 1024
"""How much of what comes after the end is read and thrown away."""


class Budget:
    """An amount that is spent and fills up again with time."""

    __slots__ = ("_at", "_left", "_most", "_per_second")

    def __init__(self, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._most = self._left = per_second * BURST_SECONDS
        self._at = now

    def spend(self, amount: float, now: float) -> bool:
        """Take an amount; tell whether there was so much."""
        self._left = min(self._most, self._left + (now - self._at) * self._per_second) - amount
        self._at = now
        return self._left >= 0


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection that speaks WebSocket."""

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._guard: Connections = config.guard
        limits = self._guard.limits
        now = self.loop.time()
        self._frames = Budget(limits.frames_per_second, now)
        self._bytes = Budget(limits.frame_bytes_per_second, now)
        self._over = False
        self._dropped = 0

    def connection_made(self, transport: Any) -> None:
        """Take a place: the one the HTTP connection has just given back."""
        super().connection_made(transport)
        if self._guard.join(self, self.client[0] if self.client else "") is not Place.FULL:
            self._over = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._over = True
        self._guard.leave(self)
        super().connection_lost(exc)

    def make_room(self) -> None:
        """Do nothing: a WebSocket is never among those that only wait."""

    def look_after(self, now: float) -> None:
        """Do nothing: the endpoint looks after its clients."""

    def write_now(self, frame: bytes) -> bool:
        """Write a finished frame; tell whether that could be done at once. What could not is for `send`, which waits or raises.

        A burst writes to a thousand clients, and a task, an ASGI message and another look at every byte for each of them take
        as long as the system call.
        """
        if (
            not self.writable.is_set()
            or not self.handshake_complete
            or self.close_sent
            or self.conn.state is not State.OPEN
            or self.transport.is_closing()
        ):
            return False
        self.transport.write(frame)
        return True

    def data_received(self, data: bytes) -> None:
        """Take what has come, as far as the budget goes."""
        if not self.handshake_initiated:
            super().data_received(data)
            return
        if self._over:
            self._dropped += len(data)
            if self._dropped > MOST_DROPPED:
                self.transport.pause_reading()
            return
        if not self._bytes.spend(len(data), self.loop.time()):
            self._end("Too much data")
            return
        for start in range(0, len(data), PIECE_BYTES):
            super().data_received(data[start : start + PIECE_BYTES])
            if self.ended:
                return

    @property
    def ended(self) -> bool:
        """Tell whether nothing more is taken."""
        return self._over or self.close_sent

    def handle_text(self, event: Frame) -> None:
        """Count, then take a text."""
        if self._counted():
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """Count, then take bytes."""
        if self._counted():
            super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        """Count, then take a piece of a message."""
        if len(self.frames) >= MAX_FRAGMENTS:
            self._end("Too many fragments")
        elif self._counted():
            super().handle_cont(event)

    def handle_ping(self) -> None:
        """Count, then answer."""
        if self._counted():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Count."""
        if self._counted():
            super().handle_pong(event)

    def _counted(self) -> bool:
        if not self._over and not self._frames.spend(1, self.loop.time()):
            self._end("Too many frames")
        return not self._over

    def _end(self, reason: str) -> None:
        """Say why, take no more, and cut the connection a moment later: cut at once, the client would not hear it."""
        if self._over:
            return
        self._over = True
        self._guard.refused("websocket_" + reason.lower().replace(" ", "_"))
        self.stop_keepalive()
        if self.conn.state is not State.OPEN or self.transport.is_closing():
            self.transport.abort()
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": POLICY_VIOLATION, "reason": reason})
        self.conn.send_close(POLICY_VIOLATION, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
