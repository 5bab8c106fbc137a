"""Exits that cannot be dropped, and that do not burn the rate budget either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.errors import JournalUnavailableError, NotTheEngineError
from nexgent.domain.ledger.models import TradeIntended, TradeKind, TradeSettled
from nexgent.domain.positions.models import CloseReason, PendingExit
from nexgent.domain.trading.errors import QuoteFailedError, SwapUnavailableError, WalletNotLoadedError
from nexgent.domain.trading.events import ExitAttemptFailed, ExitOverdue, ExitTriggered
from nexgent.domain.trading.orders.position_booking import PositionOrderDone
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.orders.sell_part import SellPart, SellPartRequest
from nexgent.domain.trading.rules.liquidity import MarketVerdict
from nexgent.domain.trading.watch.exits import ExitPolicy, ExitProgress, ExitTasks
from nexgent.shared.types import WalletAddress
from tests.builders import TOKEN, an_agent, an_intent
from tests.fakes.engine import FakeEngine
from tests.patience import PATIENCE_SECONDS, until


async def an_engine() -> tuple[FakeEngine, Agent]:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(TradingConfig()))
    await engine.buy([agent], size_sol=Decimal(1))
    return engine, agent


def of_type(engine: FakeEngine, kind: type) -> list[object]:
    return [event for event in engine.events if isinstance(event, kind)]


def test_slippage_and_fee_grow_up_to_their_caps() -> None:
    policy = ExitPolicy(slippage_bps=(None, 100, 300), priority_fee_lamports=(None, 5))

    assert [policy.slippage_at(attempts) for attempts in range(5)] == [None, 100, 300, 300, 300]
    assert [policy.fee_at(attempts) for attempts in range(3)] == [None, 5, 5]
    assert policy.pause_seconds(1) < policy.pause_seconds(2) < policy.pause_seconds(3)
    assert policy.pause_seconds(1_000) == policy.longest_pause_seconds


def test_how_hard_an_exit_is_tried() -> None:
    policy = ExitPolicy()

    assert [policy.slippage_at(attempts) for attempts in range(6)] == [None, 100, 200, 400, 800, 800]
    fees = [policy.fee_at(attempts) for attempts in range(6)]
    assert fees == [None, None, 500_000, 1_000_000, 2_000_000, 2_000_000]
    pauses = [policy.pause_seconds(attempts) for attempts in range(1, 10)]
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]


async def test_a_retry_after_is_respected() -> None:
    engine, agent = await an_engine()
    engine.swaps.failures.append(SwapUnavailableError("429", retry_after_seconds=3_600))
    before = len(engine.swaps.requests)

    engine.move_to(Decimal("0.0005"))
    await until(lambda: bool(of_type(engine, ExitAttemptFailed)))
    (failed,) = of_type(engine, ExitAttemptFailed)
    assert isinstance(failed, ExitAttemptFailed)
    assert failed.retry_seconds == 3_600
    await engine.settle(50)
    assert len(engine.swaps.requests) - before == 1
    engine.exits.hurry(agent.wallets[0].address)
    await until(lambda: not engine.positions(agent))
    assert len(of_type(engine, ExitTriggered)) == 1


async def test_a_retry_after_is_waited_for_however_often_others_try_meanwhile() -> None:
    engine, _ = await an_engine()
    other = await engine.add_agent(an_agent(TradingConfig()))
    await engine.buy([other], size_sol=Decimal(1))
    engine.swaps.failures.append(SwapUnavailableError("429", retry_after_seconds=3_600))
    engine.swaps.unsellable = SwapUnavailableError("busy")

    engine.move_to(Decimal("0.0005"))
    failures: Callable[[], list[ExitAttemptFailed]] = lambda: [  # noqa: E731 - read anew at each poll
        event for event in engine.events if isinstance(event, ExitAttemptFailed)
    ]
    # Without a figure of the provider's the pause is 10 ms at most: the other exit tries again and again.
    await until(lambda: len(failures()) >= 8)

    waiting = [event.position_id for event in failures() if event.retry_seconds == 3_600]
    assert len(waiting) == 1
    assert [event.position_id for event in failures()].count(waiting[0]) == 1
    assert len({event.position_id for event in failures()}) == 2
    await engine.exits.drain(PATIENCE_SECONDS)


async def test_people_are_told_how_an_exit_is_going() -> None:
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    assert engine.exits.progress(position.id) is None
    engine.swaps.failures.append(SwapUnavailableError("429", retry_after_seconds=3_600))

    engine.move_to(Decimal("0.0005"))
    assert engine.exits.progress(position.id) == ExitProgress(CloseReason.STOP_LOSS, 0, None)
    await until(lambda: bool(of_type(engine, ExitAttemptFailed)))

    assert engine.exits.progress(position.id) == ExitProgress(CloseReason.STOP_LOSS, 1, "SWAP_UNAVAILABLE")
    engine.exits.hurry(agent.wallets[0].address)
    await until(lambda: not engine.positions(agent))
    await until(lambda: engine.exits.progress(position.id) is None)


async def test_an_overdue_exit_is_told_once() -> None:
    engine, agent = await an_engine()
    engine.swaps.unsellable = SwapUnavailableError("busy")
    engine.move_to(Decimal("0.0005"))
    await until(lambda: len(of_type(engine, ExitAttemptFailed)) >= 1)

    engine.clock.advance(16)
    seen = len(of_type(engine, ExitAttemptFailed))
    await until(lambda: len(of_type(engine, ExitAttemptFailed)) >= seen + 3)
    engine.swaps.unsellable = None
    await until(lambda: not engine.positions(agent))

    assert len(of_type(engine, ExitOverdue)) == 1


async def test_an_unsellable_token_asks_less_often_and_waits_its_turn() -> None:
    engine, agent = await an_engine()
    engine.swaps.unsellable = QuoteFailedError("no route")
    engine.move_to(Decimal("0.0005"))
    await until(lambda: len(of_type(engine, ExitAttemptFailed)) >= 2)
    assert all(engine.swaps.urgent[1:])

    engine.clock.advance(121)
    seen = len(of_type(engine, ExitAttemptFailed))
    await until(lambda: len(of_type(engine, ExitAttemptFailed)) >= seen + 2)
    assert engine.swaps.urgent[-1] is False
    engine.swaps.unsellable = None
    await until(lambda: not engine.positions(agent))


async def test_a_restarted_exit_goes_on_with_its_attempts_and_its_age() -> None:
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    since = engine.clock.now()
    engine.clock.advance(60)
    engine.swaps.unsellable = SwapUnavailableError("busy")
    tasks = ExitTasks(
        close=engine.sales, policy=engine.policy, clock=engine.clock, publish=engine.events.append
    )

    tasks.start(
        replace(position, pending_exit=PendingExit(CloseReason.STOP_LOSS, 7, since)),
        CloseReason.STOP_LOSS,
        None,
    )
    await until(lambda: bool(of_type(engine, ExitOverdue)))
    await tasks.drain(1)

    assert not of_type(engine, ExitTriggered)
    (overdue,) = of_type(engine, ExitOverdue)
    assert isinstance(overdue, ExitOverdue)
    assert overdue.attempts >= 8
    assert overdue.seconds >= 60


async def test_shutdown_does_not_wait_for_a_resting_exit() -> None:
    engine, agent = await an_engine()
    engine.swaps.unsellable = SwapUnavailableError("busy", retry_after_seconds=60)
    engine.move_to(Decimal("0.0005"))
    await until(lambda: bool(of_type(engine, ExitAttemptFailed)))

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await engine.exits.drain(30) == 0
    assert engine.positions(agent)[0].pending_exit is not None


async def dead_market(engine: FakeEngine, minutes: int) -> int:
    """Let minutes pass in which every probe is asked twice a minute; return how many positions were written off."""
    written_off = 0
    for _ in range(2 * minutes):
        engine.clock.advance(30)
        written_off += await engine.dead_tokens.tick()
        await engine.settle(50)
    return written_off


async def test_a_dead_token_is_written_off_after_a_refused_sale_with_what_is_left() -> None:
    engine, agent = await an_engine()
    engine.swaps.unsellable = QuoteFailedError("no route")
    for probe in engine.probes:
        probe.verdict = MarketVerdict.DEAD

    assert await dead_market(engine, 10) == 0
    assert engine.positions(agent)
    assert of_type(engine, ExitAttemptFailed) == []
    # The sale is being tried now; its refusals are the last piece of evidence, and come when they come.
    written_off = await dead_market(engine, 3)
    await until(lambda: len(of_type(engine, ExitAttemptFailed)) >= 3)
    written_off += await dead_market(engine, 1)
    assert written_off == 1

    assert engine.positions(agent) == []
    (closed,) = engine.closed_trades()
    assert closed.close_reason is CloseReason.WRITE_OFF
    assert closed.profit_loss_sol == Decimal("-1.000105")
    body = engine.journal.entries[-1].body
    assert isinstance(body, TradeSettled)
    assert body.transaction.input_amount == Decimal(1000)
    await until(lambda: not len(engine.exits))
    assert len(engine.book) == 0


async def test_refusals_from_before_the_evidence_do_not_count() -> None:
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    for attempt in range(5):
        engine.dead_tokens.on_exit_attempt_failed(
            ExitAttemptFailed(position.id, CloseReason.STOP_LOSS, attempt, "QUOTE_FAILED", 1.0)
        )
    for probe in engine.probes:
        probe.verdict = MarketVerdict.DEAD

    # All pools are said to be gone for long enough, but nobody has tried to sell since that was said: now it sells.
    assert await dead_market(engine, 15) == 0
    await until(lambda: not engine.positions(agent))
    (closed,) = engine.closed_trades()
    assert closed.profit_loss_sol > Decimal("-0.01")


async def test_a_dead_token_whose_sale_is_rarely_tried_is_written_off_all_the_same() -> None:
    """Its price is still told, so that the refused sales alone make it suspicious."""
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    engine.swaps.unsellable = QuoteFailedError("no route")
    for probe in engine.probes:
        probe.verdict = MarketVerdict.DEAD
    written_off = 0
    for half_minute in range(2 * 15):
        engine.clock.advance(30)
        engine.move_to(Decimal("0.001"))
        if half_minute % 4 == 0:
            engine.dead_tokens.on_exit_attempt_failed(
                ExitAttemptFailed(position.id, CloseReason.STOP_LOSS, half_minute, "QUOTE_FAILED", 120.0)
            )
        written_off += await engine.dead_tokens.tick()
        await engine.settle(50)

    assert written_off == 1


async def test_a_write_off_takes_no_more_than_what_nobody_has_reserved() -> None:
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    wallet = agent.wallets[0].address
    reserving = an_intent(
        kind=TradeKind.SALE,
        agent_id=agent.id,
        wallet_address=wallet,
        input_mint=TOKEN,
        amount_raw=400_000_000,
        reserved_raw=400_000_000,
        cause="manual",
    )
    await engine.ledger.commit(engine.ledger.stage(wallet, TradeIntended(reserving)))

    settled = await engine.sales.operations.write_off(wallet, position.id)

    assert settled.transaction.input_amount == Decimal(600)
    assert engine.balance_raw(agent, TOKEN) == 400_000_000
    assert engine.ledger.head(wallet).available_raw(TOKEN) == 0


@pytest.mark.parametrize("witness", ["alive", "unknown", "unreachable"])
async def test_one_source_alone_never_writes_anything_off(witness: str) -> None:
    engine, agent = await an_engine()
    engine.swaps.unsellable = QuoteFailedError("no route")
    engine.probes[0].verdict = MarketVerdict.DEAD
    if witness == "unreachable":
        engine.probes[1].reachable = False
    else:
        engine.probes[1].verdict = MarketVerdict(witness)

    assert await dead_market(engine, 40) == 0
    assert engine.positions(agent)[0].pending_exit is None


async def test_a_missing_price_alone_asks_the_probes_and_does_nothing() -> None:
    engine, agent = await an_engine()

    assert await dead_market(engine, 60) == 0
    assert engine.probes[0].asked > 0
    assert engine.positions(agent)[0].pending_exit is None


async def test_a_dead_verdict_on_a_token_that_sells_sells_it() -> None:
    engine, agent = await an_engine()
    for probe in engine.probes:
        probe.verdict = MarketVerdict.DEAD

    assert await dead_market(engine, 15) == 0
    await until(lambda: not engine.positions(agent))
    (closed,) = engine.closed_trades()
    assert closed.profit_loss_sol > Decimal("-0.01")


# --- Nothing can be recorded ---


@pytest.mark.parametrize("code", [JournalUnavailableError.code, NotTheEngineError.code])
async def test_an_exit_that_could_not_be_recorded_comes_back_soon_and_as_it_was(code: str) -> None:
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    engine.policy = ExitPolicy(first_pause_seconds=60, unrecorded_pause_seconds=0.001)
    engine.journal.down = code == JournalUnavailableError.code
    engine.journal.fenced = code == NotTheEngineError.code
    tasks = ExitTasks(
        close=engine.sales, policy=engine.policy, clock=engine.clock, publish=engine.events.append
    )

    tasks.start(position, CloseReason.STOP_LOSS, None)
    await until(lambda: len(of_type(engine, ExitAttemptFailed)) >= 6)

    # The market was never asked: no reason to sell with more slippage, nor to let the position wait for longer.
    failures = [event for event in engine.events if isinstance(event, ExitAttemptFailed)]
    assert {(event.code, event.attempts, event.retry_seconds) for event in failures} == {(code, 0, 0.001)}
    engine.journal.down = engine.journal.fenced = False
    await until(lambda: not engine.positions(agent))
    assert await tasks.drain(1) == 0


@pytest.mark.parametrize("fails", ["the journal", "the market"])
async def test_who_becomes_the_engine_goes_on_at_once_with_exits_that_could_not_be_recorded(
    fails: str,
) -> None:
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    engine.policy = ExitPolicy(unrecorded_pause_seconds=3_600)
    engine.journal.fenced = fails == "the journal"
    if fails == "the market":
        engine.swaps.unsellable = SwapUnavailableError("429", retry_after_seconds=3_600)
    tasks = ExitTasks(
        close=engine.sales, policy=engine.policy, clock=engine.clock, publish=engine.events.append
    )
    tasks.start(position, CloseReason.STOP_LOSS, None)
    await until(lambda: bool(of_type(engine, ExitAttemptFailed)))

    engine.journal.fenced, engine.swaps.unsellable = False, None
    tasks.resume()

    if fails == "the market":
        await engine.settle()
        assert engine.positions(agent), "what the market asked to wait for is waited for"
        await tasks.drain(1)
        return
    await until(lambda: not engine.positions(agent))
    assert await tasks.drain(1) == 0


async def test_an_exit_that_waits_for_another_order_is_no_failed_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    tried, execute = 0, engine.sales.execute

    async def counted(request: ClosePositionRequest) -> PositionOrderDone:
        nonlocal tried
        tried += 1
        assert request.attempt == 1
        return await execute(request)

    monkeypatch.setattr(engine.sales, "execute", counted)
    engine.swaps.gate = asyncio.Event()
    part = SellPartRequest(
        wallet_address=position.wallet_address, position_id=position.id, percent=Decimal(10)
    )
    selling = asyncio.create_task(SellPart(operations=engine.sales.operations).execute(part))
    await until(lambda: len(engine.swaps.requests) == 2, "a part is being sold")

    engine.exits.start(position, CloseReason.STOP_LOSS, None)
    await until(lambda: tried >= 4)

    assert engine.exits.progress(position.id) == ExitProgress(CloseReason.STOP_LOSS, 0, None)
    assert of_type(engine, ExitAttemptFailed) == []
    engine.swaps.gate.set()
    await selling
    await until(lambda: not engine.positions(agent))


# --- Locked wallets ---


async def test_an_exit_waits_for_its_wallets_key_and_goes_on_the_moment_it_is_there() -> None:
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    engine.policy = ExitPolicy(longest_pause_seconds=60)
    engine.swaps.unsellable = WalletNotLoadedError()
    tasks = ExitTasks(
        close=engine.sales, policy=engine.policy, clock=engine.clock, publish=engine.events.append
    )

    tasks.start(position, CloseReason.STOP_LOSS, None)
    await until(lambda: bool(of_type(engine, ExitAttemptFailed)))
    (failed,) = of_type(engine, ExitAttemptFailed)
    assert isinstance(failed, ExitAttemptFailed)
    # A missing key is no reason to sell with more slippage later.
    assert (failed.attempts, failed.retry_seconds) == (0, 60)
    (kept,) = engine.positions(agent)
    assert kept.pending_exit is not None
    assert kept.pending_exit.attempts == 1
    tasks.hurry(WalletAddress("another"))
    await engine.settle(50)
    assert engine.positions(agent)
    engine.swaps.unsellable = None
    tasks.hurry(position.wallet_address)

    await until(lambda: not engine.positions(agent))
    assert await tasks.drain(1) == 0


# --- Started once, and not any more ---


async def test_an_exit_that_is_under_way_is_not_started_again_and_none_while_stopping() -> None:
    engine, agent = await an_engine()
    other = await engine.add_agent(an_agent(TradingConfig()))
    await engine.buy([other], size_sol=Decimal(1))
    (position,), (later,) = engine.positions(agent), engine.positions(other)
    engine.swaps.failures.append(SwapUnavailableError("429", retry_after_seconds=3_600))
    before = len(engine.swaps.requests)

    engine.exits.start(position, CloseReason.STOP_LOSS, None)
    engine.exits.start(position, CloseReason.MANUAL, None)
    await until(lambda: bool(of_type(engine, ExitAttemptFailed)))
    engine.exits.start(position, CloseReason.MANUAL, None)
    await engine.settle(50)
    assert of_type(engine, ExitTriggered) == [
        ExitTriggered(position.id, CloseReason.STOP_LOSS, position.agent_id)
    ]
    assert len(engine.swaps.requests) - before == 1

    assert await engine.exits.drain(PATIENCE_SECONDS) == 0
    engine.exits.start(later, CloseReason.MANUAL, None)
    assert later.id not in engine.exits
    assert len(of_type(engine, ExitTriggered)) == 1
