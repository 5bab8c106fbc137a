"""uvicorn's HTTP/1.1 protocol with an end to everything a client may send, and a time by which it has to.

The parser keeps an unfinished header in memory, however long it gets, and nothing in uvicorn looks at the clock before a request
is complete. Both are counted here, where the bytes come in: per request that costs a few additions and no timer.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from nexgent.infrastructure.server.connections import Connections, Place

LINGER_SECONDS = 1.0
"""How long a refused client may go on sending before it is cut off: cut at once, it would not see the answer."""
MOST_DROPPED = 256 * 1024
"""How much of what it goes on sending is read and thrown away. To read all of a flood would keep the event loop busy."""
PROGRESS_BYTES = 64 * 1024
MOST_JOINED = 64 * 1024
"""Up to here copying a body behind its head costs less than handing over both."""
PROBE_PATHS = frozenset({b"/api/v1/health/live", b"/api/v1/health/ready", b"/api/v1/health", b"/health"})


class _Phase(Enum):
    """What comes next from the client."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    OVER = "over"


_IDLE, _HEAD, _BODY, _OVER = _Phase.IDLE, _Phase.HEAD, _Phase.BODY, _Phase.OVER


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer without a handler."""

    status: int
    code: str
    text: str


BAD_REQUEST = Refusal(400, "BAD_REQUEST", "Invalid HTTP request received.")
HEADERS_TOO_LARGE = Refusal(431, "HEADERS_TOO_LARGE", "The request's headers are too large or too many")
URL_TOO_LONG = Refusal(414, "URL_TOO_LONG", "The request's address is too long")
BODY_TOO_LARGE = Refusal(413, "PAYLOAD_TOO_LARGE", "Request body too large")
HEADERS_TOO_SLOW = Refusal(408, "REQUEST_TIMEOUT", "The request's headers did not arrive in time")
BODY_TOO_SLOW = Refusal(408, "REQUEST_TIMEOUT", "The request's body did not arrive in time")
TOO_MANY_PIPELINED = Refusal(429, "TOO_MANY_REQUESTS", "Too many requests wait on one connection")
FULL = Refusal(503, "TOO_MANY_CONNECTIONS", "Too many connections; try again shortly")


class _Refused(Exception):
    """Ends the parsing of what a client sends."""


class HttpProtocol(HttpToolsProtocol):
    """One connection that speaks HTTP."""

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._guard: Connections = config.guard
        self._limits = self._guard.limits
        self._place = Place.NONE
        self._phase = _IDLE
        self._deadline = math.inf
        self._head_bytes = 0
        self._body_bytes = 0
        self._dropped = 0
        self._chunk_bytes = 0
        self._refusal = BAD_REQUEST
        self.cycle: RequestResponseCycle | None = None  # type: ignore[assignment]  # None before the first request.
        self._stuck: tuple[float, int] | None = None
        """Since when, and with how much in line, the client takes too little of what is sent."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, or turn the client away."""
        super().connection_made(transport)
        self._place = self._guard.join(self, self.client[0] if self.client else "")
        if self._place is Place.NONE:
            self._phase = _OVER
            transport.abort()
            return
        self._deadline = self.loop.time() + self._limits.header_seconds
        self._guard.waits(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._phase = _OVER
        self._guard.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, counting."""
        before = self._phase
        if before is _OVER:
            self._dropped += len(data)
            if self._dropped > MOST_DROPPED:
                self.flow.pause_reading()
            return
        self._chunk_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._guard.leave(self)
                self._phase = _OVER
                self.handle_websocket_upgrade()
            return
        except httptools.HttpParserError:
            self._refuse(self._refusal)
            return
        if self._phase is _HEAD:
            if before is not _BODY:
                self._head_bytes += len(data)
            if len(self.url) > self._limits.url_bytes:
                self._refuse(URL_TOO_LONG)
            elif self._head_bytes > self._limits.header_bytes or len(self.headers) > self._limits.headers:
                self._refuse(HEADERS_TOO_LARGE)
        elif self._phase is _BODY:
            if before is _BODY:
                self._body_bytes += len(data)
            # Behind a chunked body come headers again.
            if self._body_bytes > self._limits.raw_body_bytes:
                self._refuse(BODY_TOO_LARGE)
            elif len(self.headers) > self._limits.headers:
                self._refuse(HEADERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to look at the clock."""
        super().on_message_begin()
        self._phase = _HEAD
        self._head_bytes = 0
        self._deadline = self.loop.time() + self._limits.header_seconds

    def on_headers_complete(self) -> None:
        """Start the request, unless there is too much of it."""
        limits = self._limits
        if len(self.headers) > limits.headers:
            self._stop(HEADERS_TOO_LARGE)
        if len(self.url) > limits.url_bytes:
            self._stop(URL_TOO_LONG)
        if self._head_bytes + self._chunk_bytes > limits.header_bytes:
            # What came in bounds the headers; only when that is not enough are they measured.
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > limits.header_bytes:
                self._stop(HEADERS_TOO_LARGE)
        if len(self.pipeline) >= limits.pipelined:
            self._stop(TOO_MANY_PIPELINED)
        if self._place is Place.PROBES and self.url.partition(b"?")[0] not in PROBE_PATHS:
            self._stop(FULL)
        self._phase = _BODY
        self._body_bytes = 0
        self._deadline = self.loop.time() + limits.body_seconds
        self._guard.works(self)
        super().on_headers_complete()
        if self.cycle is None:
            return
        if self.scope["method"] != "HEAD":
            self.cycle.transport = cast("asyncio.Transport", _WholeAnswers(self.transport, self.cycle))
        if self._place is Place.PROBES:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Wait for the answer, or for the next request when it was given already."""
        super().on_message_complete()
        if self._phase is not _OVER:
            self._phase = _IDLE
            self._deadline = math.inf
            if self.cycle is not None and self.cycle.response_complete and not self.pipeline:
                self._wait()

    def on_response_complete(self) -> None:
        """Start the next request, or wait for one. In place of uvicorn's own, which sets a timer for each answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._phase is _IDLE:
            self._wait()

    def pause_writing(self) -> None:
        """Note that the client does not keep up."""
        super().pause_writing()
        self._stuck = self.loop.time(), self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """Note that the client has caught up."""
        super().resume_writing()
        self._stuck = None

    def make_room(self) -> None:
        """End a connection that only waits."""
        self._phase = _OVER
        self._deadline = self.loop.time() + LINGER_SECONDS
        self.transport.close()

    def look_after(self, now: float) -> None:
        """End the connection when its client has taken too long for something."""
        if self._stuck is not None:
            since, size = self._stuck
            left = self.transport.get_write_buffer_size()
            if size - left >= PROGRESS_BYTES or left > size:
                self._stuck = now, left
            elif now - since > self._limits.send_seconds:
                self._guard.refused("send_seconds")
                self.transport.abort()
                return
        if now < self._deadline:
            return
        if self.flow.read_paused and self._phase in (_HEAD, _BODY):
            # It is us who do not read.
            self._deadline = now + LINGER_SECONDS
            return
        match self._phase:
            case _Phase.IDLE:
                self._guard.refused("idle_seconds")
                self.make_room()
            case _Phase.HEAD:
                self._refuse(HEADERS_TOO_SLOW)
            case _Phase.BODY:
                self._refuse(BODY_TOO_SLOW)
            case _Phase.OVER:
                self.transport.abort()

    def _wait(self) -> None:
        self._deadline = self.loop.time() + self._limits.keep_alive_seconds
        self._guard.waits(self)

    def _stop(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise _Refused

    def _refuse(self, refusal: Refusal) -> None:
        """Answer when no other answer is under way, and take no more from this client."""
        cycle, in_body = self.cycle, self._phase is _BODY
        self._phase = _OVER
        self._deadline = self.loop.time() + LINGER_SECONDS
        self._guard.works(self)
        self._guard.refused(refusal.code.lower())
        if cycle is None:
            clean = True
        elif cycle.response_complete:
            # A request that was answered before its body was complete must not be answered twice.
            clean = not in_body
        else:
            clean = in_body and not cycle.response_started and not self.pipeline
            cycle.disconnected = True
            cycle.message_event.set()
        self.pipeline.clear()
        if self.transport.is_closing():
            return
        if clean:
            self.transport.write(_answer(refusal))
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()


class _WholeAnswers:
    """The transport of one answer whose head waits for the first of its body: one system call and one packet, not two.

    uvicorn writes them one by one. A write is the dearest single step of a short request: about 30 of 230 µs.
    """

    __slots__ = ("_begun", "_cycle", "_head", "_transport")

    def __init__(self, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        self._transport = transport
        self._cycle = cycle
        self._begun = False
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """Write, or keep what is the head. `100 Continue` comes before any answer."""
        if self._begun or not self._cycle.response_started:
            self._write(data)
        else:
            self._begun = True
            self._head = data

    def _write(self, data: bytes) -> None:
        head, self._head = self._head, None
        if head is None:
            self._transport.write(data)
        elif len(data) > MOST_JOINED:
            self._transport.writelines((head, data))
        else:
            self._transport.write(head + data)

    def close(self) -> None:
        """Close when all is written."""
        if self._head is not None:
            self._write(b"")
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether nothing more is written."""
        return self._transport.is_closing()


def _answer(refusal: Refusal) -> bytes:
    body = msgspec.json.encode({"success": False, "error": refusal.text, "code": refusal.code})
    retry = b"retry-after: 1\r\n" if refusal.status in (429, 503) else b""
    return b"".join(
        (
            STATUS_LINE[refusal.status],
            b"content-type: application/json; charset=utf-8\r\n",
            b"content-length: %d\r\nconnection: close\r\n" % len(body),
            retry,
            b"\r\n",
            body,
        )
    )
