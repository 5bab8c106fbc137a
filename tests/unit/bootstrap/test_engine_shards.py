"""Shards on the move: read before anything begins for them, left when what had begun has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from nexgent.bootstrap import engine_shards
from nexgent.bootstrap.engine_shards import EngineShards, PolledPrices
from nexgent.bootstrap.following import Following
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.ledger.models import TradeIntended
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import PriceSource, TokenPrice
from nexgent.infrastructure.database.connection import DatabaseUnavailableError
from nexgent.infrastructure.database.lease import Balance
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, shard_of
from nexgent.shared.types import AgentId, SignalId
from tests.builders import TOKEN, a_draft, a_signal, an_agent, an_intent
from tests.fakes.channels import FakeChannels
from tests.fakes.engine import FakeEngine
from tests.patience import PATIENCE_SECONDS, until


@dataclass
class ALease:
    """Shards that somebody spreads, and what is left of them."""

    shards: int = ALL_SHARDS
    surplus: int = 0
    left: list[int] = field(default_factory=list)
    newest: int = 0
    away: bool = False

    async def balance(self) -> Balance:
        if self.away:
            raise DatabaseUnavailableError("away")
        return Balance(2, self.shards, self.surplus)

    async def give_up(self, shards: int) -> None:
        self.left.append(shards)
        self.shards &= ~shards
        self.surplus -= shards.bit_count()

    async def newest_signal(self) -> int:
        return self.newest


class Sharing:
    """An engine with its shards."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.share = self.engine.parts.share
        self.share.give_up(ALL_SHARDS)
        self.lease = ALease()
        self.read: list[tuple[int, int]] = []
        self.unreadable = False
        self.moved: list[int] = []
        self.not_copied: list[tuple[int, int]] = []
        lease: Any = self.lease
        self.channels = FakeChannels()
        self.watched: set[AgentId] = set()
        self.agents_read: list[frozenset[AgentId]] = []
        self.following = Following(
            engine=self.engine.parts,
            channels=self.channels,
            read=self._read_agents,
            watched=self.watched.__contains__,
            clock=self.engine.clock,
        )
        self.shards = EngineShards(
            engine=self.engine.parts,
            lease=lease,
            read=self._read,
            following=self.following,
            leave_copies=self._leave_copies,
            clock=self.engine.clock,
            on_moved=lambda count, _: self.moved.append(count),
        )

    async def _leave_copies(self, shards: int) -> None:
        self.not_copied.append((shards, self.lease.shards))

    async def _read_agents(self, agents: Collection[AgentId]) -> None:
        if self.unreadable:
            raise DatabaseUnavailableError("away")
        assert self.channels.heard >= {shard_of(agent) for agent in agents} or not self.channels.answers
        self.agents_read.append(frozenset(agents))

    async def _read(self, shards: int) -> None:
        if self.unreadable:
            raise DatabaseUnavailableError("away")
        self.read.append((shards, self.share.shards))


def a_follower() -> Agent:
    """Return an agent that is not of the leader's shard."""
    while True:
        agent = an_agent()
        if shard_of(agent.id):
            return agent


@pytest.fixture
def it() -> Sharing:
    return Sharing()


async def test_shards_are_read_before_anything_begins_for_them(it: Sharing) -> None:
    it.lease.shards = 0b1100

    await it.shards.tick()
    await it.shards.tick()

    assert it.read == [(0b1100, NO_SHARDS)]
    assert (it.share.shards, it.moved) == (0b1100, [2])
    assert it.channels.heard == {2, 3}, "what others do with wallets of its agents"
    await it.following.tick()
    assert it.channels.heard == {2, 3}


async def test_what_cannot_be_read_is_taken_over_later(it: Sharing) -> None:
    it.unreadable = True
    await it.shards.tick()
    assert it.share.shards == NO_SHARDS
    it.unreadable, it.lease.away = False, True
    await it.shards.tick()
    assert it.share.shards == NO_SHARDS
    it.lease.away = False

    await it.shards.tick()

    assert it.share.shards == ALL_SHARDS


async def test_signals_that_were_there_before_are_left_to_the_store(it: Sharing) -> None:
    it.lease.newest = 7

    await it.shards.tick()

    assert it.share.told_of(SignalId(7)) == NO_SHARDS
    assert it.share.told_of(SignalId(8)) == ALL_SHARDS


async def test_signals_nobody_has_decided_on_are_when_their_shard_comes_however_young_they_are(
    it: Sharing,
) -> None:
    agent = await it.engine.add_agent(a_follower())
    it.engine.signals.clock = it.engine.clock
    signal = await it.engine.signals.add(a_draft(agent.user_id, TOKEN), duplicate_window_seconds=0)
    assert signal is not None
    it.lease.newest = signal.id

    await it.shards.tick()
    await it.engine.parts.undecided.drain(PATIENCE_SECONDS)

    assert [one.agent_id for one in it.engine.signals.by_signal[signal.id]] == [agent.id]


