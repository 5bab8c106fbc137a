"""A signal that sells: each agent that holds its token sells once, whatever happens on the way, and says what it did."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.models import TradeIntended, TradeSettled
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.protections.events import KillSwitchChanged
from nexgent.domain.signals.models import (
    DecisionOutcome,
    Signal,
    SignalAction,
    SignalDecision,
    SignalDraft,
    SignalTrade,
    TokenMetrics,
)
from nexgent.domain.trading import signal_sales
from nexgent.domain.trading.errors import QuoteFailedError, SwapUnavailableError
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.signal_sales import SaleInterruptedError
from nexgent.shared.types import AgentId, SignalId, TokenAddress, WalletAddress
from tests.builders import TOKEN, USER, a_config, a_kill_switch, a_signal, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal
from tests.passes import recovered
from tests.patience import PATIENCE_SECONDS, until

EXECUTED, FAILED, SKIPPED = DecisionOutcome.EXECUTED, DecisionOutcome.FAILED, DecisionOutcome.SKIPPED


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal_sales, "PAUSE_SECONDS", 0.0)


def to_close(engine: FakeEngine, number: int = 7, **changes: object) -> Signal:
    return replace(
        a_signal(number, created_at=engine.clock.now(), action=SignalAction.CLOSE),
        **changes,  # type: ignore[arg-type]
    )


def to_reduce(engine: FakeEngine, percent: str = "25") -> Signal:
    return to_close(engine, action=SignalAction.REDUCE, percent=Decimal(percent))


async def holders(engine: FakeEngine, count: int = 1, config: object = None) -> list[Agent]:
    agents = [await engine.add_agent(an_agent(config)) for _ in range(count)]  # type: ignore[arg-type]
    assert all(bought.position is not None for bought in await engine.buy(agents, size_sol=Decimal(1)))
    return agents


async def decisions(
    engine: FakeEngine, signal: Signal, already: Mapping[AgentId, SignalTrade] | None = None
) -> dict[AgentId, SignalDecision]:
    made = await engine.parts.process_signal.execute(signal, 0.0, already)
    return {decision.agent_id: decision for decision in made}


def the_position(engine: FakeEngine, agent: Agent) -> Position:
    (position,) = engine.positions(agent)
    return position


async def test_each_agent_that_holds_the_token_sells_and_the_others_say_that_they_do_not() -> None:
    engine = FakeEngine()
    first, second = await holders(engine, 2)
    without = await engine.add_agent(an_agent())
    ignoring = await engine.add_agent(an_agent(a_config({"signals": {"sellSignals": "none"}})))
    await engine.buy([ignoring], size_sol=Decimal(1))
    signal = to_close(engine)

    made = await decisions(engine, signal)

    assert [made[agent.id].outcome for agent in (first, second)] == [EXECUTED, EXECUTED]
    assert (made[without.id].outcome, made[without.id].code) == (SKIPPED, "NO_POSITION")
    assert (made[ignoring.id].outcome, made[ignoring.id].code) == (SKIPPED, "NOT_ELIGIBLE")
    assert made[ignoring.id].reason == "sell_signals is none, must be followed or all"
    assert engine.positions(first) == engine.positions(second) == []
    assert len(engine.positions(ignoring)) == 1
    for trade in engine.closed_trades():
        decision = made[trade.agent_id]
        assert trade.close_reason is CloseReason.SIGNAL
        assert (decision.position_id, decision.transaction_id) == (
            trade.position_id,
            trade.sale_transaction_id,
        )
        assert decision.size_sol is not None
        assert decision.price_sol == Decimal("0.001")
        assert [gate.name for gate in decision.gates][-3:] == ["position", "opened_at", "exit"]
    assert engine.signals.by_signal[signal.id]


async def test_a_part_is_sold_once_and_the_rest_stays_with_its_rules() -> None:
    engine = FakeEngine()
    (agent,) = await holders(engine)
    held = the_position(engine, agent)

    made = await decisions(engine, to_reduce(engine, "25"))

    left = the_position(engine, agent)
    assert left.quantity_raw == held.quantity_raw - held.quantity_raw // 4
    assert left.pending_exit is None
    assert made[agent.id].outcome is EXECUTED
    assert made[agent.id].position_id == held.id
    assert engine.closed_trades() == []


@pytest.mark.parametrize("action", [SignalAction.CLOSE, SignalAction.REDUCE])
async def test_nothing_that_stops_purchases_stops_a_sale(action: SignalAction) -> None:
    engine = FakeEngine()
    protected = a_config(
        {
            "signals": {"tokenFilterMode": "blacklist", "tokenList": [TOKEN]},
            "protections": {"maxDailyLossSol": 0.000001, "tokenCooldownMinutes": 60, "maxTradesPerHour": 1},
        }
    )
    (agent,) = await holders(engine, config=protected)
    engine.bus.publish(KillSwitchChanged(a_kill_switch(None)))
    signal = to_close(engine) if action is SignalAction.CLOSE else to_reduce(engine)

    made = await decisions(engine, signal)

    assert made[agent.id].outcome is EXECUTED


async def test_the_intent_says_which_signal_asks_and_keeps_the_one_that_was_bought_for() -> None:
    engine = FakeEngine()
    (agent,) = await holders(engine)
    await decisions(engine, to_reduce(engine))
    await decisions(engine, to_close(engine, 8))

    sales = [
        entry.body.intent
        for entry in engine.journal.entries
        if isinstance(entry.body, TradeIntended) and entry.body.intent.position_id is not None
    ]
    assert [(intent.sell_signal_id, intent.signal_id) for intent in sales] == [
        (SignalId(7), None),
        (SignalId(8), None),
    ]
    assert engine.positions(agent) == []


async def test_an_exit_that_finds_no_market_goes_on_and_the_decision_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signal_sales, "EXIT_SECONDS", 0.01)
    engine = FakeEngine()
    (agent,) = await holders(engine)
    engine.swaps.unsellable = QuoteFailedError("no route")

    made = await decisions(engine, to_close(engine))

    assert (made[agent.id].outcome, made[agent.id].code) == (FAILED, "EXIT_CONTINUES")
    assert (made[agent.id].reason or "").startswith("not sold yet")
    pending = the_position(engine, agent).pending_exit
    assert pending is not None
    assert (pending.reason, pending.signal_id) == (CloseReason.SIGNAL, SignalId(7))
    engine.swaps.unsellable = None
    await until(lambda: not engine.positions(agent))


async def test_whoever_is_told_that_an_exit_goes_on_leaves_nobody_waiting_for_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signal_sales, "EXIT_SECONDS", 0.01)
    engine = FakeEngine()
    await holders(engine)
    engine.swaps.unsellable = QuoteFailedError("no route")

    await decisions(engine, to_close(engine))
    await engine.settle(5)

    waiting = [task for task in asyncio.all_tasks() if "ExitTasks.outcome" in repr(task.get_coro())]
    assert waiting == []


@pytest.mark.parametrize("held", [True, False])
async def test_what_is_held_in_the_wallet_of_the_other_mode_is_said_and_not_sold(held: bool) -> None:
    engine = FakeEngine()
    on_paper = an_agent()
    live = replace(on_paper.wallets[0], address=WalletAddress("live"), mode=TradingMode.LIVE)
    agent = await engine.add_agent(replace(on_paper, wallets=(*on_paper.wallets, live)))
    if held:
        await engine.buy([agent], size_sol=Decimal(1))
    engine.bus.publish(AgentSaved(replace(agent, trading_mode=TradingMode.LIVE, automated_trading_live=True)))

    made = (await decisions(engine, to_close(engine)))[agent.id]

    assert (made.outcome, made.code) == (SKIPPED, "NO_POSITION")
    (gate,) = [gate for gate in made.gates if gate.name == "position"]
    assert gate.value == ("held in the wallet of the other mode" if held else None)
    assert len(engine.positions(agent)) == held


async def test_whatever_is_wrong_with_one_agent_the_others_sell_and_all_are_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = FakeEngine()
    broken, sound = await holders(engine, 2)
    start = engine.exits.start

    def fails_for_one(position: Position, *rest: object) -> None:
        if position.agent_id == broken.id:
            raise ZeroDivisionError("no error of ours")
        start(position, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.exits, "start", fails_for_one)

    made = await decisions(engine, to_close(engine))

    assert (made[broken.id].outcome, made[broken.id].code) == (FAILED, "EXECUTION_FAILED")
    assert made[sound.id].outcome is EXECUTED
    assert len(engine.positions(broken)) == 1


async def test_how_long_a_sale_took_is_told_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    (agent,) = await holders(engine)
    quote = engine.swaps.quote

    async def slow(*asked: object, **more: object) -> object:
        engine.clock.advance(1.25)
        return await quote(*asked, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.swaps, "quote", slow)

    made = await decisions(engine, to_reduce(engine))

    assert made[agent.id].latency_ms == {"sold": 1_250}


async def test_an_exit_is_not_called_remembered_before_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal_sales, "EXIT_SECONDS", 0.001)
    engine = FakeEngine()
    (agent,) = await holders(engine)
    engine.journal.down = True

    deciding = asyncio.create_task(decisions(engine, to_close(engine)))
    await engine.settle()
    assert not deciding.done()
    engine.journal.down = False
    engine.exits.resume()

    # Whether it waited for the sale or not: the journal has the exit, or the sale, by then.
    made = await deciding
    assert made[agent.id].code in (None, "EXIT_CONTINUES")
    await until(lambda: not engine.positions(agent))


async def test_a_part_is_tried_again_when_the_provider_is_away_and_not_when_there_is_no_market() -> None:
    engine = FakeEngine()
    (agent,) = await holders(engine)
    engine.swaps.failures += [SwapUnavailableError("busy"), SwapUnavailableError("busy")]
    assert (await decisions(engine, to_reduce(engine)))[agent.id].outcome is EXECUTED

    engine.swaps.failures += [QuoteFailedError("no route")]
    made = await decisions(engine, replace(to_reduce(engine), id=SignalId(8)))
    assert (made[agent.id].outcome, made[agent.id].code) == (FAILED, "QUOTE_FAILED")

    engine.swaps.failures += [SwapUnavailableError("busy")] * signal_sales.ATTEMPTS
    made = await decisions(engine, replace(to_reduce(engine), id=SignalId(9)))
    assert (made[agent.id].outcome, made[agent.id].code) == (FAILED, "SWAP_UNAVAILABLE")


async def test_a_part_that_is_refused_waits_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal_sales, "PAUSE_SECONDS", 0.01)
    engine = FakeEngine()
    (agent,) = await holders(engine)
    engine.swaps.failures += [SwapUnavailableError("busy")] * (signal_sales.ATTEMPTS - 1)
    began = time.monotonic()

    assert (await decisions(engine, to_reduce(engine)))[agent.id].outcome is EXECUTED
    assert time.monotonic() - began >= 0.01 * (2 + 4 + 8)


async def test_a_purchase_of_another_token_keeps_no_signal_waiting() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent())
    engine.swaps.gate = asyncio.Event()
    other = TokenAddress("So11111111111111111111111111111111111111111")
    buying = asyncio.create_task(engine.buy([agent], other, size_sol=Decimal(1)))
    await until(lambda: bool(engine.ledger.head(agent.wallets[0].address).intents))

    async with asyncio.timeout(PATIENCE_SECONDS):
        made = await decisions(engine, to_close(engine))

    assert made[agent.id].code == "NO_POSITION"
    assert not buying.done()
    engine.swaps.gate.set()
    await buying


async def test_what_is_being_bought_when_the_signal_comes_is_meant_by_it() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent())
    engine.swaps.gate = asyncio.Event()
    buying = asyncio.create_task(engine.buy([agent], size_sol=Decimal(1)))
    await until(lambda: bool(engine.ledger.head(agent.wallets[0].address).intents))

    deciding = asyncio.create_task(decisions(engine, to_close(engine)))
    await engine.settle(20)
    assert not deciding.done()
    engine.swaps.gate.set()

    await buying
    assert (await deciding)[agent.id].outcome is EXECUTED
    assert engine.positions(agent) == []


async def test_what_an_earlier_signal_is_about_to_buy_is_meant_as_well_and_nobody_elses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = FakeEngine()
    (holder,) = await holders(engine, config=a_config({"signals": {"marketCapMin": 1}}))
    agent = await engine.add_agent(an_agent(a_config({"signals": {"marketCapMin": 1}})))
    known, metrics = asyncio.Event(), engine.token_metrics.metrics

    async def slow(token: TokenAddress) -> TokenMetrics | None:
        await known.wait()
        return await metrics(token)

    engine.token_metrics.figures[TOKEN] = TokenMetrics(
        market_cap_usd=Decimal(500), liquidity_usd=Decimal(500), holder_count=5
    )
    monkeypatch.setattr(engine.token_metrics, "metrics", slow)
    buying = asyncio.create_task(decisions(engine, a_signal(6, created_at=engine.clock.now())))
    await engine.settle(5)
    deciding = asyncio.create_task(decisions(engine, to_close(engine, 7)))
    await until(lambda: not engine.positions(holder))
    await engine.settle(20)
    assert not deciding.done(), "who holds it has sold at once, who may be about to buy it waits"

    before = await decisions(engine, to_close(engine, 5))
    assert before[agent.id].code == "NO_POSITION", "one of before does not wait"
    other = await decisions(
        engine, to_close(engine, 8, token_address=TokenAddress("So11111111111111111111111111111111111111111"))
    )
    assert other[agent.id].code == "NO_POSITION", "nor one of another token"

    known.set()
    assert (await buying)[agent.id].outcome is EXECUTED
    assert (await deciding)[agent.id].outcome is EXECUTED
    assert engine.positions(agent) == []


async def test_a_part_waits_for_another_order_on_the_position() -> None:
    engine = FakeEngine()
    (agent,) = await holders(engine)
    engine.swaps.gate = asyncio.Event()
    first = asyncio.create_task(decisions(engine, to_reduce(engine, "50")))
    await until(lambda: bool(engine.ledger.head(agent.wallets[0].address).intents))
    held = the_position(engine, agent)
    second = asyncio.create_task(decisions(engine, replace(to_reduce(engine, "50"), id=SignalId(8))))
    await engine.settle(20)
    engine.swaps.gate.set()

    assert (await first)[agent.id].outcome is (await second)[agent.id].outcome is EXECUTED
    half_raw = held.quantity_raw - held.quantity_raw // 2
    assert the_position(engine, agent).quantity_raw == half_raw - half_raw // 2


async def test_an_exit_of_the_engines_own_is_not_taken_over() -> None:
    engine = FakeEngine()
    (agent,) = await holders(engine)
    position = the_position(engine, agent)
    await engine.sales.remember(
        ClosePositionRequest(
            wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.STOP_LOSS
        )
    )

    made = await decisions(engine, to_close(engine))

    assert (made[agent.id].outcome, made[agent.id].code) == (SKIPPED, "EXIT_PENDING")
    pending = the_position(engine, agent).pending_exit
    assert pending is not None
    assert pending.reason is CloseReason.STOP_LOSS


async def test_a_process_that_is_no_longer_the_engine_says_nothing_of_a_sale() -> None:
    engine = FakeEngine()
    await holders(engine)
    engine.journal.fenced = True

    assert await decisions(engine, to_reduce(engine)) == {}
    assert engine.signals.by_signal == {}
    # It was let go, so it may be taken on again.
    assert engine.parts.process_signal.take(SignalId(7))


async def restarted(before: FakeEngine, agents: list[Agent]) -> FakeEngine:
    """Start again with what the journal has."""
    journal = FakeJournal()
    journal.wallets = dict(before.journal.wallets)
    journal.entries = list(before.journal.entries)
    after = FakeEngine(journal, clock=before.clock)
    after.directory.load(agents)
    states = await journal.load()
    after.ledger.load(states, len(journal.entries))
    for state in states:
        for position in state.positions.values():
            after.keeper.watch(position, position.base_trail)
    return after


def trade_of(intent_of: TradeIntended, status: str, code: str | None = None) -> dict[AgentId, SignalTrade]:
    intent = intent_of.intent
    trade = SignalTrade(
        agent_id=intent.agent_id,
        intent_id=intent.id,
        status=status,
        transaction_id=None,
        position_id=intent.position_id if status == "settled" else None,
        code=code,
        reason=None,
    )
    return {intent.agent_id: trade}


async def died_while_selling(signal_of: str) -> tuple[FakeEngine, Agent, Signal, TradeIntended]:
    """Return an engine that was started after another one died between intent and sale."""
    before = FakeEngine()
    (agent,) = await holders(before)
    before.swaps.gate = asyncio.Event()
    signal = to_close(before) if signal_of == "close" else to_reduce(before)
    deciding = asyncio.create_task(decisions(before, signal))
    wallet = agent.wallets[0].address
    await until(lambda: bool(before.ledger.head(wallet).intents))
    await before.settle()
    after = await restarted(before, [agent])
    deciding.cancel()
    await before.parts.step_down()
    await asyncio.gather(deciding, return_exceptions=True)
    intended = after.journal.entries[-1].body
    assert isinstance(intended, TradeIntended)
    assert intended.intent.sell_signal_id == signal.id
    return after, agent, signal, intended


async def test_a_close_that_a_crash_interrupted_is_carried_on_and_sells_once() -> None:
    engine, agent, signal, intended = await died_while_selling("close")

    recovering = asyncio.create_task(recovered(engine.recovery))
    made = await decisions(engine, signal, trade_of(intended, "intended"))
    await recovering

    assert made[agent.id].outcome is EXECUTED
    settled = [entry for entry in engine.journal.entries if isinstance(entry.body, TradeSettled)]
    assert len(settled) == 2, "the purchase, and one sale"
    assert engine.closed_trades()[0].close_reason is CloseReason.SIGNAL


async def test_a_part_that_a_crash_interrupted_is_sold_once_its_intent_is_ended() -> None:
    engine, agent, signal, intended = await died_while_selling("reduce")
    held = the_position(engine, agent)

    with pytest.raises(SaleInterruptedError, match="A sale for the signal is being looked into"):
        await decisions(engine, signal, trade_of(intended, "intended"))
    assert engine.parts.process_signal.take(signal.id)
    await recovered(engine.recovery)
    made = await decisions(engine, signal, trade_of(intended, "failed", "INTERRUPTED"))

    assert made[agent.id].outcome is EXECUTED
    assert the_position(engine, agent).quantity_raw == held.quantity_raw - held.quantity_raw // 4


async def test_a_part_that_was_sold_before_a_crash_is_not_sold_again() -> None:
    before = FakeEngine()
    (agent,) = await holders(before)
    signal = to_reduce(before)
    await decisions(before, signal)
    engine = await restarted(before, [agent])
    held = the_position(engine, agent)
    (intended,) = [
        entry.body
        for entry in engine.journal.entries
        if isinstance(entry.body, TradeIntended) and entry.body.intent.sell_signal_id == signal.id
    ]

    made = await decisions(engine, signal, trade_of(intended, "settled"))

    assert made[agent.id].outcome is EXECUTED
    assert the_position(engine, agent) == held


async def test_what_would_be_sold_is_shown_and_nothing_is() -> None:
    engine = FakeEngine()
    (agent,) = await holders(engine)
    without = await engine.add_agent(an_agent())
    entries = len(engine.journal.entries)
    draft = SignalDraft(
        user_id=USER, token_address=TOKEN, signal_type="TEST", signal_strength=3, action=SignalAction.CLOSE
    )

    whole = {one.agent_id: one for one in await engine.parts.preview_signal.execute(draft)}
    part = {
        one.agent_id: one
        for one in await engine.parts.preview_signal.execute(
            replace(draft, action=SignalAction.REDUCE, percent=Decimal(50))
        )
    }

    assert whole[agent.id].outcome is part[agent.id].outcome is EXECUTED
    assert whole[agent.id].size_sol == 2 * (part[agent.id].size_sol or 0)
    assert whole[without.id].code == part[without.id].code == "NO_POSITION"
    assert len(engine.journal.entries) == entries
    assert len(engine.positions(agent)) == 1


async def test_nothing_is_looked_up_ahead_of_a_signal_that_sells() -> None:
    engine = FakeEngine()
    await engine.add_agent(an_agent())
    draft = SignalDraft(
        user_id=USER, token_address=TOKEN, signal_type="TEST", signal_strength=3, action=SignalAction.CLOSE
    )

    await engine.parts.create_signal.execute(draft)
    await engine.parts.process_signal.drain(PATIENCE_SECONDS)
    await engine.settle(20)

    assert engine.swaps.requests == []
