"""The client of requests, and a real server that is stopped in the middle of its work."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from nexgent.infrastructure.cache.connect import REDIS_OUTAGES
from nexgent.infrastructure.cache.impatient import ImpatientRedis, RedisAwayError, connect_for_requests
from nexgent.infrastructure.embedded import EmbeddedServers
from nexgent.shared.clock import SystemClock
from tests.fakes.clock import FakeClock

PATIENCE_SECONDS = 0.3
AWAY_SECONDS = 5.0


@pytest.fixture
async def own_server() -> AsyncIterator[str]:
    """The address of a server that may be stopped."""
    with tempfile.TemporaryDirectory(prefix="nexgent-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        servers = EmbeddedServers(Path(folder) / "data", postgres=False)
        await servers.start()
        try:
            yield servers.redis_url
        finally:
            await servers.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def client(own_server: str, clock: FakeClock) -> AsyncIterator[ImpatientRedis]:
    made = connect_for_requests(
        own_server, clock, patience_seconds=PATIENCE_SECONDS, away_seconds=AWAY_SECONDS
    )
    yield made
    await made.aclose()


@pytest.fixture
async def process(own_server: str) -> AsyncIterator[int]:
    """The server's process, which goes on at the end whatever happened."""
    redis: Redis = Redis.from_url(own_server)
    number = int((await redis.info("server"))["process_id"])
    await redis.aclose()
    yield number
    os.kill(number, signal.SIGCONT)


async def pipelined(client: ImpatientRedis) -> list[bytes]:
    pipeline = client.pipeline()
    pipeline.get("k")
    return await pipeline.execute()


async def test_a_frozen_server_costs_one_deadline_and_then_nothing(
    client: ImpatientRedis, process: int, clock: FakeClock
) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await client.set("k", "before")
                break
            except REDIS_OUTAGES:
                # A busy machine, not a frozen server.
                clock.advance(AWAY_SECONDS)
    os.kill(process, signal.SIGSTOP)

    started = time.monotonic()
    with pytest.raises(REDIS_OUTAGES) as first:
        await client.get("k")
    assert not isinstance(first.value, RedisAwayError)
    assert time.monotonic() - started >= PATIENCE_SECONDS
    # Nobody waits now: a thousand waits would take five minutes.
    async with asyncio.timeout(30):
        for _ in range(500):
            with pytest.raises(RedisAwayError):
                await client.get("k")
            with pytest.raises(RedisAwayError):
                await pipelined(client)

    # When it is time again one tries, and the others do not wait for it.
    clock.advance(AWAY_SECONDS)
    results = await asyncio.gather(*(client.get("k") for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, RedisAwayError) for result in results) == 19

    os.kill(process, signal.SIGCONT)
    async with asyncio.timeout(30):
        while True:
            clock.advance(AWAY_SECONDS)
            try:
                assert await client.get("k") == b"before"
                break
            except REDIS_OUTAGES:
                continue
    assert await asyncio.gather(*(client.get("k") for _ in range(20))) == [b"before"] * 20


async def test_an_error_is_an_answer(request_redis: ImpatientRedis) -> None:
    await request_redis.set("text", "x")
    with pytest.raises(ResponseError):
        await request_redis.incr("text")

    assert await request_redis.get("text") == b"x"


async def test_a_caller_that_gives_up_leaves_the_next_one_its_turn(
    client: ImpatientRedis, process: int, clock: FakeClock
) -> None:
    os.kill(process, signal.SIGSTOP)
    with pytest.raises(REDIS_OUTAGES):
        await client.get("k")
    clock.advance(AWAY_SECONDS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS / 10):
            await client.get("k")

    with pytest.raises(REDIS_OUTAGES) as second:
        await client.get("k")

    assert not isinstance(second.value, RedisAwayError)


async def test_cut_connections_are_replaced_without_the_caller_noticing(
    redis: Redis, request_redis: ImpatientRedis
) -> None:
    for number in range(10):
        await request_redis.set("k", number)
        await redis.client_kill_filter(_type="normal", skipme=True)
    assert await pipelined(request_redis) == [b"9"]


async def test_scripts_and_scans_pass_the_breaker_too(absent_redis: ImpatientRedis) -> None:
    with pytest.raises(RedisConnectionError):
        await absent_redis.register_script("return 1")()
    with pytest.raises(RedisAwayError):
        await absent_redis.register_script("return 1")()
    with pytest.raises(RedisAwayError):
        [name async for name in absent_redis.scan_iter()]


async def test_commands_at_once_share_the_connections(redis_url: str) -> None:
    client = connect_for_requests(redis_url, SystemClock(), patience_seconds=30)
    assert sorted(await asyncio.gather(*(client.incr("n") for _ in range(200)))) == list(range(1, 201))
    await client.aclose()