async def test_surplus_is_left_and_nothing_begins_for_it_any_more(it: Sharing) -> None:
    await it.shards.tick()
    it.lease.surplus = 32

    await it.shards.tick()

    assert it.lease.left == [ALL_SHARDS & ~((1 << 32) - 1)]
    assert it.not_copied == [(it.lease.left[0], ALL_SHARDS)], "copied no more before they are anybody's"
    assert it.share.shards == (1 << 32) - 1
    assert it.share.leads, "whoever leads goes on leading"
    await it.following.tick()
    assert it.channels.heard == set(range(32))
    assert it.moved == [64, -32]


async def test_a_wallet_that_is_had_alone_keeps_its_shard(it: Sharing) -> None:
    agent = await it.engine.add_agent(a_follower())
    await it.shards.tick()
    it.lease.surplus = 63

    async with it.engine.ledger.lanes.alone([agent.wallets[0].address]):
        leaving = asyncio.create_task(it.shards.tick())
        await until(lambda: not it.share.acts_for(agent.id), "nothing begins any more")
        for _ in range(20):
            await asyncio.sleep(0)
        assert not it.lease.left, "another engine would begin to trade in it"
    await leaving

    assert it.lease.left


async def test_a_trade_under_way_ends_before_its_shard_is_left(it: Sharing) -> None:
    agent = await it.engine.add_agent(a_follower())
    await it.shards.tick()
    it.lease.surplus = 63
    it.engine.swaps.gate = asyncio.Event()
    bought = asyncio.create_task(it.engine.parts.process_signal.execute(a_signal(), 0.0))
    await until(lambda: len(it.engine.parts.in_flight) > 0, "the purchase is under way")

    leaving = asyncio.create_task(it.shards.tick())
    await until(lambda: not it.share.acts_for(agent.id), "nothing begins any more")
    assert not it.lease.left
    it.engine.swaps.gate.set()
    await leaving
    (decision,) = await bought

    assert it.lease.left
    assert decision.position_id is not None
    wallet = agent.wallets[0].address
    with pytest.raises(NotTheEngineError):
        it.engine.parts.ledger.stage(
            wallet, TradeIntended(an_intent(wallet_address=wallet, agent_id=agent.id))
        )


async def test_a_shard_whose_trade_does_not_end_is_kept(it: Sharing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_shards, "PATIENCE_SECONDS", 0.0)
    agent = await it.engine.add_agent(a_follower())
    await it.shards.tick()
    wallet = agent.wallets[0].address
    number = shard_of(agent.id)

    with it.engine.parts.ledger.lanes.enter([wallet]):
        it.lease.surplus = 63
        await it.shards.tick()
        assert it.lease.left == [ALL_SHARDS & ~(1 | 1 << number)]
        assert it.share.acts_for(agent.id)
        # It rests: nobody is stopped from trading every second.
        await it.shards.tick()
        assert len(it.lease.left) == 1

    it.engine.clock.advance(engine_shards.REST_SECONDS + 1)
    await it.shards.tick()
    assert it.lease.left[1:] == [1 << number]


async def test_what_was_not_heard_of_others_is_read_again(it: Sharing) -> None:
    it.lease.shards = 0b1
    await it.shards.tick()
    it.read.clear()

    it.shards.missed_events()
    it.unreadable = True
    await it.shards.tick()
    it.unreadable = False
    await it.shards.tick()
    await it.shards.tick()

    assert it.read == [(NO_SHARDS, 0b1)], "which agents there are; of others only who is followed is read"


async def test_without_the_lease_it_acts_for_nobody(it: Sharing) -> None:
    await it.shards.tick()

    it.shards.forget()

    assert it.share.shards == NO_SHARDS


async def test_old_prices_of_others_decide_nothing(it: Sharing) -> None:
    seen: list[object] = []
    watcher: Any = it.engine.parts.watcher
    polled = PolledPrices(engine=it.engine.parts, clock=it.engine.clock, max_age_seconds=10)
    now = it.engine.clock.now()

    def price(age: float) -> TokenPrice:
        at = now - timedelta(seconds=age)
        return TokenPrice(
            token_address=TOKEN,
            price_sol=Decimal(1),
            price_usd=Decimal(1),
            source=PriceSource("dexscreener"),
            observed_at=at,
        )

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(watcher), "on_prices", lambda _self, event: seen.extend(event.prices))
        polled.on_prices(PricesChanged([price(11), price(9)], now))
        polled.on_prices(PricesChanged([price(11)], now))

    assert seen == [price(9)]


async def test_who_does_not_lead_asks_for_what_nobody_tells(it: Sharing) -> None:
    agent = await it.engine.add_agent(a_follower())
    it.share.take_over(ALL_SHARDS, SignalId(0))
    await it.engine.parts.process_signal.execute(a_signal(), 0.0)
    tracked = it.engine.parts.poller._tracked
    assert list(tracked()) == [TOKEN]
    it.share.give_up(1)
    assert list(tracked()) == [TOKEN], "nobody has told of it yet"

    now = it.engine.clock.now()
    heard = TokenPrice(
        token_address=TOKEN,
        price_sol=Decimal(1),
        price_usd=Decimal(1),
        source=PriceSource("dexscreener"),
        observed_at=now,
    )
    it.engine.bus.publish(PricesChanged([heard], now))
    assert list(tracked()) == []
    it.engine.clock.advance(60)
    assert list(tracked()) == [TOKEN]
    it.share.give_up(1 << shard_of(agent.id))
    assert list(tracked()) == [], "others ask for theirs"
