"""Middleware around applications that misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from nexgent.middleware.access_log import AccessLogMiddleware
from nexgent.middleware.body_limit import BodyLimitMiddleware
from nexgent.middleware.paths import PathMiddleware


class Observed:
    def __init__(self) -> None:
        self.in_flight = 0
        self.requests: list[tuple[str, str, int]] = []

    def request_started(self) -> None:
        self.in_flight += 1

    def request_finished(self, method: str, path: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.in_flight -= 1
        self.requests.append((method, path, status))


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="http://test"
    )


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    size = 0
    more = True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{scope['path']} {size}".encode()})


async def test_a_failing_application_is_answered_and_counted() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("no")

    observed = Observed()
    async with client(AccessLogMiddleware(broken, observed)) as http:
        response = await http.get("/x")

    assert (response.status_code, response.json()) == (500, {"error": "Internal server error"})
    assert observed.requests == [("GET", "unmatched", 500)]
    assert observed.in_flight == 0


async def test_unknown_methods_make_no_new_label() -> None:
    observed = Observed()
    async with client(AccessLogMiddleware(ok, observed)) as http:
        await http.request("BREW", "/x")

    assert observed.requests == [("OTHER", "unmatched", 200)]


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
async def test_the_limit_is_exact_with_and_without_a_length(size: int, status: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(size):
            yield b"x"

    async with client(BodyLimitMiddleware(ok, max_bytes=10)) as http:
        assert (await http.post("/x", content=b"x" * size)).status_code == status
        assert (await http.post("/x", content=chunks())).status_code == status


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("/API/Agents/AbC/", "/api/agents/AbC"),
        ("/api/agents", "/api/agents"),
        ("/", "/"),
        ("/api/wallets/So111AGENTS/RESET", "/api/wallets/So111AGENTS/RESET"),
        ("/api/agents//", "/api/agents/"),
    ],
)
async def test_only_fixed_segments_change(given: str, seen: str) -> None:
    async with client(PathMiddleware(ok, {"api", "agents"})) as http:
        assert (await http.get(given)).text.split()[0] == seen
