"""Make Redis equal to memory: write everything, remove what memory does not have, then mark it as filled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar
from uuid import uuid4

from redis.asyncio import Redis

from nexgent.infrastructure.cache.codecs import encode_balance, encode_position, encode_price
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror_content import MirrorContent
from nexgent.infrastructure.cache.mirror_state import write_agent
from nexgent.infrastructure.cache.writes import WriteBatch

T = TypeVar("T")

FILLING = "filling:"
_CHUNK = 100
_FINISH = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end"
_DEADLINE_SECONDS = 10.0


async def fill_redis(
    redis: Redis,
    keys: CacheKeys,
    content: MirrorContent,
    boot_id: str,
    require: Callable[[], None] = lambda: None,
) -> None:
    """Write the content and remove stale keys of the same kinds; sessions, locks and the queue are left alone.

    The mark says "filling" at first and is set last, if nobody has taken it away meanwhile: a fill that breaks off half-way,
    or whose copies were dropped while it went on, is not mistaken for a complete one. Each step has a deadline. `require` is
    called before each and raises what keeps this process from writing. Raises that, and what redis raises.
    """

    async def step(command: Callable[[], Awaitable[T]]) -> T:
        require()
        return await _within_deadline(command())

    filling = f"{FILLING}{uuid4().hex}"
    await step(lambda: redis.set(keys.mirror_boot(), filling))
    sets = _sets(keys, content)
    wanted = set(sets)
    for names in _chunks(list(sets)):
        pipeline = redis.pipeline(transaction=True)
        for name in names:
            pipeline.delete(name)
            if sets[name]:
                pipeline.sadd(name, *sets[name])
        await step(pipeline.execute)
    for values in _values(keys, content):
        wanted.update(values)
        await step(partial(redis.mset, values))
    for pattern in keys.mirrored_patterns():
        await _remove_others(redis, pattern, wanted, require)
    finish = redis.register_script(_FINISH)
    await step(lambda: finish(keys=[keys.mirror_boot()], args=[filling, boot_id]))


def _sets(keys: CacheKeys, content: MirrorContent) -> dict[str, set[str]]:
    sets: dict[str, set[str]] = {keys.active_agents(): {str(agent.id) for agent in content.agents}}
    for position, _ in content.positions:
        for name in (keys.agent_positions(position.agent_id), keys.token_positions(position.token_address)):
            sets.setdefault(name, set()).add(str(position.id))
    return sets


def _values(keys: CacheKeys, content: MirrorContent) -> Iterator[dict[str, bytes]]:
    """Encode chunk by chunk: the loop gets its turn while each one is sent."""
    for agents in _chunks(content.agents):
        batch = WriteBatch()
        for agent in agents:
            write_agent(agent, keys, batch)
        yield batch.values
    for states in _chunks(content.states):
        balances = {
            keys.balance(state.agent_id, state.wallet_address, mint): encode_balance(
                state.agent_id, state.wallet_address, balance
            )
            for state in states
            for mint, balance in state.balances.items()
            if balance.amount_raw
        }
        if balances:
            yield balances
    for positions in _chunks(content.positions):
        yield {keys.position(position.id): encode_position(position, mark) for position, mark in positions}
    for prices in _chunks(content.prices):
        yield {keys.price(price.token_address): encode_price(price) for price in prices}


async def _remove_others(redis: Redis, pattern: str, wanted: set[str], require: Callable[[], None]) -> None:
    cursor = 0
    while True:
        require()
        cursor, found = await _within_deadline(redis.scan(cursor, match=pattern, count=1_000))
        names = [name.decode() if isinstance(name, bytes) else name for name in found]
        stale = [name for name in names if name not in wanted]
        if stale:
            require()
            await _within_deadline(redis.unlink(*stale))
        if cursor == 0:
            return


async def _within_deadline(command: Awaitable[T]) -> T:
    async with asyncio.timeout(_DEADLINE_SECONDS):
        return await command


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
