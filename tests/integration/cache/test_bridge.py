"""Events between two processes over a real Redis."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from nexgent.domain.administration.events import LogLevelChanged
from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import CloseReason, PendingExit
from nexgent.domain.prices.events import HeldToken, PricesChanged, SolPriceSaid, TokensDoubted, TokensHeld
from nexgent.domain.prices.models import PriceSource, SolPrice
from nexgent.domain.protections.events import KillSwitchChanged, ProtectionsReset
from nexgent.domain.protections.models import KillSwitch
from nexgent.domain.signals.events import SignalReceived
from nexgent.domain.users.events import TokenRevoked
from nexgent.infrastructure.cache.bridge import (
    CHANNELS,
    BridgedEvent,
    EventBridge,
    decode_event,
    encode_event,
)
from nexgent.infrastructure.cache.connect import connect_redis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.shared.events import EventBus
from nexgent.shared.ids import new_id
from nexgent.shared.shards import ALL_SHARDS, shard_of
from nexgent.shared.trace_context import TraceContext
from nexgent.shared.types import AgentId, PositionId, TokenAddress, UserId, WalletAddress
from tests.builders import a_position, a_price, a_signal, an_agent
from tests.fakes.clock import FakeClock
from tests.patience import PATIENCE_SECONDS

T0 = datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
POSITION = a_position(pending_exit=PendingExit(CloseReason.STALE_TRADE, 2, T0))
PRICE = a_price(
    Decimal("1.2345678901234567890E-11"), T0, TokenAddress("MixedCase"), source=PriceSource("jupiter")
)
SIGNAL = a_signal(
    5, token_address=TokenAddress("MixedCase"), symbol=None, activation_reason="ünïcode", created_at=T0
)
TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)
EVENTS: list[BridgedEvent] = [
    PositionOpened(POSITION, POSITION.base_trail),
    PositionUpdated(POSITION, POSITION.base_trail),
    PositionClosed(
        POSITION.id, POSITION.agent_id, POSITION.wallet_address, POSITION.token_address, CloseReason.STOP_LOSS
    ),
    PricesChanged([PRICE], T0),
    AgentSaved(an_agent()),
    AgentDeleted(POSITION.agent_id),
    SignalReceived(SIGNAL, 12.5, TRACE),
    TokensDoubted([TokenAddress("MixedCase")], T0),
    SolPriceSaid(SolPrice(Decimal("142.125"), T0, PriceSource("pyth"))),
    TokensHeld("an-engine", [HeldToken(TokenAddress("MixedCase"), Decimal("1.5E-9"), T0)], True),
    KillSwitchChanged(KillSwitch(user_id=None, engaged=True, reason="because", changed_at=T0, flatten=True)),
    KillSwitchChanged(
        KillSwitch(
            user_id=UserId(POSITION.agent_id),
            engaged=False,
            reason=None,
            changed_at=T0,
            changed_by=UserId(POSITION.agent_id),
        )
    ),
    ProtectionsReset(POSITION.agent_id, T0),
    TokenRevoked("a-token", 1_767_225_600),
    LogLevelChanged("debug", "nexgent.domain.prices"),
    LogLevelChanged(None),
]


class Process:
    """A bus with a bridge on it."""

    def __init__(self, redis: Redis) -> None:
        self.bus = EventBus()
        self.heard: list[object] = []
        self.gaps = 0
        self.bridge = EventBridge(
            redis=redis, keys=CacheKeys(), publish=self.bus.publish, clock=FakeClock(), on_gap=self._gap
        )
        for kind in CHANNELS:
            self.bus.on(kind, self.heard.append, self.bridge.on_event)

    def _gap(self) -> None:
        self.gaps += 1

    async def hears(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.heard) < count:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def two_processes(*clients: Redis) -> AsyncIterator[tuple[Process, Process]]:
    first, second = Process(clients[0]), Process(clients[-1])
    running = [asyncio.create_task(process.bridge.run()) for process in (first, second)]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await first.bridge.until_listening()
            await second.bridge.until_listening()
        yield first, second
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_survives_the_way(event: BridgedEvent) -> None:
    assert decode_event(type(event).__name__, encode_event(event)) == event


async def test_each_process_hears_the_others_once_and_itself_not_again(redis: Redis) -> None:
    async with two_processes(redis) as (first, second):
        for event in EVENTS:
            first.bus.publish(event)
        await second.hears(len(EVENTS))
        second.bus.publish(EVENTS[5])
        await first.hears(len(EVENTS) + 1)

        assert first.heard == [*EVENTS, EVENTS[5]]
        # The monotonic reading of another machine says nothing here.
        signal = SignalReceived(SIGNAL, FakeClock().monotonic(), TRACE)
        assert second.heard == [*EVENTS[:6], signal, *EVENTS[7:], EVENTS[5]]
        assert (first.gaps, second.gaps) == (0, 0)


async def test_rubbish_on_a_channel_is_ignored(redis: Redis) -> None:
    async with two_processes(redis) as (first, second):
        for rubbish in (b"", b"{}", b'["o",1,"PositionOpened",{}]', b'["o",2,"Unknown",{}]', b"\xff"):
            await redis.publish(CacheKeys().channel("positions"), rubbish)
        first.bus.publish(EVENTS[0])
        await second.hears(1)

        assert second.heard == EVENTS[:1]


async def test_a_burst_is_one_message_for_each_run_of_a_channel(redis: Redis) -> None:
    async with two_processes(redis) as (first, second), redis.pubsub(ignore_subscribe_messages=True) as heard:
        await heard.subscribe(CacheKeys().channel("positions"))
        burst = [PositionOpened(replace(POSITION, version=n), POSITION.base_trail) for n in range(1, 60)]
        for event in [*burst, EVENTS[3], EVENTS[2]]:
            first.bus.publish(event)
        await second.hears(61)
        sizes: list[int] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(sizes) < 2:
                if (message := await heard.get_message(timeout=PATIENCE_SECONDS)) is not None:
                    sizes.append(len(message["data"]))

        assert second.heard == [*burst, EVENTS[3], EVENTS[2]]
        assert sizes[0] > 50 * sizes[1]
        assert second.gaps == 0


async def test_what_nobody_else_listens_to_is_not_sent_and_whoever_comes_misses_nothing_after_that(
    redis: Redis,
) -> None:
    async def sent() -> int:
        counted = await redis.info("commandstats")
        return int(counted.get("cmdstat_publish", {}).get("calls", 0))

    async def none_in_line(process: Process) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while process.bridge.in_line:
                await asyncio.sleep(0.005)

    first = Process(redis)
    running = asyncio.create_task(first.bridge.run())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await first.bridge.until_listening()
        before = await sent()
        for event in EVENTS[:3]:
            first.bus.publish(event)
        # The line is empty once the last ones are taken out, so one more tells that what was before it is done with.
        await none_in_line(first)
        first.bus.publish(EVENTS[3])
        await none_in_line(first)
        assert await sent() == before

        async with two_processes(redis) as (_, second):
            first.bus.publish(EVENTS[4])
            await second.hears(1)
            first.bus.publish(EVENTS[5])
            await second.hears(2)
            assert second.heard == EVENTS[4:6]
            assert second.gaps == 0
        assert await sent() == before + 2
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_of_events_that_come_again_with_others_only_the_others_are_taken(redis: Redis) -> None:
    def message(first: int, *events: BridgedEvent) -> bytes:
        ones = b",".join(b'["%s",%s]' % (type(e).__name__.encode(), encode_event(e)) for e in events)
        return b'["o",%d,"several",[%s]]' % (first, ones)

    opened, updated, closed = EVENTS[:3]
    async with two_processes(redis) as (_, second):
        channel = CacheKeys().channel("positions")
        for body in (
            message(1, opened, updated),
            message(1, opened, updated),
            message(1, opened, updated, closed),
            b'["o",4,"several",[["PositionOpened",{}]]]',
            message(4, updated),
            message(7, closed, opened),
        ):
            await redis.publish(channel, body)
        await second.hears(6)

        assert second.heard == [opened, updated, closed, updated, closed, opened]
        assert second.gaps == 1


async def test_a_receiver_that_missed_something_is_told(redis: Redis, redis_url: str) -> None:
    mine, others = connect_redis(redis_url), connect_redis(redis_url)
    async with two_processes(mine, others) as (first, second):
        first.bus.publish(EVENTS[0])
        await second.hears(1)
        await redis.client_kill_filter(_type="pubsub")
        for version in range(2, 400):
            first.bus.publish(PositionUpdated(replace(POSITION, version=version), POSITION.base_trail))
            await asyncio.sleep(0.002)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not second.heard or getattr(second.heard[-1], "position", POSITION).version != 399:
                await asyncio.sleep(0.01)

        versions = [event.position.version for event in second.heard if isinstance(event, PositionUpdated)]
        assert versions == sorted(set(versions))
        assert second.gaps >= 1 or versions == list(range(2, 400))
    with contextlib.suppress(Exception):
        await mine.aclose()
        await others.aclose()


async def test_events_wait_for_a_redis_that_is_away_in_bounded_memory() -> None:
    client = connect_redis("unix:///nonexistent/redis.sock", retries=0)
    process = Process(client)
    with capture_logs() as logs:
        running = asyncio.create_task(process.bridge.run())
        for _ in range(25_000):
            process.bridge.on_event(EVENTS[5])
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(line["event"] == "bridge.not_sent" for line in logs):
                await asyncio.sleep(0.01)
        assert process.bridge.in_line == 20_000
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.aclose()


class Sharer(Process):
    """One of several engines: it hears of positions by shard, and keeps some agents."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.kept: set[AgentId] = set()
        self.bridge = EventBridge(
            redis=redis,
            keys=CacheKeys(),
            publish=self.bus.publish,
            clock=FakeClock(),
            on_gap=self._gap,
            keeps=self.kept.__contains__,
        )
        self.bus = EventBus()
        self.bridge._publish = self.bus.publish
        for kind in CHANNELS:
            self.bus.on(kind, self.heard.append, self.bridge.on_event)


