"""A thousand WebSocket clients that cost little: raw frames, in a process of their own. Some of them never read."""

from __future__ import annotations

import asyncio
import base64
import multiprocessing
import os
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, cast

import uvloop

TEXT, CLOSE = 1, 8
READY_SECONDS = 60.0
PONG = b'{"type":"pong"}'


@dataclass(slots=True)
class Heard:
    """What the clients that read have heard. Lags in seconds from a tick's time stamp (to the millisecond) to its arrival."""

    lags: list[float] = field(default_factory=list)
    frames: int = 0
    position_frames: int = 0
    gaps: int = 0
    """Position frames whose number was not the next one."""
    closed: dict[int, int] = field(default_factory=dict)
    """Close codes of clients that read."""

    def quantile(self, share: float) -> float:
        """Return the lag that this share of the frames did not exceed."""
        ordered = sorted(self.lags)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class _Listener(asyncio.Protocol):
    def __init__(self, request: bytes, heard: Heard, ready: asyncio.Semaphore) -> None:
        self._request = request
        self._heard = heard
        self._ready = ready
        self._buffer = bytearray()
        self._upgraded = False
        self._seq: int | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are transports in all but name.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        if (
            not self._buffer
            and len(data) > 4
            and data[1] == 126
            and len(data) == 4 + (data[2] << 8 | data[3])
        ):
            # The usual case, one whole frame, without copies: these clients share the machine with what they measure.
            self._see(data[0] & 15, data[4:], now)
            return
        self._buffer += data
        if not self._upgraded:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self._buffer.startswith(b"HTTP/1.1 101"), bytes(self._buffer[:200])
            del self._buffer[: end + 4]
            self._upgraded = True
        while (frame := self._next()) is not None:
            self._see(*frame, now)

    def _next(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1], 2
        if length == 126:
            start = 4
            length = struct.unpack_from("!H", buffer, 2)[0] if len(buffer) >= 4 else 0
        elif length == 127:
            start = 10
            length = struct.unpack_from("!Q", buffer, 2)[0] if len(buffer) >= 10 else 0
        if len(buffer) < start + length or len(buffer) < start:
            return None
        frame = buffer[0] & 15, bytes(buffer[start : start + length])
        del buffer[: start + length]
        return frame

    def _see(self, opcode: int, content: bytes, now: float) -> None:
        if opcode == CLOSE:
            code = struct.unpack_from("!H", content)[0] if len(content) >= 2 else 1005
            self._heard.closed[code] = self._heard.closed.get(code, 0) + 1
            return
        if opcode != TEXT:
            return
        self._heard.frames += 1
        head = content[:40]
        if b"price_update_batch" in head:
            self._heard.lags.append(now - _stamp(content[-27:-3]))
        elif b"position_update" in head:
            self._heard.position_frames += 1
            self._number(content)
        elif b"initial_data" in head:
            self._number(content, first=True)
            self._ready.release()
        elif b"ping" in head:
            self._say(PONG)

    def _number(self, content: bytes, *, first: bool = False) -> None:
        at = content.rindex(b'"seq":') + 6
        seq = int(content[at : content.index(b"}", at)])
        if not first and seq != (self._seq or 0) + 1:
            self._heard.gaps += 1
        self._seq = seq

    def _say(self, text: bytes) -> None:
        assert self._transport is not None
        # A mask of zeros leaves the text as it is.
        self._transport.write(bytes([0x81, 0x80 | len(text)]) + b"\0\0\0\0" + text)


_stamps: dict[bytes, float] = {}


def _stamp(stamp: bytes) -> float:
    known = _stamps.get(stamp)
    if known is None:
        known = _stamps[stamp] = datetime.fromisoformat(stamp.decode()).timestamp()
    return known


def _handshake(path: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def _deaf(port: int, path: str) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.sendall(_handshake(path))
    return connection


def _returned(listener: _Listener) -> _Listener:
    return listener


async def _listen(port: int, reading: Sequence[str], deaf: Sequence[str], out: Any, stop: Any) -> Heard:
    loop = asyncio.get_running_loop()
    heard, ready = Heard(), asyncio.Semaphore(0)
    transports = []
    for path in reading:
        listener = _Listener(_handshake(path), heard, ready)
        transport, _ = await loop.create_connection(partial(_returned, listener), "127.0.0.1", port)
        transports.append(transport)
    never = [_deaf(port, path) for path in deaf]
    async with asyncio.timeout(READY_SECONDS):
        for _ in reading:
            await ready.acquire()
    heard.lags.clear()
    heard.frames = heard.position_frames = 0
    out.put("ready")
    await loop.run_in_executor(None, stop.wait)
    for transport in transports:
        transport.close()
    for connection in never:
        connection.close()
    return heard


def _child(port: int, reading: Sequence[str], deaf: Sequence[str], out: Any, stop: Any) -> None:
    out.put(uvloop.run(_listen(port, reading, deaf, out, stop)))


class Listeners:
    """The clients' process: `start` returns when all are connected, `finish` ends them and returns what they heard."""

    def __init__(self, port: int, *, reading: Sequence[str], deaf: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._out = context.Queue()
        self._stop = context.Event()
        self._process = context.Process(
            target=_child, args=(port, list(reading), list(deaf), self._out, self._stop)
        )

    def start(self) -> None:
        """Connect all."""
        self._process.start()
        assert self._out.get(timeout=2 * READY_SECONDS) == "ready"

    def finish(self) -> Heard:
        """Hang up and return what was heard."""
        self._stop.set()
        heard = self._out.get(timeout=READY_SECONDS)
        self._process.join()
        assert isinstance(heard, Heard)
        return heard
