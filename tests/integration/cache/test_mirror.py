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

    def content(self) -> MirrorContent:
        return MirrorContent(
            states=list(self.states.values()),
            agents=list(self.agents.values()),
            positions=[(position, position.base_trail) for position in self.positions.values()],
            prices=list(self.prices.values()),
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
        if key == KEYS.mirror_boot():
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

    def may_write(self) -> bool:
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
