"""Purchases of several at once: who trades with whom, what is told, and what a preview leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.errors import JournalUnavailableError, StaleWalletError
from nexgent.domain.ledger.events import WalletsTouched
from nexgent.domain.ledger.ledger import DECISION_ATTEMPTS
from nexgent.domain.ledger.models import (
    FIRST_VENUE,
    Entry,
    EntryBody,
    Submission,
    TradeFailed,
    TradeKind,
    TradeSettled,
    TradeSubmitted,
)
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.errors import QuoteFailedError, WalletNotLoadedError
from nexgent.domain.trading.events import TradeFinished
from nexgent.domain.trading.models import Landed, Quote, QuoteRequest, SwapOutcome
from nexgent.domain.trading.orders.purchases import Buyer, PurchaseOrder, PurchasePreview
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT, lamports
from nexgent.shared.types import EntryId, IntentId
from tests.builders import TOKEN, a_config, a_live_agent, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal
from tests.fakes.market import FakeLiveSwaps, FakeSwaps, Fate
from tests.passes import recovered
from tests.patience import PATIENCE_SECONDS, until

ORDER = PurchaseOrder(TOKEN, "EXM", None, "manual")


async def an_engine(
    paper: int, live: int = 0, live_swaps: FakeLiveSwaps | None = None
) -> tuple[FakeEngine, list[Agent]]:
    swaps = FakeSwaps()
    venues = SwapVenues(
        [
            Venue(FIRST_VENUE, TradingMode.SIMULATION, swaps),
            Venue(FIRST_VENUE, TradingMode.LIVE, live_swaps or FakeLiveSwaps("live")),
        ]
    )
    engine = FakeEngine(swaps=swaps, venues=venues)
    agents = [an_agent(a_config()) for _ in range(paper)] + [a_live_agent(a_config()) for _ in range(live)]
    for agent in agents:
        await engine.add_agent(agent)
        if agent.trading_mode is TradingMode.LIVE:
            engine.keys.loaded.add(agent.wallets[0].address)
    return engine, agents


def _told(engine: FakeEngine) -> list[tuple[TradeKind, bool, str | None]]:
    events = [event for event in engine.events if isinstance(event, TradeFinished)]
    return [(event.kind, event.succeeded, event.code) for event in events for _ in range(event.count)]


async def _previews(
    engine: FakeEngine, agents: Sequence[Agent], size: str | None = "1"
) -> list[PurchasePreview]:
    size_sol = Decimal(size) if size is not None else None
    buyers = [Buyer(agent, agent.wallets[0], IntentId(new_id()), size_sol) for agent in agents]
    return await engine.purchases.preview(ORDER, buyers)


@pytest.mark.parametrize(("paper", "live"), [(0, 0), (2, 0), (0, 1), (0, 2), (1, 2)])
async def test_paper_and_live_wallets_buy_side_by_side(paper: int, live: int) -> None:
    engine, agents = await an_engine(paper, live)

    results = await engine.buy(agents, size_sol=Decimal(1))

    assert {result.buyer.agent.id for result in results} == {agent.id for agent in agents}
    assert [result.code for result in results] == [None] * (paper + live)
    assert all(len(engine.positions(agent)) == 1 for agent in agents)


@pytest.mark.parametrize("count", [25, 26, 51])
async def test_a_burst_of_any_size_is_bought_by_everybody_once(count: int) -> None:
    engine, agents = await an_engine(count)

    results = await engine.buy(agents, size_sol=Decimal(1))

    assert len(results) == count
    assert all(result.position is not None for result in results)
    assert all(len(engine.positions(agent)) == 1 for agent in agents)
    assert set(results[0].stages_ms) == {"intended", "quoted", "recorded"}


async def test_how_a_purchase_ended_is_told_once_it_had_begun() -> None:
    engine, (agent, poor) = await an_engine(2)
    await engine.buy([agent], size_sol=Decimal(1))
    engine.swaps.failures.append(QuoteFailedError("no route"))
    await engine.buy([poor], size_sol=Decimal(1))
    # What was refused before it began is a decision, and no trade.
    await engine.buy([poor], size_sol=Decimal(1_000))

    assert _told(engine) == [
        (TradeKind.PURCHASE, True, None),
        (TradeKind.PURCHASE, False, "QUOTE_FAILED"),
    ]


async def test_a_purchase_that_recovery_carries_on_is_told_as_well() -> None:
    engine, (agent,) = await an_engine(1)
    engine.swaps.gate = asyncio.Event()
    buying = asyncio.create_task(engine.buy([agent], size_sol=Decimal(1)))
    await until(lambda: bool(engine.swaps.requests) and len(engine.journal.entries) == 2)
    buying.cancel()
    await asyncio.gather(buying, return_exceptions=True)
    engine.swaps.gate = None
    assert _told(engine) == []

    assert await recovered(engine.recovery) == 1

    assert _told(engine) == [(TradeKind.PURCHASE, True, None)]
    (position,) = engine.positions(agent)
    assert position.quantity_raw == 1_000_000_000


async def test_a_preview_decides_and_quotes_and_leaves_nothing_behind() -> None:
    engine, agents = await an_engine(2, 2)
    entries = len(engine.journal.entries)

    previews = await _previews(engine, agents)

    assert {preview.result.buyer.agent.id for preview in previews} == {agent.id for agent in agents}
    for preview in previews:
        assert preview.quote is not None
        assert (preview.quote.in_amount_raw, preview.decimals) == (1_000_000_000, 6)
        assert (preview.result.size_sol, preview.result.code) == (Decimal(1), None)
    assert len(engine.journal.entries) == entries
    assert not any(engine.ledger.head(agent.wallets[0].address).intents for agent in agents)


async def test_a_preview_says_why_not() -> None:
    engine, (agent, other) = await an_engine(2)

    (poor,) = await _previews(engine, [agent], "1000")
    assert (poor.quote, poor.result.code) == (None, "POSITION_SIZE_EXCEEDS_BALANCE")
    assert engine.swaps.requests == []

    engine.swaps.failures.append(QuoteFailedError("no route"))
    (unquoted,) = await _previews(engine, [other])
    assert (unquoted.quote, unquoted.result.code) == (None, "QUOTE_FAILED")

    engine.journal.down = True
    elsewhere = FakeEngine(engine.journal)
    elsewhere.directory.load([agent])
    (away,) = await _previews(elsewhere, [agent])
    assert (away.quote, away.result.code) == (None, "JOURNAL_UNAVAILABLE")
    (refused,) = await elsewhere.buy([agent], size_sol=Decimal(1))
    assert (refused.code, refused.intended) == ("JOURNAL_UNAVAILABLE", False)


async def test_who_is_refused_in_a_preview_keeps_nobody_else_from_a_quote() -> None:
    engine, agents = await an_engine(2)
    await engine.buy(agents[:1], size_sol=Decimal(1))

    refused, quoted = await _previews(engine, agents, None)

    assert (refused.quote, refused.result.code) == (None, "POSITION_EXISTS")
    assert quoted.quote is not None


async def test_a_purchase_that_is_under_way_is_not_begun_again() -> None:
    engine, (agent,) = await an_engine(1)
    engine.swaps.gate = asyncio.Event()
    buyer = Buyer(agent, agent.wallets[0], IntentId(new_id()), Decimal(1))
    first = asyncio.create_task(engine.purchases.execute(ORDER, [buyer]))
    await until(lambda: bool(engine.swaps.requests))

    (again,) = await engine.purchases.execute(ORDER, [buyer])

    assert (again.code, again.intended) == ("PURCHASE_IN_PROGRESS", False)
    engine.swaps.gate.set()
    (bought,) = await first
    assert bought.position is not None


@pytest.mark.parametrize(("paper", "live"), [(3, 0), (0, 1)])
async def test_news_of_a_wallet_that_come_during_a_purchase_do_not_put_its_end_in_doubt(
    paper: int, live: int
) -> None:
    chain = FakeLiveSwaps("live")
    engine, agents = await an_engine(paper, live, chain)
    buyers = [Buyer(agent, agent.wallets[0], IntentId(new_id()), Decimal(1)) for agent in agents]
    touched = WalletsTouched([buyer.wallet.address for buyer in buyers])
    quoted = engine.swaps.gate = chain.gate = asyncio.Event()
    chain.on_send = lambda _: engine.ledger.on_touched(touched)
    buying = asyncio.create_task(engine.purchases.execute(ORDER, buyers))
    await until(lambda: all(engine.ledger.head(buyer.wallet.address).intents for buyer in buyers))
    await engine.ledger.written()

    engine.ledger.on_touched(touched)
    quoted.set()

    results = await buying
    assert [(result.code, result.in_doubt) for result in results] == [(None, False)] * len(buyers)
    assert all(result.position is not None for result in results)


async def test_news_of_a_wallet_do_not_keep_a_failure_from_being_recorded() -> None:
    engine, (agent,) = await an_engine(1)
    buyer = Buyer(agent, agent.wallets[0], IntentId(new_id()), Decimal(1))
    engine.swaps.gate = asyncio.Event()
    engine.swaps.failures.append(QuoteFailedError("nobody sells"))
    buying = asyncio.create_task(engine.purchases.execute(ORDER, [buyer]))
    await until(lambda: bool(engine.ledger.head(buyer.wallet.address).intents))
    await engine.ledger.written()

    engine.ledger.on_touched(WalletsTouched([buyer.wallet.address]))
    engine.swaps.gate.set()

    (result,) = await buying
    assert (result.code, result.in_doubt) == (QuoteFailedError.code, False)
    assert not engine.ledger.head(buyer.wallet.address).intents


class OvertakenJournal(FakeJournal):
    """Another process writes a deposit just before an entry of such a kind, so many times."""

    def __init__(self, kind: type[EntryBody], times: int) -> None:
        super().__init__()
        self.kind = kind
        self.times = times

    async def append(self, entries: Sequence[Entry]) -> int:
        for entry in entries:
            if self.times and isinstance(entry.body, self.kind):
                self.times -= 1
                wallet = entry.wallet_address
                deposit = next(one for one in self.entries if one.wallet_address == wallet)
                self.entries.append(
                    replace(deposit, id=EntryId(new_id()), seq=self.replay(wallet).seq + 1, at=entry.at)
                )
                break
        return await super().append(entries)


async def _overtaken(
    kind: type[EntryBody], times: int, mode: TradingMode, chain: FakeLiveSwaps | None = None
) -> tuple[FakeEngine, list[Agent]]:
    swaps = FakeSwaps()
    venues = SwapVenues(
        [
            Venue(FIRST_VENUE, TradingMode.SIMULATION, swaps),
            Venue(FIRST_VENUE, TradingMode.LIVE, chain or FakeLiveSwaps("live")),
        ]
    )
    engine = FakeEngine(OvertakenJournal(kind, times), swaps=swaps, venues=venues)
    live = mode is TradingMode.LIVE
    agents = [a_live_agent(a_config())] if live else [an_agent(a_config()) for _ in range(3)]
    for agent in agents:
        await engine.add_agent(agent)
        engine.keys.loaded.add(agent.wallets[0].address)
    return engine, agents


@pytest.mark.parametrize("mode", TradingMode)
@pytest.mark.parametrize("times", [1, DECISION_ATTEMPTS - 1])
async def test_a_settlement_that_is_overtaken_is_booked_on_the_spot(mode: TradingMode, times: int) -> None:
    engine, agents = await _overtaken(TradeSettled, times, mode)

    results = await engine.buy(agents, size_sol=Decimal(1))

    assert [(one.code, one.in_doubt) for one in results] == [(None, False)] * len(agents)
    assert all(one.position is not None and one.settled is not None for one in results)
    assert [len(engine.positions(agent)) for agent in agents] == [1] * len(agents)
    assert engine.journal.times == 0  # type: ignore[attr-defined]
    for agent in agents:
        wallet = agent.wallets[0].address
        assert engine.ledger.head(wallet) == engine.journal.replay(wallet)
    assert _told(engine) == [(TradeKind.PURCHASE, True, None)] * len(agents)


@pytest.mark.parametrize("mode", TradingMode)
async def test_a_settlement_that_is_overtaken_each_time_is_left_to_recovery(mode: TradingMode) -> None:
    engine, agents = await _overtaken(TradeSettled, DECISION_ATTEMPTS, mode)

    (result,) = await engine.buy(agents[:1], size_sol=Decimal(1))

    assert (result.code, result.in_doubt, result.position) == (StaleWalletError.code, True, None)
    assert _told(engine) == []
    assert await recovered(engine.recovery) == 1
    assert len(engine.positions(agents[0])) == 1


async def test_what_is_known_to_have_landed_is_booked_though_it_is_overtaken() -> None:
    chain = FakeLiveSwaps("live")
    engine, agents = await _overtaken(TradeSettled, DECISION_ATTEMPTS, TradingMode.LIVE, chain)
    await engine.buy(agents, size_sol=Decimal(1))
    engine.journal.times = 1  # type: ignore[attr-defined]

    assert await recovered(engine.recovery) == 1

    assert len(engine.positions(agents[0])) == 1


async def test_a_failure_that_is_overtaken_is_recorded_on_the_spot() -> None:
    engine, agents = await _overtaken(TradeFailed, DECISION_ATTEMPTS - 1, TradingMode.SIMULATION)
    engine.swaps.failures.append(QuoteFailedError("nobody sells"))

    (result,) = await engine.buy(agents[:1], size_sol=Decimal(1))

    assert (result.code, result.in_doubt) == (QuoteFailedError.code, False)
    assert not engine.ledger.head(agents[0].wallets[0].address).intents
    assert _told(engine) == [(TradeKind.PURCHASE, False, QuoteFailedError.code)]


async def test_a_failed_sale_that_is_overtaken_is_recorded_on_the_spot() -> None:
    engine, agents = await _overtaken(TradeFailed, DECISION_ATTEMPTS - 1, TradingMode.SIMULATION)
    (bought,) = await engine.buy(agents[:1], size_sol=Decimal(1))
    assert bought.position is not None
    engine.swaps.failures.append(QuoteFailedError("nobody buys"))

    with pytest.raises(QuoteFailedError):
        await engine.sales.execute(
            ClosePositionRequest(
                wallet_address=bought.position.wallet_address,
                position_id=bought.position.id,
                reason=CloseReason.MANUAL,
            )
        )

    assert engine.journal.times == 0  # type: ignore[attr-defined]
    assert not engine.ledger.head(bought.position.wallet_address).intents


async def test_a_swap_is_sent_though_its_submission_was_overtaken() -> None:
    engine, agents = await _overtaken(TradeSubmitted, DECISION_ATTEMPTS - 1, TradingMode.LIVE)

    (result,) = await engine.buy(agents, size_sol=Decimal(1))

    assert (result.code, result.in_doubt) == (None, False)
    assert len(engine.positions(agents[0])) == 1
    submitted = [one for one in engine.journal.entries if isinstance(one.body, TradeSubmitted)]
    assert len(submitted) == 1


async def test_a_reverted_swap_is_recorded_though_it_is_overtaken() -> None:
    chain = FakeLiveSwaps("live")
    chain.fate = Fate.REVERTED
    engine, agents = await _overtaken(TradeFailed, DECISION_ATTEMPTS - 1, TradingMode.LIVE, chain)

    (result,) = await engine.buy(agents, size_sol=Decimal(1))

    assert (result.code, result.in_doubt) == ("SWAP_FAILED", False)
    state = engine.ledger.head(agents[0].wallets[0].address)
    assert not state.intents
    assert state.balance_raw(SOL_MINT) == lamports(Decimal(10) * DECISION_ATTEMPTS) - 5_000


async def test_how_long_a_trade_took_is_told() -> None:
    engine, (agent,) = await an_engine(1)
    engine.clock.advance(5)
    (bought,) = await engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None
    engine.clock.advance(5)
    await engine.sales.execute(
        ClosePositionRequest(
            wallet_address=bought.position.wallet_address,
            position_id=bought.position.id,
            reason=CloseReason.MANUAL,
        )
    )

    told = [event for event in engine.events if isinstance(event, TradeFinished)]
    assert [(event.kind, event.seconds) for event in told] == [
        (TradeKind.PURCHASE, 0.0),
        (TradeKind.SALE, 0.0),
    ]


async def test_the_stages_of_a_purchase_are_told_in_milliseconds() -> None:
    engine, (agent,) = await an_engine(1)
    ask = engine.swaps.quote

    async def slow(request: QuoteRequest, *, urgent: bool = False) -> Quote:
        engine.clock.advance(2)
        return await ask(request, urgent=urgent)

    engine.swaps.quote = slow  # type: ignore[method-assign]

    (bought,) = await engine.buy([agent], size_sol=Decimal(1))

    assert bought.stages_ms == {"intended": 2_000, "quoted": 2_000, "recorded": 2_000}


class EmptySwaps(FakeLiveSwaps):
    """What is executed is said to have moved nothing; asked later, the venue tells what it moved."""

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        outcome = await super().execute(quote, submission)
        assert isinstance(outcome, Landed)
        return Landed(fill=replace(outcome.fill, out_amount_raw=0))


async def _an_engine_of_empty_swaps(mode: TradingMode) -> tuple[FakeEngine, Agent]:
    engine = FakeEngine(venues=SwapVenues([Venue(FIRST_VENUE, mode, EmptySwaps("empty"))]))
    agent = a_live_agent(a_config()) if mode is TradingMode.LIVE else an_agent(a_config())
    await engine.add_agent(agent)
    engine.keys.loaded.add(agent.wallets[0].address)
    return engine, agent


async def test_a_paper_fill_that_cannot_be_settled_is_a_failed_trade_that_reserves_nothing() -> None:
    engine, agent = await _an_engine_of_empty_swaps(TradingMode.SIMULATION)

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.in_doubt, result.position) == ("INVALID_TRANSACTION", False, None)
    state = engine.ledger.head(agent.wallets[0].address)
    assert not state.intents
    assert state.available_raw(SOL_MINT) == state.balance_raw(SOL_MINT)
    body = engine.journal.entries[-1].body
    assert isinstance(body, TradeFailed)
    assert body.code == "INVALID_TRANSACTION"
    assert _told(engine) == [(TradeKind.PURCHASE, False, "INVALID_TRANSACTION")]


async def test_a_landed_fill_that_cannot_be_settled_is_in_doubt_until_recovery_books_it() -> None:
    engine, agent = await _an_engine_of_empty_swaps(TradingMode.LIVE)

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.in_doubt, result.position) == ("INVALID_TRANSACTION", True, None)
    assert list(engine.ledger.head(agent.wallets[0].address).intents) == [result.buyer.intent_id]
    assert not any(isinstance(entry.body, TradeFailed) for entry in engine.journal.entries)
    # It has not ended, so nobody is told that it has.
    assert _told(engine) == []
    assert await recovered(engine.recovery) == 1
    assert len(engine.positions(agent)) == 1
    assert _told(engine) == [(TradeKind.PURCHASE, True, None)]


async def test_a_live_wallet_needs_its_key_and_a_paper_wallet_none() -> None:
    engine, (paper, live) = await an_engine(1, 1)
    engine.keys.loaded.clear()

    bought, refused = await engine.buy([paper, live], size_sol=Decimal(1))

    assert (bought.code, refused.code) == (None, WalletNotLoadedError.code)
    assert (len(engine.positions(paper)), len(engine.positions(live))) == (1, 0)
    assert not engine.ledger.head(live.wallets[0].address).intents
    # One that is loaded buys.
    engine.keys.loaded.add(live.wallets[0].address)
    (bought,) = await engine.buy([live], size_sol=Decimal(1))
    assert (bought.code, len(engine.positions(live))) == (None, 1)


async def test_a_failure_whose_wallet_is_unknown_meanwhile_is_in_doubt_and_keeps_nobody_else_from_buying() -> (
    None
):
    engine, (gone, agent) = await an_engine(2)
    wallet = gone.wallets[0].address
    ask = engine.swaps.quote

    async def quote(request: QuoteRequest, *, urgent: bool = False) -> Quote:
        if request.amount_raw == lamports(Decimal(1)):
            engine.ledger.forget(wallet)
            del engine.journal.wallets[wallet]
            raise QuoteFailedError("no route")
        return await ask(request, urgent=urgent)

    engine.swaps.quote = quote  # type: ignore[method-assign]
    buyers = [
        Buyer(one, one.wallets[0], IntentId(new_id()), Decimal(size)) for one, size in ((gone, 1), (agent, 2))
    ]

    refused, bought = await engine.purchases.execute(ORDER, buyers)

    # Its intent is in the journal, and so it is for recovery to end it.
    assert (refused.code, refused.in_doubt) == (QuoteFailedError.code, True)
    assert (bought.code, bought.in_doubt, len(engine.positions(agent))) == (None, False, 1)


async def test_a_failure_that_the_journal_does_not_take_is_in_doubt_until_recovery_has_ended_it() -> None:
    engine, (agent,) = await an_engine(1)

    async def quote(request: QuoteRequest, *, urgent: bool = False) -> Quote:
        # Its intent is in the journal by then; its failure is not.
        await engine.ledger.written()
        engine.journal.down = True
        raise QuoteFailedError("no route")

    engine.swaps.quote = quote  # type: ignore[method-assign]

    (refused,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (refused.code, refused.in_doubt) == (QuoteFailedError.code, True)
    assert _told(engine) == []


async def test_who_hears_that_nothing_was_written_does_not_wait_for_an_offer() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    engine.swaps.gate = asyncio.Event()
    engine.journal.down = True

    # The offer never comes: whoever waited for it would be here for ever.
    (result,) = await asyncio.wait_for(engine.buy([agent], size_sol=Decimal(1)), PATIENCE_SECONDS)

    assert (result.code, result.position) == (JournalUnavailableError.code, None)