async def test_positions_are_heard_of_agents_that_are_kept_by_whoever_follows_their_shard(
    redis: Redis,
) -> None:
    """A process that does not share the work hears everything, whoever sends it."""
    agents = [AgentId(new_id()) for _ in range(40)]
    positions = [
        a_position(id=PositionId(new_id()), agent_id=agent, wallet_address=WalletAddress(f"W{agent}"))
        for agent in agents
    ]
    events: list[BridgedEvent] = [PositionOpened(one, one.base_trail) for one in positions]
    events += [PricesChanged([PRICE], T0)]
    sender, other, whole = Sharer(redis), Sharer(redis), Process(redis)
    everybody = (sender, other, whole)
    running = [asyncio.create_task(process.bridge.run()) for process in everybody]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for process in everybody:
                await process.bridge.until_listening()
        chosen = agents[0]
        same_shard = 1 << shard_of(chosen)
        other.kept.add(chosen)
        assert await other.bridge.follow(same_shard)
        for event in events:
            sender.bus.publish(event)
        await whole.hears(41)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sender.bridge.lag_seconds is None:
                await asyncio.sleep(0.005)
        assert sender.bridge.in_line == 0
        assert sorted(map(repr, whole.heard)) == sorted(map(repr, events))
        await other.hears(2)
        assert sorted(map(repr, other.heard)) == sorted(map(repr, [events[0], events[-1]]))

        # It does not listen for a while, and has missed nothing that it wanted.
        await other.bridge.unfollow(ALL_SHARDS)
        sender.bus.publish(events[0])
        sender.bus.publish(events[-1])
        await other.hears(3)
        assert await other.bridge.follow(same_shard)
        sender.bus.publish(events[0])
        await other.hears(4)
        assert other.heard[2:] == [events[-1], events[0]]
        assert (other.gaps, whole.gaps) == (0, 0)

        # A connection that breaks is a gap, and what is followed is heard over the next one as well.
        await redis.client_kill_filter(_type="pubsub")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not other.gaps:
                await asyncio.sleep(0.005)
        assert await other.bridge.follow(same_shard)
        sender.bus.publish(events[0])
        await other.hears(5)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
