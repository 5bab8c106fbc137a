"""A signal that nobody decided on is found and decided on, once, whatever became of its announcement."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import pytest

from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.signals.events import SignalReceived
from nexgent.domain.signals.models import DecisionOutcome, Signal, SignalDecision, SignalTrade
from nexgent.domain.trading import process_signal
from nexgent.domain.trading.watch.undecided_signals import (
    ANNOUNCED_WITHIN_SECONDS,
    REST_SECONDS,
)
from nexgent.infrastructure.database.connection import DatabaseUnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.shards import ALL_SHARDS, shard_of
from nexgent.shared.types import AgentId, IntentId, SignalId
from tests.builders import TOKEN, USER, a_draft, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.signal_sources import FakeSignalTrades
from tests.fakes.signals import FakeSignals
from tests.passes import decided, recovered
from tests.patience import PATIENCE_SECONDS, until

MAX_AGE_SECONDS = 300
EXECUTED, FAILED = DecisionOutcome.EXECUTED, DecisionOutcome.FAILED


class Store(FakeSignals):
    """Signals in memory whose answers may be held back, and whose decisions may be refused."""

    def __init__(self) -> None:
        super().__init__()
        self.read = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()
        self.unreachable = False
        self.unwritable = False
        self.refused = 0
        self.gone = 0
        """Shards that the database knows as another engine's."""

    async def undecided(
        self,
        *,
        older_than_seconds: float = 0.0,
        besides: Collection[SignalId] = (),
        limit: int = 500,
        shards: int = ALL_SHARDS,
    ) -> Sequence[Signal]:
        if self.unreachable:
            raise DatabaseUnavailableError("away")
        found = await super().undecided(
            older_than_seconds=older_than_seconds, besides=besides, limit=limit, shards=shards
        )
        self.read.set()
        await self.answer.wait()
        return found

    async def record_decisions(
        self, signal_id: SignalId, decisions: Sequence[SignalDecision], *, shards: int = ALL_SHARDS
    ) -> None:
        if shards & self.gone:
            raise NotTheEngineError
        if self.unwritable:
            self.refused += 1
            raise DatabaseUnavailableError("away")
        await super().record_decisions(signal_id, decisions, shards=shards)


