"""A small service of our own to talk to, over real HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

AGENT_ID = "8f4ed4ee-d17a-4227-94e8-a25017276ce4"
SOL_MINT = "So11111111111111111111111111111111111111112"


class FakeService:
    """Answers GET requests from `answers`, sends `frames` to whoever follows. It runs on a thread and a loop of its own.

    POST is not spoken by the library this stands on; requests that need it go to `FakeApi`.
    """

    def __init__(self) -> None:
        self.frames: list[object] = []
        self.refusals = 0
        self.followers = 0
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._run(),), daemon=True
        )

    def start(self) -> None:
        """Start listening."""
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    async def _run(self) -> None:
        server: Server
        async with serve(self._follow, "127.0.0.1", 0, process_request=self._refuse) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            await self._stop.wait()

    def _refuse(self, _connection: ServerConnection, request: Request) -> Response | None:
        if self.refusals:
            self.refusals -= 1
            return Response(HTTPStatus.UNAUTHORIZED, "Unauthorized", Headers(), b"Invalid or expired token")
        assert urlsplit(request.path).path == "/ws"
        return None

    async def _follow(self, connection: ServerConnection) -> None:
        self.followers += 1
        for frame in self.frames:
            await connection.send(json.dumps(frame))
        await connection.wait_closed()


@pytest.fixture
def service() -> Iterator[FakeService]:
    """A running service."""
    fake = FakeService()
    fake.start()
    yield fake
    fake.stop()


class FakeApi:
    """Stands in for `ApiClient`: knows the answers, notes the calls and the logins."""

    def __init__(self, url: str = "http://127.0.0.1:1") -> None:
        self.url = url
        self.token = "token"
        self.logins = 0
        self.answers: dict[str, Any] = {}

    async def log_in(self) -> None:
        self.logins += 1

    async def call(self, _method: str, path: str, _body: object = None) -> Any:
        return self.answers[path.partition("?")[0]]
