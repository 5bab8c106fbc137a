"""Dropping and making copies in the real Redis; everything else stays."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from nexgent.infrastructure.cache import admin
from nexgent.infrastructure.cache.admin import CacheUnavailableError, RedisCopies
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror import RedisMirror
from nexgent.infrastructure.cache.mirror_content import MirrorContent
from nexgent.shared.clock import SystemClock
from tests.builders import an_agent
from tests.fakes.engine import FakeEngine
from tests.patience import PATIENCE_SECONDS

KEYS = CacheKeys("t:")
OTHERS = (
    "t:refresh_token:x",
    "t:blacklist:x",
    "t:lock:x",
    "t:idempotency:x",
    "t:ratelimit:x",
    "arq:queue",
    "position:x",
)


async def a_mirror(redis: Redis) -> tuple[RedisMirror, MirrorContent]:
    engine = FakeEngine()
    agents = [await engine.add_agent(an_agent()) for _ in range(3)]
    await engine.buy(agents)
    held = [(one.position, one.trail) for one in engine.book.all()]
    content = MirrorContent(states=list(engine.ledger.states()), agents=agents, positions=held, prices=[])
    return RedisMirror(redis=redis, keys=KEYS, content=lambda _: content), content


async def test_copies_are_counted_dropped_and_written_again(
    redis: Redis, request_redis: ImpatientRedis
) -> None:
    mirror, content = await a_mirror(redis)
    for name in OTHERS:
        await redis.set(name, "kept")
    copies = RedisCopies(request_redis, KEYS, SystemClock())
    running = asyncio.create_task(mirror.run())
    try:
        full = await copies.warm()
        assert (full.positions, full.configs, full.agents, full.active_agents) == (3, 3, 3, 3)
        assert full.balances == sum(len(state.balances) for state in content.states)
        assert copies.prefix == "t:"
        cleared = await copies.clear()
        assert cleared >= full.positions + full.balances + full.configs
        # They come back by themselves, because whoever writes them has noticed.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await copies.counts() != full:
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
    for name in OTHERS:
        assert await redis.get(name) == b"kept"


async def test_without_anybody_to_write_them_it_says_so(
    request_redis: ImpatientRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "PATIENCE_SECONDS", 0.05)

    with pytest.raises(CacheUnavailableError, match="a process running that trades"):
        await RedisCopies(request_redis, KEYS, SystemClock()).warm()


async def test_an_absent_redis_is_told(absent_redis: ImpatientRedis) -> None:
    copies = RedisCopies(absent_redis, KEYS, SystemClock())

    for act in (copies.counts, copies.clear, copies.warm):
        with pytest.raises(CacheUnavailableError):
            await act()


async def test_dropping_copies_while_they_are_written_leaves_none_missing(
    redis: Redis, request_redis: ImpatientRedis
) -> None:
    mirror, _ = await a_mirror(redis)
    copies = RedisCopies(request_redis, KEYS, SystemClock())
    mirror.listen()
    await mirror.step()
    full = await copies.counts()
    finish = redis.register_script

    # Somebody empties the cache at the worst moment: when all is written and only the mark is missing.
    def interrupted(script: str) -> object:
        redis.register_script = finish  # type: ignore[method-assign]
        real = finish(script)

        async def run(keys: list[str], args: list[str]) -> None:
            await copies.clear()
            await real(keys, args)

        return run

    redis.register_script = interrupted  # type: ignore[method-assign,assignment]
    mirror.listen()
    await mirror.step()
    assert await copies.counts() != full
    running = asyncio.create_task(mirror.run())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await copies.counts() != full:
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