class Trades(FakeSignalTrades):
    """Trades of signals, some of which cannot be looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[SignalId] = set()

    async def of_signal(self, signal_id: SignalId) -> Mapping[AgentId, SignalTrade]:
        if signal_id in self.broken:
            raise ZeroDivisionError("no error of ours")
        return await super().of_signal(signal_id)


class Deciding:
    """An engine whose agents decide on signals of one store."""

    def __init__(self) -> None:
        self.store, self.trades = Store(), Trades()
        self.engine = FakeEngine(signals=self.store, signal_trades=self.trades)
        self.store.clock = self.engine.clock
        self.agents: list[Agent] = []
        self.process, self.undecided = self.engine.parts.process_signal, self.engine.parts.undecided

    @classmethod
    async def start(cls, *, agents: int = 1, balance_sol: int = 10) -> Deciding:
        it = cls()
        it.agents = [await it.engine.add_agent(an_agent(), Decimal(balance_sol)) for _ in range(agents)]
        return it

    async def stored(self, token: str = TOKEN, *, seconds_ago: float = ANNOUNCED_WITHIN_SECONDS) -> Signal:
        """Store a signal that was announced to nobody."""
        draft = a_draft(USER, token)
        signal = await self.store.add(draft, duplicate_window_seconds=0)
        assert signal is not None
        self.engine.clock.advance(seconds_ago)
        return signal

    def outcomes(self, signal: Signal) -> list[DecisionOutcome]:
        return [one.outcome for one in self.store.by_signal.get(signal.id, [])]


async def test_a_signal_whose_announcement_was_lost_is_decided_on() -> None:
    it = await Deciding.start()
    signal = await it.stored(seconds_ago=ANNOUNCED_WITHIN_SECONDS / 2)
    assert await decided(it.undecided) == 0, "it may still be on its way"

    it.engine.clock.advance(ANNOUNCED_WITHIN_SECONDS)

    assert await decided(it.undecided) == 1
    assert it.outcomes(signal) == [EXECUTED]
    assert await decided(it.undecided) == 0
    # Its announcement arrives after all.
    it.process.on_received(SignalReceived(signal, 0.0))
    await it.process.drain(PATIENCE_SECONDS)
    assert len(it.engine.positions(it.agents[0])) == 1


async def test_how_old_the_oldest_one_is_is_known_until_it_is_decided() -> None:
    it = await Deciding.start()
    it.engine.swaps.gate = asyncio.Event()
    assert it.undecided.age_seconds() == 0
    await it.stored(seconds_ago=ANNOUNCED_WITHIN_SECONDS + 7)
    tasks = await it.undecided.tick()
    assert it.undecided.age_seconds() == ANNOUNCED_WITHIN_SECONDS + 7
    it.engine.clock.advance(3)
    await it.undecided.tick()
    assert it.undecided.age_seconds() == ANNOUNCED_WITHIN_SECONDS + 10
    it.engine.swaps.gate.set()
    await asyncio.gather(*tasks)
    assert it.undecided.age_seconds() == 0


async def test_each_engine_decides_for_its_shards_and_what_it_gets_is_decided_next() -> None:
    it = await Deciding.start(agents=8)
    share = it.engine.parts.share
    first, second = (
        it.agents[0],
        next(one for one in it.agents if shard_of(one.id) != shard_of(it.agents[0].id)),
    )
    theirs = 1 << shard_of(second.id)
    share.give_up(theirs)
    signal = await it.stored()

    it.process.on_received(SignalReceived(signal, 0.0))
    await it.process.drain(PATIENCE_SECONDS)
    assert it.engine.positions(first)
    assert not it.engine.positions(second)
    assert await decided(it.undecided) == 0, "the others are another engine's"
    assert not it.store.rows[signal.id].processed_at

    share.take_over(theirs, signal.id)
    it.process.on_received(SignalReceived(signal, 0.0))
    await it.process.drain(PATIENCE_SECONDS)
    assert not it.engine.positions(second), "whoever had it may have decided"
    assert await decided(it.undecided) == 1

    assert len(it.engine.positions(second)) == 1
    assert it.outcomes(signal) == [EXECUTED] * 8
    assert it.store.rows[signal.id].processed_at
    assert await decided(it.undecided) == 0


async def test_what_another_engine_has_answered_is_not_decided_again() -> None:
    it = await Deciding.start(agents=1)
    agent = it.agents[0]
    share, its = it.engine.parts.share, 1 << shard_of(agent.id)
    share.give_up(its)
    signal = await it.stored()
    await it.store.record_decisions(signal.id, [], shards=its)

    share.take_over(its, signal.id)
    assert await decided(it.undecided) == 1

    assert not it.engine.positions(agent)
    assert it.store.rows[signal.id].processed_at


async def test_decisions_for_a_shard_that_has_gone_are_not_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_signal, "RECORD_RETRY_SECONDS", (0.0,))
    it = await Deciding.start(balance_sol=0)
    share, its = it.engine.parts.share, 1 << shard_of(it.agents[0].id)
    signal = await it.stored()
    it.store.gone = its
    it.process.on_received(SignalReceived(signal, 0.0))
    share.give_up(its)
    await it.process.drain(PATIENCE_SECONDS)
    assert not it.process.owes_record(signal.id)
    assert it.outcomes(signal) == []

    # It comes back, and its agent can buy by now.
    it.store.gone = 0
    share.take_over(its, signal.id)
    await it.engine.deposit(it.agents[0].wallets[0], Decimal(10))
    assert await decided(it.undecided) == 1
    assert it.outcomes(signal) == [EXECUTED]


async def test_an_old_signal_is_recorded_as_not_processed() -> None:
    it = await Deciding.start(agents=2)
    signal = await it.stored(seconds_ago=MAX_AGE_SECONDS + 1)

    assert await decided(it.undecided) == 1

    decisions = it.store.by_signal[signal.id]
    assert [one.code for one in decisions] == ["SIGNAL_EXPIRED"] * 2
    assert not any(it.engine.positions(agent) for agent in it.agents)


async def test_what_is_under_way_is_left_alone_and_nobody_waits_for_it() -> None:
    it = await Deciding.start()
    slow, left = await it.stored(), await it.stored("Other")
    it.engine.swaps.gate = gate = asyncio.Event()
    it.process.on_received(SignalReceived(slow, 0.0))
    await until(lambda: len(it.engine.swaps.requests) == 1, "a quote is asked for")

    await it.undecided.tick()
    await it.undecided.tick()
    await it.engine.settle()
    assert len(it.engine.swaps.requests) == 2

    gate.set()
    await it.process.drain(PATIENCE_SECONDS)
    await it.undecided.drain(PATIENCE_SECONDS)
    assert it.outcomes(slow) == it.outcomes(left) == [EXECUTED]
    assert len(it.engine.swaps.requests) == 2


async def test_a_signal_that_is_announced_while_it_is_being_read_is_decided_on_once() -> None:
    it = await Deciding.start()
    signal = await it.stored()
    it.store.answer.clear()
    reading = asyncio.create_task(decided(it.undecided))
    await it.store.read.wait()

    it.process.on_received(SignalReceived(signal, 0.0))
    await it.process.drain(PATIENCE_SECONDS)
    it.store.answer.set()

    assert await reading == 0
    assert it.outcomes(signal) == [EXECUTED]
    assert len(it.engine.swaps.requests) == 1


async def test_decisions_that_could_not_be_recorded_are_recorded_later_and_not_decided_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_signal, "RECORD_RETRY_SECONDS", (0.0,))
    it = await Deciding.start(balance_sol=0)
    signal = await it.stored()
    it.store.unwritable = True
    it.process.on_received(SignalReceived(signal, 0.0))
    await it.process.drain(PATIENCE_SECONDS)
    assert it.outcomes(signal) == []

    # By now the agent could buy.
    await it.engine.deposit(it.agents[0].wallets[0], Decimal(10))
    assert await decided(it.undecided) == 1
    assert it.outcomes(signal) == []
    it.store.unwritable = False
    assert await decided(it.undecided) == 1

    assert it.outcomes(signal) == [FAILED]
    assert not it.engine.positions(it.agents[0])
    assert await decided(it.undecided) == 0


async def test_one_signal_that_cannot_be_processed_does_not_hold_the_others_back_and_is_tried_again() -> None:
    it = await Deciding.start()
    broken, sound = await it.stored(), await it.stored("Other")
    it.trades.broken.add(broken.id)

    assert await decided(it.undecided) == 2
    assert (it.outcomes(broken), it.outcomes(sound)) == ([], [EXECUTED])

    it.trades.broken.clear()
    assert await decided(it.undecided) == 0, "it rests"
    it.engine.clock.advance(REST_SECONDS[0])
    assert await decided(it.undecided) == 1
    assert it.outcomes(broken) == [EXECUTED]


async def test_a_store_that_is_away_is_asked_again() -> None:
    it = await Deciding.start()
    signal = await it.stored()
    it.store.unreachable = True
    await it.undecided.tick()

    it.store.unreachable = False
    await it.undecided.tick()
    await it.undecided.drain(PATIENCE_SECONDS)

    assert it.outcomes(signal) == [EXECUTED]


async def test_what_was_let_go_for_another_engine_may_be_taken_on_again() -> None:
    it = await Deciding.start()
    signal = await it.stored()
    it.engine.swaps.gate = gate = asyncio.Event()
    await it.undecided.tick()
    await until(lambda: len(it.engine.swaps.requests) == 1, "a quote is asked for")

    await it.undecided.drain(0)
    await it.process.abandon()
    gate.set()
    await recovered(it.engine.recovery)
    (position,) = it.engine.positions(it.agents[0])
    trade = SignalTrade(
        agent_id=it.agents[0].id,
        intent_id=IntentId(new_id()),
        status="settled",
        transaction_id=None,
        position_id=position.id,
        code=None,
        reason=None,
    )
    it.trades.trades[signal.id] = {it.agents[0].id: trade}

    assert await decided(it.undecided) == 1
    assert it.outcomes(signal) == [EXECUTED]
    assert it.engine.positions(it.agents[0]) == [position]


async def test_a_signal_that_could_be_processed_once_rests_as_briefly_as_at_first_when_it_cannot_again() -> (
    None
):
    it = await Deciding.start()
    signal = await it.stored()

    async def tried() -> bool:
        begun = await it.undecided.tick()
        await asyncio.gather(*begun)
        return bool(begun)

    it.trades.broken.add(signal.id)
    assert await tried()
    it.engine.clock.advance(REST_SECONDS[0])
    it.trades.broken.clear()
    # Nothing is wrong with it, but for the moment another process is the engine.
    it.engine.journal.fenced = True
    assert await tried()
    it.trades.broken.add(signal.id)
    assert await tried()
    assert not await tried()

    it.engine.clock.advance(REST_SECONDS[0])

    assert await tried()
