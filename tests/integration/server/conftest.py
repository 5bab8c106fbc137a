"""A server with our protocols, and raw connections to it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

from nexgent.infrastructure.server.config import ServerConfig
from nexgent.infrastructure.server.connections import Connections
from nexgent.infrastructure.server.limits import ServerLimits
from tests.patience import PATIENCE_SECONDS

DEADLINE_SECONDS = PATIENCE_SECONDS


class _Server(uvicorn.Server):
    def capture_signals(self) -> Any:
        return nullcontext()


class Site:
    """An application that answers with the size of the body; `/big` with many bytes, `/wait` when told to, `/early` at once."""

    def __init__(self, **limits: Any) -> None:
        self.refused: Counter[str] = Counter()
        self.connections = Connections(
            ServerLimits(**limits), on_refused=lambda why: self.refused.update([why])
        )
        self.go_on = asyncio.Event()
        self.answered = 0
        self.port = 0
        self._clients: list[Raw] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while scope["path"] != "/early":
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"] == "/wait":
            await self.go_on.wait()
        content = b"x" * 16 * 2**20 if scope["path"] == "/big" else b"%d" % len(body)
        self.answered += 1
        length = (b"content-length", b"%d" % len(content))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": content})

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Run the server."""
        config = ServerConfig(self, self.connections, host="127.0.0.1", port=0, timeout_graceful_shutdown=1)
        server = _Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.005)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield
        finally:
            self.go_on.set()
            for raw in self._clients:
                raw.close()
                with suppress(ConnectionError):
                    await raw.writer.wait_closed()
            server.should_exit = True
            await serving

    async def connect(self, address: str = "127.0.0.1") -> Raw:
        """Connect from an address of this machine."""
        raw = Raw(*await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0)))
        self._clients.append(raw)
        return raw


@dataclass
class Raw:
    """One connection, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send, also when the server does not listen any more."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def answer(self) -> tuple[int, str]:
        """Return status and body of the next answer, (0, "") when the connection ends without one."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                )
                body = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, ""
        return int(head.split(b" ", 2)[1]), body.decode()

    async def ended(self) -> bool:
        """Wait until the server has ended the connection."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while await self.reader.read(65_536):
                    pass
        except ConnectionError:
            pass
        return True

    async def get(self, path: str = "/") -> tuple[int, str]:
        """Ask for something and return the answer."""
        await self.send(request(path))
        return await self.answer()

    def close(self) -> None:
        """Leave."""
        self.writer.close()


def request(path: str = "/", *headers: str, method: str = "GET") -> bytes:
    """Return the head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()
