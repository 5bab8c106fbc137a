"""Headers, addresses, bodies, time and connections without end."""

from __future__ import annotations

import asyncio
import resource
import time
from typing import Any

import pytest

from tests.integration.server.conftest import DEADLINE_SECONDS, Raw, Site, request

SHORT = 0.3
HEADER_LIMIT = 64 * 1024


async def flood(raw: Raw, piece: bytes, most: int = 64 * 2**20) -> int:
    """Send until the server ends it; return how much was sent."""
    sent = 0
    try:
        while sent < most:
            raw.writer.write(piece)
            await asyncio.wait_for(raw.writer.drain(), DEADLINE_SECONDS)
            sent += len(piece)
    except (ConnectionError, TimeoutError):
        pass
    return sent


async def test_usual_requests_are_answered_on_one_connection() -> None:
    site = Site()
    async with site.serve():
        raw = await site.connect()
        assert await raw.get() == (200, "0")
        await raw.send(request("/", "Content-Length: 5", method="POST") + b"12")
        await raw.send(b"345")
        assert await raw.answer() == (200, "5")
        await raw.send(request("/?" + "q" * 8000, "Cookie: " + "c" * 40_000))
        assert await raw.answer() == (200, "0")
        # Three at once are answered in order.
        await raw.send(request() + request("/", "Content-Length: 2", method="POST") + b"12" + request())
        assert [await raw.answer() for _ in range(3)] == [(200, "0"), (200, "2"), (200, "0")]
        raw.close()
    assert not site.refused


@pytest.mark.parametrize(
    ("start", "piece", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: ", b"x" * 65_536, 431),
        (b"GET / HTTP/1.1\r\n" + b"X" * 100, b"x" * 65_536, 431),
        (b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 5000, 431),
        (b"GET /", b"u" * 65_536, 414),
    ],
    ids=["value", "name", "count", "address"],
)
async def test_a_head_without_end_is_refused_and_not_kept(start: bytes, piece: bytes, status: int) -> None:
    site = Site()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with site.serve():
        raw = await site.connect()
        await raw.send(start)
        answer = asyncio.create_task(raw.answer())
        await flood(raw, piece)
        assert (await answer)[0] == status
        assert await raw.ended()
    assert site.answered == 0
    # Client and server are one process here; without a limit this is beyond 64 MiB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 48 * 1024


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (request("/", "X: " + "x" * HEADER_LIMIT), 431),
        (request("/", *[f"X-{n}: y" for n in range(100)]), 431),
        (request("/" + "u" * 16_384), 414),
        (request("/", "X: " + "x" * (HEADER_LIMIT - 100)), 200),
        (request("/", *[f"X-{n}: y" for n in range(99)]), 200),
        (request("/" + "u" * 16_383), 200),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_the_limits_are_exact_for_a_complete_head(head: bytes, status: int) -> None:
    site = Site()
    async with site.serve():
        raw = await site.connect()
        await raw.send(head)
        assert (await raw.answer())[0] == status
        raw.close()


async def test_a_large_body_before_a_request_in_the_same_packet_is_no_header() -> None:
    site = Site()
    async with site.serve():
        raw = await site.connect()
        body = b"b" * 200_000
        await raw.send(request("/", f"Content-Length: {len(body)}", method="POST") + body + request())
        assert [await raw.answer(), await raw.answer()] == [(200, "200000"), (200, "0")]
        raw.close()


async def test_trailers_without_end_are_refused() -> None:
    site = Site(raw_body_bytes=1024 * 1024)
    async with site.serve():
        raw = await site.connect()
        await raw.send(request("/", "Transfer-Encoding: chunked", method="POST") + b"0\r\n")
        answer = asyncio.create_task(raw.answer())
        await flood(raw, b"t: " + b"x" * 65_536)
        assert (await answer)[0] == 413
        raw = await site.connect()
        await raw.send(request("/", "Transfer-Encoding: chunked", method="POST") + b"0\r\n")
        await raw.send(b"t: x\r\n" * 200)
        assert (await raw.answer())[0] == 431


