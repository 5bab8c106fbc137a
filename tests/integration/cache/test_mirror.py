"""The mirror against a real Redis."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.ledger.events import EntriesRecorded
from nexgent.domain.ledger.share import LEADING
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import Position
from nexgent.domain.positions.views import open_position_json
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import PriceSource, TokenPrice
from nexgent.infrastructure.cache.connect import connect_redis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror import RedisMirror
from nexgent.infrastructure.cache.mirror_content import MirrorContent, MirroredEvent
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, is_in, shard_of
from nexgent.shared.types import PositionId, TokenAddress
from tests.builders import T0, a_position, an_agent
from tests.patience import PATIENCE_SECONDS

KEYS = CacheKeys()
TOKEN = TokenAddress("MixedCaseMint")


class Memory:
    """What an engine holds, and a mirror of it."""

    def __init__(self, redis: Redis, **fence: Any) -> None:
        self.agents: dict[object, Agent] = {}
        self.states: dict[object, WalletState] = {}
        self.positions: dict[object, Position] = {}
        self.prices: dict[object, TokenPrice] = {}
        self.mirror = RedisMirror(redis=redis, keys=KEYS, content=self.content, **fence)

    def content(self, shards: int) -> MirrorContent:
        return MirrorContent(
            states=[state for state in self.states.values() if is_in(shards, state.agent_id)],
            agents=[agent for agent in self.agents.values() if is_in(shards, agent.id)],
            positions=[
                (position, position.base_trail)
                for position in self.positions.values()
                if is_in(shards, position.agent_id)
            ],
            prices=list(self.prices.values()) if shards & LEADING else [],
        )

    def publish(self, event: MirroredEvent) -> None:
        match event:
            case AgentSaved(agent):
                self.agents[agent.id] = agent
            case AgentDeleted(agent_id):
                del self.agents[agent_id]
                self.states = {k: s for k, s in self.states.items() if s.agent_id != agent_id}
                self.positions = {k: p for k, p in self.positions.items() if p.agent_id != agent_id}
            case EntriesRecorded():
                self.states.update({state.wallet_address: state for state in event.states})
            case PositionOpened(position) | PositionUpdated(position):
                self.positions[position.id] = position
            case PositionClosed(position_id):
                del self.positions[position_id]
            case PricesChanged():
                self.prices.update({price.token_address: price for price in event.prices})
        self.mirror.on_event(event)

    def add_agent(self) -> Agent:
        agent = an_agent()
        self.publish(AgentSaved(agent))
        balance = Balance(SOL_MINT, "SOL", 9, 1_500_000_000, T0)
        state = WalletState(agent.wallets[0].address, agent.id, 1, {SOL_MINT: balance})
        self.publish(EntriesRecorded((), (state,), 1))
        return agent

    def open_position(self, agent: Agent) -> Position:
        position = a_position(
            id=PositionId(new_id()),
            agent_id=agent.id,
            wallet_address=agent.wallets[0].address,
            token_address=TOKEN,
        )
        self.publish(PositionOpened(position, position.base_trail))
        return position

    async def settled(self) -> None:
        assert await self.mirror.flush(10)


@asynccontextmanager
async def mirroring(redis: Redis, **fence: Any) -> AsyncIterator[Memory]:
    async with mirroring_of(Memory(redis, **fence)) as memory:
        yield memory


@asynccontextmanager
async def mirroring_of(memory: Memory) -> AsyncIterator[Memory]:
    running = asyncio.create_task(memory.mirror.run())
    # It takes what is published from its first turn on.
    await asyncio.sleep(0)
    try:
        yield memory
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def dump(redis: Redis) -> dict[str, Any]:
    """Return all copies as Python values."""
    found: dict[str, Any] = {}
    async for name in redis.scan_iter(match="nexgent:*"):
        key = name.decode()
        if key in (KEYS.mirror_boot(), KEYS.mirror_shards()):
            continue
        if await redis.type(name) == b"set":
            found[key] = {member.decode() for member in await redis.smembers(name)}  # type: ignore[misc]
        else:
            text = (await redis.get(name)).decode()
            found[key] = json.loads(text, parse_float=Decimal) if text.startswith("{") else text
    return found


async def test_events_are_written_through(redis: Redis) -> None:
    async with mirroring(redis) as memory:
        agent = memory.add_agent()
        position = memory.open_position(agent)
        price = TokenPrice(
            TOKEN, Decimal("0.000000000012345678901"), Decimal("1.5"), PriceSource("jupiter"), T0
        )
        memory.publish(PricesChanged((price,), T0))
        await memory.settled()
        found = await dump(redis)

    wallet = agent.wallets[0].address
    assert found[KEYS.active_agents()] == {str(agent.id)}
    assert found[KEYS.trading_mode(agent.id)] == "simulation"
    assert found[KEYS.automated_trading(agent.id, "live")] == "1"
    assert found[KEYS.config(agent.id)]["stopLoss"]["enabled"] is True
    assert found[KEYS.balance(agent.id, wallet, SOL_MINT)]["balance"] == "1.5"
    assert found[KEYS.position(position.id)] == json.loads(
        open_position_json(position, position.base_trail), parse_float=Decimal
    )
    assert found[KEYS.agent_positions(agent.id)] == found[KEYS.token_positions(TOKEN)] == {str(position.id)}
    assert found[KEYS.price(TOKEN)] == {
        "priceSol": Decimal("0.000000000012345678901"),
        "priceUsd": Decimal("1.5"),
        "lastUpdated": "2026-01-01T12:00:00.000Z",
    }


async def test_closing_and_deleting_leave_nothing(redis: Redis) -> None:
    async with mirroring(redis) as memory:
        agent = memory.add_agent()
        first, _ = memory.open_position(agent), memory.open_position(agent)
        await memory.settled()
        memory.publish(PositionClosed(first.id, agent.id, first.wallet_address, TOKEN, None))
        await memory.settled()
        assert KEYS.position(first.id) not in await dump(redis)
        memory.publish(AgentDeleted(agent.id))
        await memory.settled()

        assert await dump(redis) == {}


async def test_a_flushed_redis_is_filled_again(redis: Redis) -> None:
    async with mirroring(redis) as memory:
        agents = [memory.add_agent() for _ in range(250)]
        for agent in agents:
            memory.open_position(agent)
        await memory.settled()
        before = await dump(redis)
        assert len(before) == 250 * (1 + 1 + 2 + 1 + 1 + 1) + 2

        await redis.flushall()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await dump(redis) != before:
                await asyncio.sleep(0.01)


async def test_a_write_notices_a_flush_at_once(redis: Redis) -> None:
    async with mirroring(redis) as memory:
        agent = memory.add_agent()
        await memory.settled()
        await redis.flushall()
        memory.open_position(agent)
        await memory.settled()

        assert KEYS.config(agent.id) in await dump(redis)


async def test_a_start_removes_stale_copies_and_nothing_else(redis: Redis) -> None:
    foreign = {
        "nexgent:refresh_token:a": "u",
        "nexgent:blacklist:b": "1",
        "nexgent:lock:position:c": "t",
        "arq:job:d": "x",
        "other:position:e": "x",
    }
    await redis.mset(foreign)
    stale_id = new_id()
    await redis.mset(
        {f"nexgent:position:{stale_id}": "{}", "nexgent:price:old": "{}", "nexgent:config:x": "{}"}
    )
    await redis.sadd("nexgent:active_agents", "gone")  # type: ignore[misc]
    await redis.sadd("nexgent:token:old:positions", str(stale_id))  # type: ignore[misc]

    async with mirroring(redis) as memory:
        agent = memory.add_agent()
        await memory.settled()
        found = await dump(redis)

    assert await redis.mget(list(foreign)) == [value.encode() for value in foreign.values()]
    assert not {key for key in found if "old" in key or str(stale_id) in key or key == "nexgent:config:x"}
    assert found[KEYS.active_agents()] == {str(agent.id)}


async def test_newest_values_survive_a_redis_that_is_away(redis: Redis, redis_url: str) -> None:
    """All connections are cut again and again while events go on; in the end Redis equals memory."""
    client = connect_redis(redis_url, retries=0)
    async with mirroring(client) as memory:
        agent = memory.add_agent()
        position = memory.open_position(agent)
        for version in range(2, 300):
            position = replace(position, version=version, dca_count=version)
            memory.publish(PositionUpdated(position, position.base_trail))
            if version % 20 == 0:
                await redis.client_kill_filter(_type="normal", skipme=True)
            await asyncio.sleep(0.001)
        await memory.settled()
        found = await dump(redis)
    await client.aclose()

    assert found[KEYS.position(position.id)]["dcaCount"] == 299
    assert found[KEYS.active_agents()] == {str(agent.id)}


async def test_memory_stays_bounded_while_redis_is_away() -> None:
    client = connect_redis("unix:///nonexistent/redis.sock", retries=0)
    async with mirroring(client) as memory:
        agent = memory.add_agent()
        position = memory.open_position(agent)
        for version in range(2, 10_000):
            memory.publish(PositionUpdated(replace(position, version=version), position.base_trail))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while memory.mirror.reachable:
                await asyncio.sleep(0.01)

        assert memory.mirror.in_line < 2_100
        assert not await memory.mirror.flush(0.05)
    await client.aclose()


class Fence:
    """A lease that ends, and whoever knows it."""

    def __init__(self) -> None:
        self.in_time = True
        self.error: Exception | None = None
        self.asked = 0
        self.after = -1

    def may_write(self, _shards: int) -> bool:
        """Tell whether it has not ended; it does so after being looked at `after` times more."""
        self.after -= 1
        if self.after == 0:
            self.in_time = False
        return self.in_time

    async def confirm(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error


async def other_engine(redis: Redis) -> dict[str, Any]:
    """Have another engine fill Redis; return what is there then."""
    async with mirroring(redis) as other:
        other.add_agent()
        await other.settled()
        return await dump(redis)


async def test_an_engine_that_was_followed_while_it_stood_still_writes_nothing(redis: Redis) -> None:
    fence = Fence()
    async with mirroring(redis, may_write=fence.may_write, confirm=fence.confirm) as memory:
        memory.add_agent()
        await memory.settled()
        fence.in_time = False
        theirs = await other_engine(redis)

        memory.open_position(memory.add_agent())
        with pytest.raises(NotTheEngineError):
            await memory.mirror.step()
        memory.mirror.listen()
        with pytest.raises(NotTheEngineError):
            await memory.mirror.step()

        assert await dump(redis) == theirs
        # It has the lease again, and nobody else writes: what it missed is written.
        fence.in_time = True
        await memory.settled()
        assert len(await dump(redis)) > len(theirs)


async def test_an_engine_that_does_not_know_that_it_was_followed_asks_before_it_fills_redis(
    redis: Redis,
) -> None:
    fence = Fence()
    async with mirroring(redis, may_write=fence.may_write, confirm=fence.confirm) as memory:
        memory.add_agent()
        await memory.settled()
        assert fence.asked == 1
        fence.error = NotTheEngineError()
        theirs = await other_engine(redis)

        memory.mirror.listen()
        with pytest.raises(NotTheEngineError):
            await memory.mirror.step()

        assert await dump(redis) == theirs


async def test_a_fill_ends_where_the_lease_does(redis: Redis) -> None:
    fence = Fence()
    memory = Memory(redis, may_write=fence.may_write, confirm=fence.confirm)
    for _ in range(250):
        memory.open_position(memory.add_agent())
    fence.after = 6

    memory.mirror.listen()
    with pytest.raises(NotTheEngineError):
        await memory.mirror.step()

    found = await dump(redis)
    assert found
    assert not any(key.startswith("nexgent:balance:") for key in found)


async def test_redis_is_filled_while_nobody_can_say_who_the_engine_is(redis: Redis) -> None:
    fence = Fence()
    fence.error = UnavailableError("the database is away")
    async with mirroring(redis, may_write=fence.may_write, confirm=fence.confirm) as memory:
        agent = memory.add_agent()
        await memory.settled()
        assert KEYS.config(agent.id) in await dump(redis)


async def test_what_was_missed_while_another_process_was_the_engine_is_written_afterwards(
    redis: Redis,
) -> None:
    memory = Memory(redis)
    for _ in range(2):
        running = asyncio.create_task(memory.mirror.run())
        await asyncio.sleep(0)
        await memory.settled()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        agent = memory.add_agent()
        assert memory.mirror.in_line == 0
        assert await memory.mirror.flush(PATIENCE_SECONDS), "nobody waits for what nobody writes"
    assert KEYS.config(agent.id) not in await dump(redis)

    async with mirroring_of(memory):
        await memory.settled()
        found = await dump(redis)
        assert len(memory.agents) == 2
        assert all(KEYS.config(one.id) in found for one in memory.agents.values())


class Share:
    """The shards one of two engines has."""

    def __init__(self, shards: int) -> None:
        self.shards = shards

    def __call__(self) -> int:
        return self.shards


@asynccontextmanager
async def two_engines(redis: Redis, shards: int) -> AsyncIterator[tuple[Memory, Share, Memory, Share]]:
    """Two engines that share the work: the first one has some shards, the second one the others."""
    mine, theirs = Share(shards), Share(ALL_SHARDS & ~shards)
    async with mirroring(redis, shards=mine) as first, mirroring(redis, shards=theirs) as second:
        yield first, mine, second, theirs


def both_hear(event: MirroredEvent, *memories: Memory) -> None:
    for memory in memories:
        memory.publish(event)


def everybody(first: Memory, second: Memory, count: int) -> dict[int, Agent]:
    """Have both engines know agents with a position each; return them by shard, one of each."""
    agents = {}
    for _ in range(count):
        agent = first.add_agent()
        position = first.open_position(agent)
        both_hear(AgentSaved(agent), second)
        both_hear(EntriesRecorded((), (first.states[agent.wallets[0].address],), 1), second)
        both_hear(PositionOpened(position, position.base_trail), second)
        agents[shard_of(agent.id)] = agent
    return agents


async def test_each_of_two_engines_writes_what_is_of_its_shards_and_both_together_everything(
    redis: Redis,
) -> None:
    low = (1 << 32) - 1
    async with two_engines(redis, low) as (first, _, second, _):
        agents = everybody(first, second, 120)
        both_hear(
            PricesChanged((TokenPrice(TOKEN, Decimal(1), None, PriceSource("jupiter"), T0),), T0),
            first,
            second,
        )
        await first.settled()
        await second.settled()
        shared = await dump(redis)
        written = dict(await redis.hgetall(KEYS.mirror_shards()))  # type: ignore[misc]
        # An event about somebody of the other engine's is not written here.
        agent = next(agent for number, agent in agents.items() if number >= 32)
        await redis.delete(KEYS.config(agent.id))
        first.publish(AgentSaved(agent))
        await first.settled()
        assert KEYS.config(agent.id) not in await dump(redis)
        second.publish(AgentSaved(agent))
        await second.settled()
        assert KEYS.config(agent.id) in await dump(redis)

    assert len(written) == 64
    assert len({written[str(number).encode()] for number in range(32)}) == 1
    assert len(set(written.values())) == 2
    await redis.flushall()
    async with mirroring_of(first_alone := Memory(redis)):
        for agent_ in first.agents.values():
            first_alone.publish(AgentSaved(agent_))
        first_alone.publish(EntriesRecorded((), tuple(first.states.values()), 1))
        for position in first.positions.values():
            first_alone.publish(PositionOpened(position, position.base_trail))
        first_alone.publish(PricesChanged(tuple(first.prices.values()), T0))
        await first_alone.settled()
        assert shared == await dump(redis)


async def test_shards_that_move_are_filled_anew_by_whoever_has_them_next(redis: Redis) -> None:
    low = (1 << 32) - 1
    async with two_engines(redis, low) as (first, mine, second, theirs):
        agents = everybody(first, second, 60)
        await first.settled()
        await second.settled()
        number, agent = next((number, agent) for number, agent in agents.items() if number < 32)
        # What the first one has not written yet when it leaves is not written any more.
        mine.shards &= ~(1 << number)
        first.publish(AgentSaved(agent))
        await first.mirror.leave(1 << number)
        position = next(one for one in first.positions.values() if one.agent_id == agent.id)
        both_hear(PositionClosed(position.id, agent.id, position.wallet_address, TOKEN, None), first, second)
        await first.settled()
        assert KEYS.position(position.id) in await dump(redis), "nobody has it at this moment"

        theirs.shards |= 1 << number
        second.mirror.shards_changed()
        await second.settled()

        found = await dump(redis)
        assert KEYS.position(position.id) not in found
        assert KEYS.agent_positions(agent.id) not in found
        assert str(position.id) not in found[KEYS.token_positions(TOKEN)]
        others = {str(one.id) for one in second.positions.values()}
        assert found[KEYS.token_positions(TOKEN)] == others
        assert found[KEYS.active_agents()] == {str(one.id) for one in second.agents.values()}


async def test_what_others_left_behind_goes_with_whoever_has_the_shard(redis: Redis) -> None:
    low = (1 << 32) - 1
    gone = [an_agent() for _ in range(40)]
    position = a_position(id=PositionId(new_id()), agent_id=gone[0].id, token_address=TOKEN)
    for agent in gone:
        await redis.set(KEYS.config(agent.id), "{}")
        await redis.sadd(KEYS.active_agents(), str(agent.id))  # type: ignore[misc]
    await redis.set(KEYS.position(position.id), open_position_json(position, position.base_trail))
    await redis.sadd(KEYS.token_positions(TOKEN), str(position.id))  # type: ignore[misc]
    await redis.set(KEYS.price(TokenAddress("nobody's")), "{}")
    await redis.set("nexgent:config:x", "{}")

    async with two_engines(redis, low) as (first, _, second, theirs):
        theirs.shards = NO_SHARDS
        await first.settled()
        left = await dump(redis)
        assert {key for key in left if key.startswith("nexgent:config:")} == {
            KEYS.config(agent.id) for agent in gone if shard_of(agent.id) >= 32
        }
        assert KEYS.price(TokenAddress("nobody's")) not in left

        theirs.shards = ALL_SHARDS & ~low
        second.mirror.shards_changed()
        await second.settled()
        assert await dump(redis) == {}


async def test_a_flushed_redis_is_filled_again_by_both_engines(redis: Redis) -> None:
    async with two_engines(redis, (1 << 20) - 1) as (first, _, second, _):
        everybody(first, second, 80)
        await first.settled()
        await second.settled()
        before = await dump(redis)

        await redis.flushall()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await dump(redis) != before:
                await asyncio.sleep(0.01)
            while await redis.hlen(KEYS.mirror_shards()) != 64:  # type: ignore[misc]
                await asyncio.sleep(0.01)


async def test_an_engine_whose_row_has_lost_a_shard_does_not_write_for_it(redis: Redis) -> None:
    """The row in the database is what counts, not what the process believes to have."""
    row = Share(ALL_SHARDS)
    mine = Share(ALL_SHARDS)
    async with mirroring(redis, shards=mine, may_write=lambda shards: not shards & ~row.shards) as memory:
        agent = memory.add_agent()
        await memory.settled()
        row.shards &= ~(1 << shard_of(agent.id))
        memory.open_position(agent)
        with pytest.raises(NotTheEngineError):
            await memory.mirror.step()
        assert not any(key.startswith("nexgent:position:") for key in await dump(redis))
