"""Every kind of trade of a live wallet, whatever becomes of the swap that was sent: the product's engine, over a fake chain.

What the real venue makes of the real upstreams' answers is tested in `tests/integration/external`; here it is what the use
cases make of what a venue says.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.models import (
    FIRST_VENUE,
    Account,
    PriceEvidence,
    Submission,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSettled,
    TradeSubmitted,
)
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.trading.errors import (
    SwapHeldBackError,
    SwapInDoubtError,
    SwapLeftError,
    SwapNotSentError,
    UnsafeSwapError,
)
from nexgent.domain.trading.events import ExitAttemptFailed, TradeFinished
from nexgent.domain.trading.models import QuoteRequest, SwapOutcome
from nexgent.domain.trading.orders.average_down import AverageDownRequest
from nexgent.domain.trading.orders.buy_by_hand import BuyByHand, BuyByHandRequest
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.orders.take_profit_sale import TakeProfitRequest
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.domain.trading.watch.exits import ExitPolicy, ExitTasks
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import WalletAddress
from tests.builders import TOKEN, USER, a_config, a_live_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.market import FakeLiveSwaps, Fate
from tests.fakes.signals import FakeSignals
from tests.passes import recovered
from tests.patience import until

KINDS = (TradeKind.PURCHASE, TradeKind.SALE, TradeKind.TAKE_PROFIT, TradeKind.DCA_BUY)
RISEN = Decimal("0.0015")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain is asked twice before a swap is left to recovery."""
    monkeypatch.setattr("nexgent.domain.trading.orders.swap_execution.RESOLVE_PAUSES_SECONDS", (0.0, 0.0))


@dataclass
class Desk:
    """An engine whose one agent trades live, and the trade a test is about."""

    engine: FakeEngine
    swaps: FakeLiveSwaps
    agent: Agent
    kind: TradeKind
    position: Position | None = None

    @property
    def raw(self) -> dict[str, int]:
        """What the wallet holds and what of it is free."""
        state = self.engine.ledger.head(self.agent.wallets[0].address)
        return {
            "sol": state.balance_raw(SOL_MINT),
            "free": state.available_raw(SOL_MINT),
            "tokens": state.balance_raw(TOKEN),
            "free tokens": state.available_raw(TOKEN),
        }

    def bodies(self, *kinds: type) -> list[object]:
        """Return the entries of some kinds that are about this test's trade."""
        intended = [
            e.body.intent.id for e in self.engine.journal.entries if isinstance(e.body, TradeIntended)
        ]
        bodies = [entry.body for entry in self.engine.journal.entries]
        return [b for b in bodies if isinstance(b, kinds) and getattr(b, "intent_id", None) == intended[-1]]

    def intents(self) -> int:
        return len(self.engine.ledger.head(self.agent.wallets[0].address).intents)

    async def trade(self) -> str | None:
        """Carry the trade out; return the code of what went wrong."""
        if self.kind is TradeKind.PURCHASE:
            (result,) = await self.engine.buy([self.agent], size_sol=Decimal(1))
            return result.code if result.position is None else None
        assert self.position is not None
        where = {"wallet_address": self.position.wallet_address, "position_id": self.position.id}
        try:
            if self.kind is TradeKind.SALE:
                await self.engine.sales.execute(ClosePositionRequest(**where, reason=CloseReason.MANUAL))  # type: ignore[arg-type]
            elif self.kind is TradeKind.TAKE_PROFIT:
                seen = PriceEvidence(price_sol=RISEN, source="dexscreener", age_ms=0)
                await self.engine.take_profit.execute(TakeProfitRequest(**where, evidence=seen))  # type: ignore[arg-type]
            else:
                await self.engine.average_down.execute(
                    AverageDownRequest(**where, evidence=None, amount_sol=Decimal(1))  # type: ignore[arg-type]
                )
        except NexgentError as error:
            return error.code
        return None


