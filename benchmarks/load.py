"""A load generator that costs little: raw HTTP/1.1 over kept-alive connections, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

MANY_CONNECTIONS = {
    "MAX_CONNECTIONS": "8192",
    "MAX_CONNECTIONS_PER_ADDRESS": "8192",
    "WEBSOCKETS_PER_USER": "8192",
    "WEBSOCKETS_PER_ADDRESS": "8192",
}
"""Settings for a service that one program of one user connects to a thousand times."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of requests gave. Times in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    statuses: dict[int, int]

    @property
    def per_second(self) -> float:
        """Requests per second over all connections."""
        return self.requests / self.seconds


def request(method: str, path: str, token: str | None = None, body: object = None) -> bytes:
    """Return the bytes of one request."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: keep-alive"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


class _Connection(asyncio.Protocol):
    def __init__(
        self, queue: list[bytes], times: list[float], statuses: dict[int, int], loop_over: bool
    ) -> None:
        self._queue = queue
        self._times = times
        self._statuses = statuses
        self._loop_over = loop_over
        self._buffer = bytearray()
        self._needed = -1
        self._sent = 0.0
        self._next = 0
        self.deadline = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def start(self, deadline: float) -> None:
        self.deadline = deadline
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        exhausted = self._next >= len(self._queue)
        if time.perf_counter() >= self.deadline or (exhausted and not self._loop_over):
            if not self.done.done():
                self.done.set_result(None)
            return
        data = self._queue[self._next % len(self._queue)]
        self._next += 1
        self._sent = time.perf_counter()
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._needed < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._needed = end + 4 + length
        if len(self._buffer) < self._needed:
            return
        status = int(self._buffer[9:12])
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._times.append(time.perf_counter() - self._sent)
        self._buffer.clear()
        self._needed = -1
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


def _returned(connection: _Connection) -> _Connection:
    return connection


async def _run(port: int, queues: Sequence[list[bytes]], seconds: float, loop_over: bool) -> Load:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    statuses: dict[int, int] = {}
    connections = []
    for queue in queues:
        connection = _Connection(queue, times, statuses, loop_over)
        await loop.create_connection(partial(_returned, connection), "127.0.0.1", port)
        connections.append(connection)
    started = time.perf_counter()
    for connection in connections:
        connection.start(started + seconds)
    await asyncio.gather(*(connection.done for connection in connections))
    elapsed = time.perf_counter() - started
    times.sort()
    return Load(
        len(times),
        elapsed,
        times[len(times) // 2],
        times[min(len(times) - 1, int(len(times) * 0.99))],
        statuses,
    )


def _child(
    port: int,
    queues: Sequence[list[bytes]],
    seconds: float,
    loop_over: bool,
    out: multiprocessing.Queue[Load],
) -> None:
    out.put(asyncio.run(_run(port, queues, seconds, loop_over)))


def fire(port: int, queues: Sequence[list[bytes]], *, seconds: float = 3.0, loop_over: bool = True) -> Load:
    """Send requests over one connection per queue, from another process; return the figures."""
    context = multiprocessing.get_context("spawn")
    out: multiprocessing.Queue[Load] = context.Queue()
    process = context.Process(target=_child, args=(port, list(queues), seconds, loop_over, out))
    process.start()
    result = out.get(timeout=seconds + 60)
    process.join()
    return result
