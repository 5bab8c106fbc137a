"""A signal and the agents of its user: each is held against its own filters, however many share them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.signals.events import SignalProcessed, SignalReceived
from nexgent.domain.signals.models import DecisionOutcome, SignalDecision, SignalTrade, TokenMetrics
from nexgent.domain.trading import process_signal
from nexgent.shared.ids import purchase_intent_id
from nexgent.shared.types import SignalId
from tests.builders import TOKEN, a_signal, an_agent
from tests.fakes.engine import FakeEngine
from tests.passes import decided
from tests.patience import PATIENCE_SECONDS, until
from tests.unit.trading.test_undecided_signals import Deciding

A_SIGNAL = a_signal()


def with_filters(**filters: object) -> TradingConfig:
    return update_config(TradingConfig(), {"signals": filters})


async def test_agents_with_the_same_filters_get_the_same_gates_and_others_their_own() -> None:
    engine = FakeEngine()
    metrics = engine.token_metrics
    metrics.figures[TOKEN] = TokenMetrics(
        market_cap_usd=Decimal(500), liquidity_usd=Decimal(500), holder_count=5
    )
    configs = [
        TradingConfig(),
        TradingConfig(),
        with_filters(minScore=4),
        with_filters(minScore=4),
        with_filters(liquidityMin=400),
        with_filters(liquidityMin=600),
    ]
    agents = [await engine.add_agent(an_agent(config)) for config in configs]
    off = await engine.add_agent(replace(an_agent(TradingConfig()), automated_trading_simulation=False))

    decisions = await engine.parts.process_signal.execute(A_SIGNAL, 0.0)

    by_agent = {decision.agent_id: decision for decision in decisions}
    outcomes = [by_agent[agent.id].outcome for agent in (*agents, off)]
    bought, skipped = DecisionOutcome.EXECUTED, DecisionOutcome.SKIPPED
    assert outcomes == [bought, bought, skipped, skipped, bought, skipped, skipped]
    assert by_agent[agents[2].id].reason == "signal_strength is 3, must be at least 4"
    assert by_agent[agents[5].id].reason == "liquidity_usd is 500, must be at least 600"
    assert by_agent[off.id].reason == "automated_trading is no, must be yes"
    assert metrics.asked == 1


async def test_figures_are_not_asked_for_when_only_an_agent_that_is_off_has_bounds() -> None:
    engine = FakeEngine()
    metrics = engine.token_metrics
    bounded = an_agent(with_filters(liquidityMin=400))
    await engine.add_agent(replace(bounded, automated_trading_simulation=False))
    await engine.add_agent(an_agent(TradingConfig()))

    decisions = await engine.parts.process_signal.execute(A_SIGNAL, 0.0)

    assert sorted(decision.outcome for decision in decisions) == ["EXECUTED", "SKIPPED"]
    assert metrics.asked == 0


async def test_a_process_that_is_no_longer_the_engine_leaves_the_signal_to_the_next_one() -> None:
    it = await Deciding.start(agents=3)
    signal = await it.stored()
    it.engine.journal.fenced = True

    it.process.on_received(SignalReceived(signal, 0.0))
    await it.process.drain(PATIENCE_SECONDS)

    # It says nothing of agents it may not trade for: what it would say would contradict who does.
    assert it.store.by_signal == {}
    assert not any(it.engine.positions(agent) for agent in it.agents)
    it.engine.journal.fenced = False
    assert await decided(it.undecided) == 1
    assert it.outcomes(signal) == [DecisionOutcome.EXECUTED] * 3
    assert all(len(it.engine.positions(agent)) == 1 for agent in it.agents)


@pytest.mark.parametrize("outage", ["before anything was staged", "while the intents were written"])
async def test_a_signal_that_meets_an_outage_of_the_journal_is_decided_after_it(outage: str) -> None:
    it = await Deciding.start(agents=3)
    signal = await it.stored()
    it.engine.journal.down = True
    if outage == "before anything was staged":
        # Whose outcome nobody knows is read again before anything is decided on it.
        await it.engine.buy(it.agents, size_sol=Decimal(1))

    it.process.on_received(SignalReceived(signal, 0.0))
    await it.process.drain(PATIENCE_SECONDS)

    assert it.store.by_signal == {}
    it.engine.journal.down = False
    assert await decided(it.undecided) == 1
    assert it.outcomes(signal) == [DecisionOutcome.EXECUTED] * 3
    assert all(len(it.engine.positions(agent)) == 1 for agent in it.agents)


async def test_a_signal_that_is_told_twice_is_taken_on_once() -> None:
    it = await Deciding.start()
    signal = await it.stored()

    for _ in range(2):
        it.process.on_received(SignalReceived(signal, 0.0))
    await it.process.drain(PATIENCE_SECONDS)
    it.process.on_received(SignalReceived(signal, 0.0))
    await it.process.drain(PATIENCE_SECONDS)

    assert len([event for event in it.engine.events if isinstance(event, SignalProcessed)]) == 1
    assert len(it.engine.swaps.requests) == 1


@pytest.mark.parametrize(
    ("balance_sol", "filters", "status"),
    [(10, {}, "success"), (0, {}, "success"), (10, {"minScore": 5}, "skipped")],
    ids=["bought", "refused", "nobody follows it"],
)
async def test_how_a_signal_was_taken_is_told(
    balance_sol: int, filters: dict[str, object], status: str
) -> None:
    engine = FakeEngine()
    await engine.add_agent(an_agent(with_filters(**filters)), Decimal(balance_sol))

    await engine.parts.process_signal.execute(A_SIGNAL, 0.0)

    assert [event.status for event in engine.events if isinstance(event, SignalProcessed)] == [status]


async def test_nothing_is_written_down_again_that_is_not_owed() -> None:
    it = await Deciding.start()
    signal = await it.stored()

    await it.process.record_again(signal)

    assert it.store.by_signal == {}


async def test_what_is_being_written_down_is_written_by_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    it = await Deciding.start()
    signal = await it.stored()
    record, begun, may_end = it.store.record_decisions, asyncio.Event(), asyncio.Event()

    async def slow(signal_id: SignalId, decisions: Sequence[SignalDecision], *, shards: int) -> None:
        assert not begun.is_set(), "once"
        begun.set()
        await may_end.wait()
        await record(signal_id, decisions, shards=shards)

    monkeypatch.setattr(it.store, "record_decisions", slow)
    it.process.on_received(SignalReceived(signal, 0.0))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await begun.wait()

    assert it.process.in_flight == {signal.id}
    assert not it.process.owes_record(signal.id)
    await it.process.record_again(signal)
    assert await decided(it.undecided) == 0
    may_end.set()
    await it.process.drain(PATIENCE_SECONDS)
    assert it.process.in_flight == set()
    assert it.outcomes(signal) == [DecisionOutcome.EXECUTED]


async def test_what_cannot_be_written_down_is_tried_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_signal, "RECORD_RETRY_SECONDS", (0.02, 0.03))
    it = await Deciding.start()
    signal = await it.stored()
    it.store.unwritable = True
    began = time.monotonic()

    it.process.on_received(SignalReceived(signal, 0.0))
    await it.process.drain(PATIENCE_SECONDS)

    assert it.store.refused == 3
    assert time.monotonic() - began >= 0.02 + 0.03
    assert it.process.owes_record(signal.id)


async def test_what_is_owed_ends_with_the_lease() -> None:
    it = await Deciding.start()
    signal = await it.stored()
    it.store.unwritable = True
    it.process.on_received(SignalReceived(signal, 0.0))
    await until(lambda: len(it.engine.positions(it.agents[0])) == 1)
    await until(lambda: it.store.refused > 0)

    await it.process.abandon()

    # Whoever trades now finds it undecided and asks what was traded.
    assert not it.process.owes_record(signal.id)


async def test_whoever_has_bought_for_a_signal_does_not_buy_again_after_a_restart() -> None:
    it = await Deciding.start(agents=2)
    signal = await it.stored()
    bought, other = it.agents
    intent_id = purchase_intent_id(bought.id, signal.id)
    earlier = SignalTrade(
        agent_id=bought.id,
        intent_id=intent_id,
        status="settled",
        transaction_id=None,
        position_id=None,
        code=None,
        reason=None,
    )
    it.trades.trades[signal.id] = {bought.id: earlier}

    assert await decided(it.undecided) == 1

    assert it.outcomes(signal) == [DecisionOutcome.EXECUTED] * 2
    assert (len(it.engine.positions(bought)), len(it.engine.positions(other))) == (0, 1)


def test_an_agent_has_one_intent_for_a_signal() -> None:
    agent, other = an_agent(), an_agent()

    assert purchase_intent_id(agent.id, SignalId(1)) == purchase_intent_id(agent.id, SignalId(1))
    assert purchase_intent_id(agent.id, SignalId(1)) != purchase_intent_id(agent.id, SignalId(2))
    assert purchase_intent_id(agent.id, SignalId(1)) != purchase_intent_id(other.id, SignalId(1))