async def test_more_requests_at_once_than_may_wait_end_the_connection() -> None:
    site = Site()
    async with site.serve():
        raw = await site.connect()
        await raw.send(request("/wait") * 200)
        assert await raw.ended()
        assert site.refused["too_many_requests"] == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (b"", 0),
        (b"\r\n", 0),
        (b"GET / HT", 408),
        (request()[:-2] + b"X: y", 408),
        (request("/", "Content-Length: 5", method="POST") + b"1", 408),
    ],
    ids=["nothing", "blank", "line", "headers", "body"],
)
async def test_who_does_not_go_on_is_ended(given: bytes, status: int) -> None:
    site = Site(header_seconds=SHORT, body_seconds=SHORT)
    async with site.serve():
        raw = await site.connect()
        await raw.send(given)
        assert (await raw.answer())[0] == status
        assert await raw.ended()


async def test_a_byte_now_and_then_does_not_help() -> None:
    site = Site(header_seconds=1.0, body_seconds=1.0)
    async with site.serve():
        for start in (b"GET / HTTP/1.1\r\nX: ", request("/", "Content-Length: 999999", method="POST")):
            raw = await site.connect()
            await raw.send(start)
            answer = asyncio.create_task(raw.answer())
            began = time.monotonic()
            while not answer.done() and time.monotonic() - began < DEADLINE_SECONDS:
                await raw.send(b"x")
                await asyncio.sleep(0.05)
            assert (await answer)[0] == 408


async def test_a_body_that_was_answered_early_has_to_end_too() -> None:
    site = Site(body_seconds=SHORT)
    async with site.serve():
        raw = await site.connect()
        await raw.send(request("/early", "Content-Length: 1000000", method="POST"))
        assert await raw.answer() == (200, "0")
        # No second answer.
        assert await raw.answer() == (0, "")


async def test_idle_and_unread_connections_end() -> None:
    site = Site(keep_alive_seconds=SHORT, send_seconds=SHORT)
    async with site.serve():
        raw = await site.connect()
        assert await raw.get() == (200, "0")
        assert await raw.ended()
        unread = await site.connect()
        await unread.send(request("/big"))
        await asyncio.wait_for(_until(lambda: site.refused["send_seconds"] == 1), DEADLINE_SECONDS)


async def test_a_slow_answer_of_ours_is_nobodys_fault() -> None:
    site = Site(header_seconds=SHORT, body_seconds=SHORT, keep_alive_seconds=SHORT)
    async with site.serve():
        raw = await site.connect()
        await raw.send(request("/wait"))
        other = await site.connect()
        assert await other.ended()
        site.go_on.set()
        assert await raw.answer() == (200, "0")


async def test_a_thousand_idle_connections_keep_nobody_out() -> None:
    site = Site(connections=200, connections_per_address=150)
    async with site.serve():
        idle = [await site.connect("127.0.0.2") for _ in range(400)]
        idle += [await site.connect(f"127.0.0.{3 + n % 5}") for n in range(600)]
        for address in ("127.0.0.1", "127.0.0.2"):
            raw = await site.connect(address)
            assert await raw.get() == (200, "0")
            raw.close()
        assert len(site.connections) <= 250
        for raw in idle:
            raw.close()


async def test_health_is_answered_when_all_are_busy() -> None:
    site = Site(connections=20, connections_per_address=10, reserve=4)
    async with site.serve():
        busy = [await site.connect(f"127.0.0.{2 + n % 2}") for n in range(20)]
        for raw in busy:
            await raw.send(request("/wait"))
        # The reserve, too, is full of connections that only wait.
        waiting = [await site.connect("127.0.0.9") for _ in range(12)]
        probe = await site.connect()
        assert await probe.get("/api/v1/health/live") == (200, "0")
        assert await probe.ended()
        other = await site.connect()
        status, text = await other.get("/api/v1/agents")
        assert status == 503
        assert "TOO_MANY_CONNECTIONS" in text
        site.go_on.set()
        assert [await raw.answer() for raw in busy] == [(200, "0")] * 20
        for raw in (*busy, *waiting):
            raw.close()
        await asyncio.wait_for(_until(lambda: len(site.connections) == 0), DEADLINE_SECONDS)
        raw = await site.connect()
        assert await raw.get() == (200, "0")


async def _until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.01)
