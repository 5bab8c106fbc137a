"""Clients of a real Redis."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from nexgent.infrastructure.cache.connect import InvalidRedisUrlError, connect_redis
from tests.patience import PATIENCE_SECONDS


async def test_more_callers_than_connections_wait_for_their_turn(redis: Redis, redis_url: str) -> None:
    client = connect_redis(redis_url, max_connections=2)
    assert sorted(await asyncio.gather(*(client.incr("n") for _ in range(200)))) == list(range(1, 201))
    await client.aclose()


async def test_cut_connections_are_replaced_without_the_caller_noticing(redis: Redis, redis_url: str) -> None:
    client = connect_redis(redis_url, max_connections=4)
    for round_number in range(10):
        await asyncio.gather(*(client.set(f"k{i}", round_number) for i in range(8)))
        await redis.client_kill_filter(_type="normal", skipme=True)
    assert await client.get("k3") == b"9"
    await client.aclose()


async def test_a_redis_that_is_away_is_an_error_soon() -> None:
    client = connect_redis("unix:///nonexistent/redis.sock")
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(RedisConnectionError):
            await client.get("k")
    await client.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://:secret@host",
        "redis://:secret@host:port/0",
        "redis://:secret@h:1/x?db=y",
    ],
)
def test_a_bad_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidRedisUrlError) as error:
        connect_redis(url)
    assert "secret" not in str(error.value)
