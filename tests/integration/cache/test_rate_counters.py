"""Counters of requests in the real Redis."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.rate_counters import (
    AWAY_SECONDS,
    CountersUnavailableError,
    RedisCounters,
)
from nexgent.shared.clock import SystemClock
from tests.fakes.clock import FakeClock


async def test_processes_share_a_window_that_ends_by_itself(
    redis: Redis, request_redis: ImpatientRedis
) -> None:
    one, two = (RedisCounters(request_redis, "t:", SystemClock()) for _ in range(2))

    hits = await asyncio.gather(*(counters.hit("login", 60) for counters in (one, two) for _ in range(10)))

    assert sorted(count for count, _ in hits) == list(range(1, 21))
    assert all(0 < left <= 60 for _, left in hits)
    assert await one.hit("other", 60) == (1, 60.0)
    assert sorted(await redis.keys("*")) == [b"t:ratelimit:login", b"t:ratelimit:other"]
    await redis.pexpire("t:ratelimit:login", 1)
    while await redis.exists("t:ratelimit:login"):
        await asyncio.sleep(0.001)
    assert (await two.hit("login", 60))[0] == 1


async def test_many_are_counted_in_one_go_and_a_counter_without_an_end_gets_one(
    redis: Redis, request_redis: ImpatientRedis
) -> None:
    counters = RedisCounters(request_redis, "t:", SystemClock())
    await redis.set("t:ratelimit:old", 3)
    names = {f"n{number}": (number, 60) for number in range(1200)}

    found = await counters.add({**names, "old": (2, 60)})

    assert {name: count for name, (count, _) in found.items()} == {
        **{name: count for name, (count, _) in names.items()},
        "old": 5,
    }
    assert await redis.pttl("t:ratelimit:old") > 0


async def test_an_absent_server_is_told_at_once(absent_redis: ImpatientRedis) -> None:
    clock = FakeClock()
    counters = RedisCounters(absent_redis, "t:", clock)
    with pytest.raises(CountersUnavailableError) as tried:
        await counters.hit("login", 60)
    with pytest.raises(CountersUnavailableError) as spared:
        await counters.hit("login", 60)
    clock.advance(AWAY_SECONDS)
    with pytest.raises(CountersUnavailableError) as tried_again:
        await counters.hit("login", 60)
    # In between nobody waited for it.
    causes = [raised.value.__cause__ for raised in (tried, spared, tried_again)]
    assert [cause is not None for cause in causes] == [True, False, True]
