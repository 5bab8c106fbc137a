"""A purchase by hand: whose agent, which wallet, which error."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.errors import JournalUnavailableError, NotTheEngineError
from nexgent.domain.ledger.models import Entry, Submission, TradeIntended, TradeSettled
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.signals.errors import SignalNotFoundError
from nexgent.domain.trading.errors import QuoteFailedError, SwapUnavailableError, TradeRejectedError
from nexgent.domain.trading.models import Landed, Quote, SwapOutcome
from nexgent.domain.trading.orders.buy_by_hand import BuyByHand, BuyByHandRequest
from nexgent.domain.wallets.close_by_hand import CloseByHand
from nexgent.shared.ids import new_id
from nexgent.shared.loops import LeftUnfinishedError
from nexgent.shared.money import sol
from nexgent.shared.types import AgentId, IntentId, SignalId, TokenAddress, UserId, WalletAddress
from tests.builders import TOKEN, USER, a_signal_row, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal
from tests.fakes.signals import FakeSignals


async def prepared(journal: FakeJournal | None = None) -> tuple[FakeEngine, BuyByHand, BuyByHandRequest]:
    engine = FakeEngine(journal)
    config = update_config(TradingConfig(), {"positionCalculator": {"randomization": {"enabled": False}}})
    agent = await engine.add_agent(an_agent(config))
    use_case = BuyByHand(directory=engine.directory, purchases=engine.purchases, signals=FakeSignals())
    request = BuyByHandRequest(agent_id=agent.id, user_id=USER, token_address=TOKEN, size_sol=Decimal(1))
    return engine, use_case, request


async def test_a_purchase_by_hand_tells_what_it_bought() -> None:
    engine, use_case, request = await prepared()

    bought = await use_case.execute(request)

    assert (bought.input_amount, bought.output_amount) == (Decimal(1), Decimal(1000))
    assert bought.purchase_price == Decimal("0.001")
    assert (bought.stop_loss_initialized, bought.stop_loss_pct) == (True, Decimal(-32))
    assert engine.book.get(bought.position_id) is not None


@pytest.mark.parametrize(
    ("stop", "profit", "told"),
    [(True, False, True), (False, True, True), (True, True, True), (False, False, False)],
)
async def test_what_a_position_is_protected_by_is_told(stop: bool, profit: bool, told: bool) -> None:
    engine, use_case, request = await prepared()
    (agent,) = engine.directory.all()
    sections = {"stopLoss": {"enabled": stop}, "takeProfit": {"enabled": profit}}
    engine.bus.publish(AgentSaved(replace(agent, config=update_config(agent.config, sections))))

    assert (await use_case.execute(request)).stop_loss_initialized is told


async def test_what_a_swap_took_is_told_its_own_fee_included() -> None:
    engine, use_case, request = await prepared()
    execute = engine.swaps.execute

    async def with_a_fee(quote: Quote, submission: Submission | None) -> SwapOutcome:
        outcome = await execute(quote, submission)
        assert isinstance(outcome, Landed)
        return Landed(fill=replace(outcome.fill, total_in_raw=1_001_000_000))

    engine.swaps.execute = with_a_fee  # type: ignore[method-assign]

    assert (await use_case.execute(request)).input_amount == Decimal("1.001")


async def test_a_purchase_refers_to_a_signal_of_its_user_or_is_none() -> None:
    engine, use_case, request = await prepared()
    signals = FakeSignals()
    signals.rows = {SignalId(1): a_signal_row(1), SignalId(2): a_signal_row(2, user_id=UserId(new_id()))}
    use_case = BuyByHand(directory=engine.directory, purchases=engine.purchases, signals=signals)

    for foreign in (2, 3):
        with pytest.raises(SignalNotFoundError):
            await use_case.execute(replace(request, signal_id=SignalId(foreign)))
    assert engine.swaps.requests == []
    assert (await use_case.execute(replace(request, signal_id=SignalId(1)))).signal_id == SignalId(1)


async def test_a_preview_is_the_purchase_and_books_nothing() -> None:
    engine, use_case, request = await prepared()
    written = len(engine.journal.entries)

    seen = await use_case.preview(request)
    assert len(engine.journal.entries) == written
    bought = await use_case.execute(request)

    assert (seen.size_sol, seen.amount, seen.price_sol) == (Decimal(1), Decimal(1000), Decimal("0.001"))
    assert (seen.size_sol, seen.amount) == (bought.input_amount, bought.output_amount)
    assert (seen.stop_loss_pct, seen.stop_price_sol) == (Decimal(-32), Decimal("0.00068"))
    assert (seen.price_impact_pct, seen.protocol_fee_sol) == (Decimal("0.1"), Decimal("0.001"))
    assert (seen.network_fee_sol, seen.rent_sol) == (Decimal("0.000105"), Decimal(0))
    (agent,) = engine.directory.all()
    assert seen.total_sol == engine.book.of_agent(agent.id)[0].position.invested_sol == Decimal("1.000105")
    assert seen.balance_after_sol == sol(engine.balance_raw(agent))


async def test_a_preview_follows_the_size_that_was_asked_for() -> None:
    _, use_case, request = await prepared()

    assert (await use_case.preview(replace(request, size_sol=Decimal("0.25")))).amount == Decimal(250)
    of_the_rules = await use_case.preview(replace(request, size_sol=None))
    assert of_the_rules.size_sol > 0


async def test_what_moves_the_price_too_far_is_previewed_smaller_or_refused() -> None:
    engine, use_case, request = await prepared()
    engine.swaps.impact_above = (9 * 10**8, Decimal("-0.9"))

    seen = await use_case.preview(request)
    assert seen.size_sol < Decimal(1)
    assert seen.max_price_impact_pct is not None
    assert seen.price_impact_pct <= seen.max_price_impact_pct
    engine.swaps.impact_above = (1, Decimal("-0.9"))
    with pytest.raises(TradeRejectedError) as refused:
        await use_case.preview(request)
    assert "would move the price by 90.00 %" in refused.value.message


@pytest.mark.parametrize(
    ("size", "code"),
    [(Decimal(11), "POSITION_SIZE_EXCEEDS_BALANCE"), (Decimal(3), "EXCEEDS_MAX_PURCHASE")],
)
async def test_a_preview_is_refused_as_the_purchase_is(size: Decimal, code: str) -> None:
    engine, use_case, request = await prepared()

    said = []
    for ask in (use_case.preview, use_case.execute):
        with pytest.raises(TradeRejectedError) as refused:
            await ask(replace(request, size_sol=size))
        said.append((refused.value.code, refused.value.message))
    assert said[0] == said[1]
    assert said[0][0] == code
    with pytest.raises(AgentNotFoundError):
        await use_case.preview(replace(request, user_id=UserId(new_id())))
    assert engine.swaps.requests == []


async def test_a_preview_needs_a_quote_and_a_balance_that_covers_the_fees() -> None:
    engine, use_case, request = await prepared()
    engine.swaps.failures += [SwapUnavailableError("busy"), QuoteFailedError("no route")]

    with pytest.raises(SwapUnavailableError):
        await use_case.preview(request)
    with pytest.raises(QuoteFailedError):
        await use_case.preview(request)
    engine.swaps.network_fee_lamports = 10 * 10**9
    with pytest.raises(TradeRejectedError) as refused:
        await use_case.preview(request)
    assert refused.value.code == "INSUFFICIENT_BALANCE"
    assert refused.value.message == "10 SOL do not cover the swap and its fees of 11 SOL"


async def test_a_stranger_is_turned_away() -> None:
    engine, use_case, request = await prepared()

    with pytest.raises(AgentNotFoundError):
        await use_case.execute(replace(request, user_id=UserId(new_id())))
    with pytest.raises(AgentNotFoundError):
        await use_case.execute(replace(request, agent_id=AgentId(new_id())))
    assert engine.swaps.requests == []


@pytest.mark.parametrize(
    ("size", "code"),
    [
        (Decimal(0), "INVALID_POSITION_SIZE"),
        (Decimal(11), "POSITION_SIZE_EXCEEDS_BALANCE"),
        (Decimal("9.6"), "VIOLATES_MINIMUM_BALANCE"),
        (Decimal(3), "EXCEEDS_MAX_PURCHASE"),
    ],
)
async def test_a_refused_size_keeps_its_code(size: Decimal, code: str) -> None:
    _, use_case, request = await prepared()

    with pytest.raises(TradeRejectedError) as refused:
        await use_case.execute(replace(request, size_sol=size))
    assert refused.value.code == code


async def test_a_foreign_wallet_is_not_found() -> None:
    _, use_case, request = await prepared()

    with pytest.raises(TradeRejectedError) as refused:
        await use_case.execute(replace(request, wallet_address=WalletAddress("sim_other")))
    assert refused.value.code == "WALLET_NOT_FOUND"
    assert refused.value.message == "Wallet not found: it is not one of the agent's"


async def test_an_agent_without_a_wallet_of_its_mode_buys_nothing() -> None:
    engine, use_case, request = await prepared()
    (agent,) = engine.directory.all()
    engine.bus.publish(AgentSaved(replace(agent, trading_mode=TradingMode.LIVE)))

    with pytest.raises(TradeRejectedError) as refused:
        await use_case.execute(request)
    assert refused.value.message == "Wallet not found: the agent has no live wallet"


async def test_outages_are_told_from_refusals() -> None:
    engine, use_case, request = await prepared()
    engine.swaps.failures += [SwapUnavailableError("busy"), QuoteFailedError("no route")]

    with pytest.raises(SwapUnavailableError):
        await use_case.execute(request)
    with pytest.raises(QuoteFailedError):
        await use_case.execute(request)
    engine.journal.down = True
    with pytest.raises(JournalUnavailableError, match="see what became of it"):
        await use_case.execute(request)
    # Now that is known, and nothing has begun.
    with pytest.raises(JournalUnavailableError, match="nothing was changed"):
        await use_case.execute(request)
    engine.journal.down, engine.journal.fenced = False, True
    with pytest.raises(NotTheEngineError):
        await use_case.execute(request)


class LosesTheLease(FakeJournal):
    """Another process is the engine by the time a purchase is settled."""

    async def append(self, entries: Sequence[Entry]) -> int:
        if any(isinstance(entry.body, TradeSettled) for entry in entries):
            self.fenced = True
        return await super().append(entries)


async def test_what_another_engine_ends_is_left_unfinished() -> None:
    _, use_case, request = await prepared(LosesTheLease())

    with pytest.raises(LeftUnfinishedError, match="see what became of it"):
        await use_case.execute(request)


async def test_a_second_purchase_of_the_token_is_refused() -> None:
    _, use_case, request = await prepared()
    once = replace(request, intent_id=IntentId(new_id()))
    await use_case.execute(once)

    with pytest.raises(TradeRejectedError) as refused:
        await use_case.execute(once)
    assert refused.value.code == "POSITION_EXISTS"
    assert refused.value.message == "The agent already holds a position in this token"


async def test_a_request_is_the_purchase_it_names_or_one_of_its_own() -> None:
    engine, use_case, request = await prepared()
    named = IntentId(new_id())

    await use_case.execute(replace(request, intent_id=named))
    await use_case.execute(replace(request, token_address=TokenAddress("Another")))

    first, second = [e.body.intent.id for e in engine.journal.entries if isinstance(e.body, TradeIntended)]
    assert first == named
    assert isinstance(second, UUID)


async def test_who_hangs_up_neither_stops_a_purchase_nor_a_sale() -> None:
    engine, buying, request = await prepared()
    selling = CloseByHand(directory=engine.directory, book=engine.book, sale=engine.sales, keys=engine.keys)

    async def hang_up_on(call: Coroutine[Any, Any, object]) -> None:
        engine.swaps.gate = asyncio.Event()
        asked = len(engine.swaps.requests)
        caller = asyncio.ensure_future(call)
        while len(engine.swaps.requests) == asked:
            await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        engine.swaps.gate.set()
        assert await buying.drain(5.0) + await selling.drain(5.0) == 0

    await hang_up_on(buying.execute(request))
    (held,) = engine.book.of_agent(request.agent_id)
    await hang_up_on(selling.execute(request.agent_id, held.position.id, USER, CloseReason.MANUAL))
    assert engine.book.of_agent(request.agent_id) == []
    (closed,) = engine.closed_trades()
    assert closed.position_id == held.position.id