async def a_desk(kind: TradeKind) -> Desk:
    swaps = FakeLiveSwaps("live")
    engine = FakeEngine(venues=SwapVenues([Venue(FIRST_VENUE, TradingMode.LIVE, swaps)]))
    levels = [{"targetPercent": 50, "sellPercent": 50}]
    config = a_config(
        {"takeProfit": {"enabled": True, "mode": "custom", "levels": levels, "moonBag": {"enabled": False}}}
    )
    agent = a_live_agent(config)
    engine.keys.loaded.add(agent.wallets[0].address)
    desk = Desk(engine, swaps, await engine.add_agent(agent), kind)
    if kind is not TradeKind.PURCHASE:
        (bought,) = await engine.buy([agent], size_sol=Decimal(1))
        desk.position = bought.position
        swaps.price_sol = RISEN if kind is TradeKind.TAKE_PROFIT else swaps.price_sol
    return desk


def moved(kind: TradeKind, before: dict[str, int], after: dict[str, int]) -> bool:
    """Tell whether SOL and tokens have changed hands, and nothing is reserved any more."""
    bought = kind in {TradeKind.PURCHASE, TradeKind.DCA_BUY}
    free = (after["free"], after["free tokens"]) == (after["sol"], after["tokens"])
    if bought:
        return free and after["sol"] < before["sol"] and after["tokens"] > before["tokens"]
    return free and after["sol"] > before["sol"] and after["tokens"] < before["tokens"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_sent_is_durable_first_and_what_lands_is_booked_once(kind: TradeKind) -> None:
    desk = await a_desk(kind)
    before = desk.raw
    seen: list[list[object]] = []

    def on_send(submission: Submission) -> None:
        seen.append(desk.bodies(TradeSubmitted))
        assert desk.intents() == 1

    desk.swaps.on_send = on_send

    assert await desk.trade() is None

    ((submitted,),) = seen
    assert isinstance(submitted, TradeSubmitted)
    assert moved(kind, before, desk.raw)
    (settled,) = desk.bodies(TradeSettled)
    assert isinstance(settled, TradeSettled)
    assert settled.transaction.transaction_hash == submitted.submission.signature
    assert desk.intents() == 0
    assert await recovered(desk.engine.recovery) == 0
    assert len(desk.bodies(TradeSettled)) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_what_nobody_can_tell_at_first_is_booked_when_the_chain_knows_it(kind: TradeKind) -> None:
    desk = await a_desk(kind)
    before = desk.raw
    desk.swaps.silent = 2

    assert await desk.trade() is None

    assert len(desk.swaps.asked) == 2
    assert moved(kind, before, desk.raw)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_stays_unknown_is_in_doubt_until_recovery_hears_that_it_landed(kind: TradeKind) -> None:
    desk = await a_desk(kind)
    before = desk.raw
    desk.swaps.silent = 4

    assert await desk.trade() == SwapInDoubtError.code

    # Whatever it will turn out to be: the funds stay reserved and nobody calls it failed.
    assert desk.intents() == 1
    assert (desk.raw["sol"], desk.raw["tokens"]) == (before["sol"], before["tokens"])
    assert (desk.raw["free"], desk.raw["free tokens"]) != (before["free"], before["free tokens"])
    assert desk.bodies(TradeFailed, TradeExpired, TradeSettled) == []
    assert await recovered(desk.engine.recovery) == 0
    assert await recovered(desk.engine.recovery) == 1

    assert moved(kind, before, desk.raw)
    assert len(desk.bodies(TradeSettled)) == 1
    assert len(desk.swaps.chain) == (1 if kind is TradeKind.PURCHASE else 2)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_can_never_land_any_more_gives_its_funds_back(kind: TradeKind, later: bool) -> None:
    desk = await a_desk(kind)
    before = desk.raw
    desk.swaps.fate = Fate.EXPIRED
    desk.swaps.silent = 3 if later else 0

    code = await desk.trade()

    if later:
        assert code == SwapInDoubtError.code
        assert await recovered(desk.engine.recovery) == 1
        assert len(desk.bodies(TradeExpired)) == 1
    else:
        assert code == "SWAP_EXPIRED"
        assert len(desk.bodies(TradeFailed)) == 1
    assert desk.raw == before
    assert desk.bodies(TradeSettled) == []
    assert desk.intents() == 0
    # The next attempt is a trade of its own.
    desk.swaps.fate = Fate.LANDED
    assert await desk.trade() is None
    assert moved(kind, before, desk.raw)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_landed_and_failed_costs_its_network_fee_and_nothing_else(
    kind: TradeKind, later: bool
) -> None:
    desk = await a_desk(kind)
    before = desk.raw
    desk.swaps.fate = Fate.REVERTED
    desk.swaps.silent = 3 if later else 0

    code = await desk.trade()

    assert code == (SwapInDoubtError.code if later else "SWAP_FAILED")
    assert await recovered(desk.engine.recovery) == int(later)
    after = desk.raw
    assert after["sol"] == before["sol"] - 5_000
    assert (after["free"], after["free tokens"]) == (after["sol"], before["tokens"])
    assert len(desk.bodies(TradeFailed)) == 1
    last = desk.engine.journal.entries[-1]
    assert {posting.account: posting.amount_raw for posting in last.postings} == {
        Account.WALLET: -5_000,
        Account.NETWORK_FEE: 5_000,
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_what_certainly_never_left_is_failed_at_once(kind: TradeKind) -> None:
    desk = await a_desk(kind)
    before = desk.raw
    desk.swaps.unsent = SwapNotSentError("The swap was not sent: refused")

    assert await desk.trade() == SwapNotSentError.code

    assert desk.raw == before
    assert len(desk.bodies(TradeFailed)) == 1
    assert desk.swaps.asked == []
    assert desk.intents() == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_what_this_process_may_not_post_is_failed_and_said_to_be_held_back(kind: TradeKind) -> None:
    desk = await a_desk(kind)
    before = desk.raw
    desk.swaps.unsent = SwapHeldBackError("The swap was not sent: nobody can say who is the engine")

    assert await desk.trade() == SwapHeldBackError.code

    assert desk.raw == before
    assert len(desk.bodies(TradeFailed)) == 1
    assert (desk.swaps.asked, desk.intents()) == ([], 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_another_engine_may_still_post_is_not_called_failed(kind: TradeKind) -> None:
    desk = await a_desk(kind)
    before = desk.raw

    def taken_over(_: Submission) -> None:
        desk.engine.journal.fenced = True
        raise SwapHeldBackError("The swap was not sent: another process is the engine")

    desk.swaps.on_send = taken_over

    left = SwapHeldBackError if kind is TradeKind.PURCHASE else SwapLeftError
    assert await desk.trade() == left.code
    assert desk.bodies(TradeFailed) == []

    desk.engine.journal.fenced = False
    # Whoever becomes the engine reads everything first.
    await desk.engine.ledger.refresh([desk.agent.wallets[0].address])
    assert await recovered(desk.engine.recovery) == 1
    assert (desk.raw, desk.intents()) == (before, 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_failure_that_cannot_be_recorded_is_in_doubt(kind: TradeKind) -> None:
    desk = await a_desk(kind)

    def lost(_: Submission) -> None:
        desk.engine.journal.down = True
        raise SwapNotSentError("The swap was not sent: refused")

    desk.swaps.on_send = lost

    if kind is TradeKind.PURCHASE:
        (result,) = await desk.engine.buy([desk.agent], size_sol=Decimal(1))
        assert (result.in_doubt, result.code) == (True, SwapNotSentError.code)
    else:
        assert await desk.trade() == SwapInDoubtError.code
    assert desk.bodies(TradeFailed) == []


@pytest.mark.parametrize(("fenced", "told"), [(False, SwapHeldBackError), (True, SwapLeftError)])
async def test_who_buys_by_hand_is_told_whether_what_was_held_back_may_still_happen(
    fenced: bool, told: type[SwapHeldBackError]
) -> None:
    desk = await a_desk(TradeKind.PURCHASE)
    engine = desk.engine
    by_hand = BuyByHand(directory=engine.directory, purchases=engine.purchases, signals=FakeSignals())

    def held_back(_: Submission) -> None:
        engine.journal.fenced = fenced
        raise SwapHeldBackError("The swap was not sent: nobody can say who is the engine")

    desk.swaps.on_send = held_back
    request = BuyByHandRequest(agent_id=desk.agent.id, user_id=USER, token_address=TOKEN, size_sol=Decimal(1))

    with pytest.raises(SwapHeldBackError) as refused:
        await by_hand.execute(request)
    assert type(refused.value) is told
    assert refused.value.message == "The swap was not sent: nobody can say who is the engine"


async def test_an_exit_that_is_held_back_does_not_count_as_an_attempt_and_goes_on_when_it_may() -> None:
    desk = await a_desk(TradeKind.SALE)
    engine, position = desk.engine, desk.position
    assert position is not None

    def held_back(_: Submission) -> None:
        raise SwapHeldBackError("The swap was not sent: nobody can say who is the engine")

    desk.swaps.on_send = held_back
    engine.policy = ExitPolicy(first_pause_seconds=60, unrecorded_pause_seconds=0.001)
    tasks = ExitTasks(
        close=engine.sales, policy=engine.policy, clock=engine.clock, publish=engine.events.append
    )

    def failures() -> list[ExitAttemptFailed]:
        return [event for event in engine.events if isinstance(event, ExitAttemptFailed)]

    tasks.start(position, CloseReason.STOP_LOSS, None)
    await until(lambda: len(failures()) >= 6)

    told = {(event.code, event.attempts, event.retry_seconds) for event in failures()}
    assert told == {(SwapHeldBackError.code, 0, 0.001)}
    assert {request.slippage_bps for request in desk.swaps.requests[1:]} == {None}
    (kept,) = engine.positions(desk.agent)
    # Nor does whoever goes on after a restart sell worse for it.
    assert kept.pending_exit is not None
    assert kept.pending_exit.attempts == 1
    desk.swaps.on_send = lambda _: None
    await until(lambda: not engine.positions(desk.agent))
    assert await tasks.drain(1) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_transaction_that_is_not_what_was_ordered_is_neither_signed_nor_sent(kind: TradeKind) -> None:
    desk = await a_desk(kind)
    before = desk.raw
    sent = len(desk.swaps.chain)
    desk.swaps.unsigned = UnsafeSwapError("UNKNOWN_PROGRAM", "It calls a program nobody knows")

    assert await desk.trade() == "UNKNOWN_PROGRAM"

    assert desk.raw == before
    assert desk.bodies(TradeSubmitted) == []
    assert len(desk.bodies(TradeFailed)) == 1
    assert len(desk.swaps.chain) == sent


@pytest.mark.parametrize("kind", KINDS)
async def test_a_journal_that_is_down_keeps_a_signed_swap_from_being_sent(kind: TradeKind) -> None:
    desk = await a_desk(kind)
    before = desk.raw
    sent = len(desk.swaps.chain)
    prepare = desk.swaps.prepare

    async def and_then_it_is_down(quote: object, wallet: object) -> Submission | None:
        submission = await prepare(quote, wallet)  # type: ignore[arg-type]
        desk.engine.journal.down = True
        return submission

    desk.swaps.prepare = and_then_it_is_down  # type: ignore[method-assign]

    assert await desk.trade() is not None
    assert len(desk.swaps.chain) == sent

    # Once the journal is back, a purchase is carried on while it is fresh; everything else is recorded as failed.
    desk.engine.journal.down = False
    desk.swaps.prepare = prepare  # type: ignore[method-assign]
    assert await recovered(desk.engine.recovery) == 1
    assert moved(kind, before, desk.raw) if kind is TradeKind.PURCHASE else desk.raw == before
    assert desk.intents() == 0


async def test_recovery_asks_less_and_less_often_about_what_stays_unknown() -> None:
    desk = await a_desk(TradeKind.PURCHASE)
    desk.swaps.silent = 1_000
    assert await desk.trade() == SwapInDoubtError.code

    waited: list[float] = []
    for _ in range(6):
        asked, seconds = len(desk.swaps.asked), 0.0
        while True:
            assert await recovered(desk.engine.recovery) == 0
            if len(desk.swaps.asked) > asked:
                break
            desk.engine.clock.advance(0.5)
            seconds += 0.5
        waited.append(seconds)

    assert waited == [0, 0, 2, 4, 8, 15]
    desk.swaps.silent = 0
    desk.engine.clock.advance(15)
    assert await recovered(desk.engine.recovery) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_what_landed_and_failed_and_cannot_be_recorded_is_in_doubt_until_it_is(kind: TradeKind) -> None:
    desk = await a_desk(kind)
    before = desk.raw
    desk.swaps.fate = Fate.REVERTED

    def lost(_: Submission) -> None:
        desk.engine.journal.down = True

    desk.swaps.on_send = lost

    if kind is TradeKind.PURCHASE:
        (result,) = await desk.engine.buy([desk.agent], size_sol=Decimal(1))
        assert (result.code, result.in_doubt) == ("SWAP_FAILED", True)
    else:
        assert await desk.trade() == SwapInDoubtError.code
    assert desk.bodies(TradeFailed) == []

    desk.engine.journal.down = False
    assert await recovered(desk.engine.recovery) == 1
    assert len(desk.bodies(TradeFailed)) == 1
    assert desk.raw["sol"] == desk.raw["free"] == before["sol"] - 5_000


@pytest.mark.parametrize("kind", KINDS)
async def test_what_landed_has_not_ended_before_it_is_booked(
    kind: TradeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await a_desk(kind)
    before, resolve = desk.raw, desk.swaps.resolve
    desk.swaps.silent = 3
    assert await desk.trade() == SwapInDoubtError.code
    told = len([event for event in desk.engine.events if isinstance(event, TradeFinished)])

    async def and_then_it_is_down(*asked: Any) -> SwapOutcome:
        outcome = await resolve(*asked)
        desk.engine.journal.down = True
        return outcome

    monkeypatch.setattr(desk.swaps, "resolve", and_then_it_is_down)
    assert await recovered(desk.engine.recovery) == 0
    assert desk.bodies(TradeSettled) == []
    assert len([event for event in desk.engine.events if isinstance(event, TradeFinished)]) == told

    desk.engine.journal.down = False
    monkeypatch.setattr(desk.swaps, "resolve", resolve)
    desk.engine.clock.advance(60)
    assert await recovered(desk.engine.recovery) == 1
    assert moved(kind, before, desk.raw)
    (finished,) = [event for event in desk.engine.events if isinstance(event, TradeFinished)][told:]
    assert (finished.kind, finished.succeeded, finished.code) == (kind, True, None)


async def test_the_chain_gets_time_between_two_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexgent.domain.trading.orders.swap_execution.RESOLVE_PAUSES_SECONDS", (0.01, 0.02))
    desk = await a_desk(TradeKind.PURCHASE)
    desk.swaps.silent = 2
    times: list[float] = []
    resolve, loop = desk.swaps.resolve, asyncio.get_running_loop()

    async def noted(submission: Submission, wallet: WalletAddress, request: QuoteRequest) -> SwapOutcome:
        times.append(loop.time())
        return await resolve(submission, wallet, request)

    desk.swaps.on_send = lambda _: times.append(loop.time())
    desk.swaps.resolve = noted  # type: ignore[method-assign]

    assert await desk.trade() is None

    sent, first, second = times
    assert first - sent >= 0.009
    assert second - first >= 0.019
