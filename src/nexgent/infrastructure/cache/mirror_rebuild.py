"""Make Redis equal to memory: write everything, remove what memory does not have, then mark it as filled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import orjson
from redis.asyncio import Redis

from nexgent.domain.ledger.share import LEADING, concerns
from nexgent.infrastructure.cache.codecs import encode_balance, encode_position, encode_price
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror_content import MirrorContent
from nexgent.infrastructure.cache.mirror_marks import MirrorMarks
from nexgent.infrastructure.cache.mirror_state import write_agent
from nexgent.infrastructure.cache.texts import as_text
from nexgent.infrastructure.cache.writes import WriteBatch
from nexgent.shared.shards import ALL_SHARDS
from nexgent.shared.types import AgentId

T = TypeVar("T")
Step = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]

_CHUNK = 100
# A member stands for a value that was written before it and is removed after it: one without a value is left over.
_TIDY = """
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    if redis.call('EXISTS', ARGV[1] .. id) == 0 then redis.call('SREM', KEYS[1], id) end
end
"""
_DEADLINE_SECONDS = 10.0


async def fill_redis(
    redis: Redis,
    keys: CacheKeys,
    content: MirrorContent,
    marks: MirrorMarks,
    shards: int = ALL_SHARDS,
    require: Callable[[], None] = lambda: None,
) -> None:
    """Write the content and remove stale keys of the same kinds; sessions, locks and the queue are left alone.

    Marked by shard, only what is of the `shards` is written and removed. The mark says "filling" at first and is set last, if
    nobody has taken it away meanwhile: a fill that breaks off half-way, or whose copies were dropped while it went on, is not
    mistaken for a complete one. Each step has a deadline. `require` is called before each and raises what keeps this process
    from writing. Raises that, and what redis raises.
    """

    async def step(command: Callable[[], Awaitable[T]]) -> T:
        require()
        return await _within_deadline(command())

    filling = await step(lambda: marks.begin(redis, shards))
    wanted: set[str] = set()
    for values in _values(keys, content):
        wanted.update(values)
        await step(partial(redis.mset, values))
    sets = _sets(keys, content)
    wanted.update(sets)
    for names in _chunks(list(sets)):
        pipeline = redis.pipeline(transaction=True)
        for name in names:
            if not marks.by_shard:
                pipeline.delete(name)
            if sets[name]:
                pipeline.sadd(name, *sets[name])
        await step(pipeline.execute)
    if marks.by_shard:
        await _remove_stale_of(redis, keys, wanted, shards, step)
    else:
        for pattern in keys.mirrored_patterns():
            async for names in _found(redis, pattern, step):
                if stale := [name for name in names if name not in wanted]:
                    await step(partial(redis.unlink, *stale))
    await step(lambda: marks.finish(redis, shards, filling))


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


async def _remove_stale_of(redis: Redis, keys: CacheKeys, wanted: set[str], shards: int, step: Step) -> None:
    """Remove what is of these shards and not wanted; what is of no agent at all goes with shard 0."""

    def is_ours(agent_id: str) -> bool:
        try:
            return concerns(shards, AgentId(UUID(agent_id)))
        except ValueError:
            return concerns(shards, None)

    async def remove(names: list[str]) -> None:
        if names:
            await step(partial(redis.unlink, *names))

    async for names in _found(redis, keys.pattern("position"), step):
        stale = [name for name in names if name not in wanted]
        values = await step(partial(redis.mget, stale)) if stale else []
        await remove([name for name, value in zip(stale, values, strict=True) if is_ours(_agent_of(value))])
    for kind in ("agent", "balance", "config"):
        start = len(f"{keys.prefix}{kind}:")
        async for names in _found(redis, keys.pattern(kind), step):
            stale = [name for name in names if name not in wanted]
            await remove([name for name in stale if is_ours(name[start:].partition(":")[0])])
    if shards & LEADING:
        async for names in _found(redis, keys.pattern("price"), step):
            await remove([name for name in names if name not in wanted])
    for pattern in (keys.pattern("agent", ":positions"), keys.pattern("token")):
        async for names in _found(redis, pattern, step):
            pipeline = redis.pipeline(transaction=False)
            for name in names:
                pipeline.eval(_TIDY, 1, name, keys.positions_begin)
            await step(pipeline.execute)
    members = await step(lambda: redis.smembers(keys.active_agents()))  # type: ignore[arg-type, return-value]
    active = {as_text(member) for member in members}
    gone = [one for one in active if is_ours(one) and f"{keys.prefix}config:{one}" not in wanted]
    if gone:
        await step(lambda: redis.srem(keys.active_agents(), *gone))  # type: ignore[arg-type, return-value]


def _agent_of(position: bytes | str | None) -> str:
    try:
        return str(orjson.loads(position or b"{}").get("agentId", ""))
    except (ValueError, AttributeError):
        return ""


async def _found(redis: Redis, pattern: str, step: Step) -> AsyncIterator[list[str]]:
    cursor = 0
    while True:
        cursor, found = await step(partial(redis.scan, cursor, match=pattern, count=1_000))
        names = [as_text(name) for name in found]
        if names:
            yield names
        if cursor == 0:
            return


async def _within_deadline(command: Awaitable[T]) -> T:
    async with asyncio.timeout(_DEADLINE_SECONDS):
        return await command


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
