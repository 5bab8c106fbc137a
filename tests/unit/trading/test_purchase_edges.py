"""Purchases at their limits: the last lamport, the last free place, and a journal that goes away half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.errors import (
    InsufficientBalanceError,
    JournalUnavailableError,
    NotTheEngineError,
    StaleWalletError,
)
from nexgent.domain.ledger.events import WalletsTouched
from nexgent.domain.ledger.models import (
    FIRST_VENUE,
    Account,
    Entry,
    Submission,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSettled,
)
from nexgent.domain.ledger.postings import SOL
from nexgent.domain.trading.errors import QuoteFailedError, SwapNotSentError, TradeRejectedError
from nexgent.domain.trading.events import TradeFinished
from nexgent.domain.trading.models import Landed, Quote, QuoteRequest, SwapOutcome
from nexgent.domain.trading.orders import swap_execution
from nexgent.domain.trading.orders.average_down import AverageDownRequest
from nexgent.domain.trading.orders.purchases import SHARE, Buyer, PurchaseOrder, PurchaseResult
from nexgent.domain.trading.rules.purchase_validation import MAX_OPEN_POSITIONS
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT, lamports
from nexgent.shared.types import EntryId, IntentId, TokenAddress, WalletAddress
from tests.builders import TOKEN, a_config, a_live_agent, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal
from tests.fakes.market import FakeLiveSwaps, Fate
from tests.passes import recovered
from tests.patience import until

OTHER = TokenAddress("Another")
LITTLE_KEPT = {"purchaseLimits": {"minimumAgentBalance": 0.1}}


async def an_engine(
    count: int = 1, *, journal: FakeJournal | None = None, balance_sol: Decimal = Decimal(10)
) -> tuple[FakeEngine, list[Agent]]:
    engine = FakeEngine(journal)
    agents = [await engine.add_agent(an_agent(a_config(LITTLE_KEPT)), balance_sol) for _ in range(count)]
    return engine, agents


async def a_live_engine(swaps: FakeLiveSwaps, journal: FakeJournal | None = None) -> tuple[FakeEngine, Agent]:
    engine = FakeEngine(journal, venues=SwapVenues([Venue(FIRST_VENUE, TradingMode.LIVE, swaps)]))
    agent = await engine.add_agent(a_live_agent(a_config()))
    engine.keys.loaded.add(agent.wallets[0].address)
    return engine, agent


def _told(engine: FakeEngine) -> list[tuple[bool, str | None]]:
    events = [event for event in engine.events if isinstance(event, TradeFinished)]
    return [(event.succeeded, event.code) for event in events for _ in range(event.count)]


@pytest.mark.parametrize(("missing", "code"), [(0, None), (1, "INSUFFICIENT_BALANCE")])
async def test_the_last_lamport_may_be_spent_and_no_more(missing: int, code: str | None) -> None:
    engine, (agent,) = await an_engine(balance_sol=Decimal("1.1"))
    engine.swaps.network_fee_lamports = 100_000_000 + missing

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.in_doubt) == (code, False)
    assert engine.balance_raw(agent) == (0 if code is None else 1_100_000_000)
    if code is not None:
        assert result.details == {"available": "1.100000000"}
        failed = engine.journal.entries[-1].body
        assert isinstance(failed, TradeFailed)
        assert failed.reason == result.reason == "1.1 SOL do not cover the swap and its fees"


class Slow(FakeLiveSwaps):
    """Has time for one token's quotes only when `hold` is set."""

    def __init__(self) -> None:
        super().__init__("slow")
        self.hold = asyncio.Event()

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        if request.output_mint == OTHER:
            await self.hold.wait()
        return await super().quote(request, urgent=urgent)


@pytest.mark.parametrize("kind", [TradeKind.PURCHASE, TradeKind.DCA_BUY])
@pytest.mark.parametrize("live", [False, True])
async def test_fees_reach_into_what_others_have_reserved_only_when_the_chain_has_taken_them(
    kind: TradeKind, live: bool
) -> None:
    swaps, mode = Slow(), TradingMode.LIVE if live else TradingMode.SIMULATION
    engine = FakeEngine(venues=SwapVenues([Venue(FIRST_VENUE, mode, swaps)]))
    agent = await engine.add_agent((a_live_agent if live else an_agent)(a_config(LITTLE_KEPT)))
    engine.keys.loaded.add(agent.wallets[0].address)
    if kind is TradeKind.DCA_BUY:
        await engine.buy([agent], size_sol=Decimal(1))
    other = asyncio.create_task(engine.buy([agent], OTHER, Decimal(1)))
    await until(lambda: bool(engine.ledger.head(agent.wallets[0].address).intents))
    free_raw = engine.ledger.head(agent.wallets[0].address).available_raw(SOL_MINT)
    before = engine.balance_raw(agent)
    swaps.network_fee_lamports = free_raw - lamports(Decimal(1)) + 1

    code = None
    if kind is TradeKind.PURCHASE:
        (result,) = await engine.buy([agent], size_sol=Decimal(1))
        code = result.code
    else:
        request = AverageDownRequest(
            wallet_address=agent.wallets[0].address,
            position_id=engine.positions(agent)[0].id,
            amount_sol=Decimal(1),
        )
        try:
            await engine.average_down.execute(request)
        except InsufficientBalanceError as error:
            code = error.code

    assert code == (None if live else "INSUFFICIENT_BALANCE")
    assert before - engine.balance_raw(agent) == (free_raw + 1 if live else 0)
    swaps.network_fee_lamports = 0
    swaps.hold.set()
    (bought,) = await other
    assert bought.code is None


class Filled(FakeLiveSwaps):
    """Everything lands as the amounts the test wants."""

    def __init__(self, in_raw: int, out_raw: int) -> None:
        super().__init__("filled")
        self._amounts = {"in_amount_raw": in_raw, "out_amount_raw": out_raw}

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        outcome = await super().execute(quote, submission)
        assert isinstance(outcome, Landed)
        return Landed(fill=replace(outcome.fill, **self._amounts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("in_raw", "out_raw", "code"),
    [
        (1, 1, None),
        (0, 1, "INVALID_TRANSACTION"),
        (1, 0, "INVALID_TRANSACTION"),
        (-1, 1, "INVALID_TRANSACTION"),
        (1, -1, "INVALID_TRANSACTION"),
    ],
)
async def test_a_single_unit_is_a_purchase_and_nothing_is_none(
    in_raw: int, out_raw: int, code: str | None
) -> None:
    swaps = Filled(in_raw, out_raw)
    engine = FakeEngine(venues=SwapVenues([Venue(FIRST_VENUE, TradingMode.SIMULATION, swaps)]))
    agent = await engine.add_agent(an_agent(a_config()))

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, [one.quantity_raw for one in engine.positions(agent)]) == (
        code,
        [1] if code is None else [],
    )


@pytest.mark.parametrize(("symbol", "known_as"), [("EXM", "EXM"), (None, "TOKEN")])
async def test_what_a_purchase_intends_and_opens(symbol: str | None, known_as: str) -> None:
    engine, (agent,) = await an_engine()
    buyer = Buyer(agent, agent.wallets[0], IntentId(new_id()), Decimal(1))

    await engine.purchases.execute(PurchaseOrder(TOKEN, symbol, None, "manual"), [buyer])

    (intent,) = [e.body.intent for e in engine.journal.entries if isinstance(e.body, TradeIntended)]
    assert (intent.id, intent.kind, intent.position_id) == (buyer.intent_id, TradeKind.PURCHASE, None)
    assert (intent.generation, intent.amount_raw, intent.input_mint) == (0, 1_000_000_000, SOL_MINT)
    (position,) = engine.positions(agent)
    assert (intent.token_symbol, position.token_symbol) == (known_as, known_as)


async def test_as_many_positions_are_opened_as_an_agent_may_have_those_under_way_counted() -> None:
    engine, (agent,) = await an_engine(balance_sol=Decimal(100))
    tokens = [TokenAddress(f"Mint{number}") for number in range(MAX_OPEN_POSITIONS + 1)]
    for token in tokens[:-2]:
        (opened,) = await engine.buy([agent], token, Decimal(1))
        assert opened.position is not None
    engine.swaps.gate = asyncio.Event()
    last = asyncio.create_task(engine.buy([agent], tokens[-2], Decimal(1)))
    await until(lambda: bool(engine.ledger.head(agent.wallets[0].address).intents))

    (refused,) = await engine.buy([agent], tokens[-1], Decimal(1))

    assert (refused.code, refused.intended) == ("MAX_POSITIONS_EXCEEDED", False)
    engine.swaps.gate.set()
    (opened,) = await last
    assert (opened.code, len(engine.positions(agent))) == (None, MAX_OPEN_POSITIONS)
    engine.swaps.gate = None
    (still,) = await engine.buy([agent], tokens[-1], Decimal(1))
    assert still.code == "MAX_POSITIONS_EXCEEDED"


async def test_a_size_that_cannot_be_calculated_says_why() -> None:
    engine, (poor, rich) = await an_engine(2)
    await engine.deposit(poor.wallets[0], Decimal("-9.85"))

    (unsized,) = await engine.buy([poor])
    (oversized,) = await engine.buy([rich], size_sol=Decimal(11))

    assert (unsized.code, unsized.details) == (
        "POSITION_CALCULATION_ERROR",
        {"cause": "BELOW_MINIMUM_THRESHOLD"},
    )
    assert (oversized.code, oversized.details) == ("POSITION_SIZE_EXCEEDS_BALANCE", {})


class SettlesOnce(FakeJournal):
    """Takes settlements once; then `after` happens to it."""

    def __init__(self, **after: bool) -> None:
        super().__init__()
        self._after = after
        self.settled = 0
        self.at_most = 1

    async def append(self, entries: Sequence[Entry]) -> int:
        if any(isinstance(entry.body, TradeSettled) for entry in entries):
            self.settled += 1
            if self.settled > self.at_most:
                for name, value in self._after.items():
                    setattr(self, name, value)
        return await super().append(entries)


@pytest.mark.parametrize(
    ("trouble", "error"), [("down", JournalUnavailableError), ("fenced", NotTheEngineError)]
)
@pytest.mark.parametrize("live", [False, True])
async def test_a_settlement_that_the_journal_does_not_take_is_in_doubt_until_recovery_books_it(
    trouble: str, error: type[JournalUnavailableError], live: bool
) -> None:
    journal = SettlesOnce(**{trouble: True})
    journal.at_most = 0
    if live:
        engine, agent = await a_live_engine(FakeLiveSwaps("live"), journal)
    else:
        engine, (agent,) = await an_engine(journal=journal)

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.in_doubt, result.position) == (error.code, True, None)
    assert not any(isinstance(entry.body, TradeFailed) for entry in journal.entries)
    assert _told(engine) == []
    # Whoever hears that nobody writes does not try again.
    assert journal.settled == 1
    journal.at_most = 9
    journal.down = journal.fenced = False
    await engine.ledger.refresh([agent.wallets[0].address])
    assert await recovered(engine.recovery) == 1
    assert len(engine.positions(agent)) == 1


async def test_who_has_bought_before_the_journal_went_away_has_bought() -> None:
    journal = SettlesOnce(down=True)
    engine, agents = await an_engine(SHARE + 1, journal=journal)

    results = await engine.buy(agents, size_sol=Decimal(1))

    bought, (left,) = results[:SHARE], results[SHARE:]
    assert {(one.code, one.in_doubt) for one in bought} == {(None, False)}
    assert all(one.position is not None for one in bought)
    assert (left.code, left.in_doubt, left.position) == (JournalUnavailableError.code, True, None)


async def test_a_share_whose_end_nobody_expects_keeps_what_others_have_bought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, agents = await an_engine(SHARE + 1)
    commit = engine.ledger.commit_each

    async def breaks(entries: Sequence[Entry]) -> Any:
        if len(entries) == 1 and isinstance(entries[0].body, TradeSettled):
            raise TradeRejectedError("BROKEN", "the last share's alone")
        return await commit(entries)

    monkeypatch.setattr(engine.ledger, "commit_each", breaks)

    results = await engine.buy(agents, size_sol=Decimal(1))

    assert [one.code for one in results] == [None] * SHARE + ["BROKEN"]
    assert all(one.position is not None for one in results[:SHARE])
    assert _told(engine) == [(True, None)] * SHARE
    # Its settlement is in line, and was written a moment later.
    assert [one.in_doubt for one in results] == [False] * SHARE + [True]
    assert [len(engine.positions(agent)) for agent in agents] == [1] * (SHARE + 1)


async def test_who_was_refused_before_the_others_end_was_lost_has_failed_once_it_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, agents = await an_engine(2)
    commit = engine.ledger.commit_each

    async def breaks(entries: Sequence[Entry]) -> Any:
        if any(isinstance(entry.body, TradeSettled) for entry in entries):
            raise TradeRejectedError("BROKEN", "nobody's fault")
        return await commit(entries)

    monkeypatch.setattr(engine.ledger, "commit_each", breaks)
    execute = engine.swaps.execute
    refusals: list[Exception] = [SwapNotSentError("refused")]

    async def refuses_first(quote: Quote, submission: Submission | None) -> SwapOutcome:
        if refusals:
            raise refusals.pop()
        return await execute(quote, submission)

    monkeypatch.setattr(engine.swaps, "execute", refuses_first)

    results = await engine.buy(agents, size_sol=Decimal(1))

    assert [(one.code, one.in_doubt) for one in results] == [("SWAP_FAILED", False), ("BROKEN", True)]
    assert not engine.ledger.head(agents[0].wallets[0].address).intents
    assert _told(engine) == [(False, "SWAP_FAILED")]


async def test_an_intent_whose_offer_broke_is_recorded_as_failed_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, (agent,) = await an_engine()

    async def breaks(*_: Any) -> None:
        raise TradeRejectedError("BROKEN", "nobody's fault")

    monkeypatch.setattr(engine.purchases._offers, "fetch", breaks)

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.in_doubt) == ("BROKEN", False)
    assert [type(entry.body) for entry in engine.journal.entries[1:]] == [TradeIntended, TradeFailed]


async def test_an_intent_of_which_nobody_can_say_whether_it_was_written_is_in_doubt() -> None:
    engine, (agent,) = await an_engine()
    engine.journal.down = True

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.in_doubt, result.intended) == (JournalUnavailableError.code, True, False)


async def test_a_swap_that_was_sent_is_not_called_failed_by_whoever_gives_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(swap_execution, "RESOLVE_PAUSES_SECONDS", ())
    swaps = FakeLiveSwaps("live")
    swaps.silent = 1
    engine, agent = await a_live_engine(swaps)
    (sent,) = await engine.buy([agent], size_sol=Decimal(1))
    result = PurchaseResult(sent.buyer, begun=True, intended=True)

    await engine.purchases._booking.give_up([result], TradeRejectedError("BROKEN", "nobody's fault"))

    assert (sent.code, result.code, result.in_doubt) == ("SWAP_UNKNOWN", "BROKEN", True)
    assert not any(isinstance(entry.body, TradeFailed) for entry in engine.journal.entries)


async def test_an_intent_that_is_refused_is_told_before_its_offer_is_there() -> None:
    engine, (agent,) = await an_engine()
    engine.journal.fenced = True
    engine.swaps.gate = asyncio.Event()

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.begun, result.in_doubt) == (NotTheEngineError.code, False, False)


async def test_a_purchase_that_landed_and_failed_has_ended_and_is_told() -> None:
    swaps = FakeLiveSwaps("live")
    swaps.fate = Fate.REVERTED
    engine, agent = await a_live_engine(swaps)

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.in_doubt) == ("SWAP_FAILED", False)
    assert _told(engine) == [(False, "SWAP_FAILED")]


class Emptied(FakeJournal):
    """Somebody takes out all that is free, in another process, just before a purchase is settled."""

    taken = False

    async def append(self, entries: Sequence[Entry]) -> int:
        settled = next((entry for entry in entries if isinstance(entry.body, TradeSettled)), None)
        if settled is not None and not self.taken:
            self.taken = True
            state = self.replay(settled.wallet_address)
            free_raw = state.available_raw(SOL_MINT)
            legs = (SOL.posting(Account.WALLET, -free_raw), SOL.posting(Account.EXTERNAL, free_raw))
            deposit = self.entries[0]
            self.entries.append(
                replace(deposit, id=EntryId(new_id()), seq=state.seq + 1, at=settled.at, postings=legs)
            )
        return await super().append(entries)


async def test_a_purchase_that_is_not_affordable_any_more_when_it_is_settled_anew_has_failed() -> None:
    engine, (agent,) = await an_engine(journal=Emptied())
    # Twice what is reserved for fees.
    engine.swaps.network_fee_lamports = 20_000_000

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.in_doubt, result.position) == ("INSUFFICIENT_BALANCE", False, None)
    assert _told(engine) == [(False, "INSUFFICIENT_BALANCE")]
    state = engine.ledger.head(agent.wallets[0].address)
    assert (len(state.intents), state.balance_raw(SOL_MINT)) == (0, 1_010_000_000)


class FailsNever(FakeJournal):
    """Another process is the engine by the time a trade has failed."""

    asked = 0

    async def append(self, entries: Sequence[Entry]) -> int:
        if any(isinstance(entry.body, TradeFailed) for entry in entries):
            self.asked += 1
            self.fenced = True
        return await super().append(entries)


async def test_a_failure_that_is_another_engines_to_record_is_tried_once() -> None:
    journal = FailsNever()
    engine, (agent,) = await an_engine(journal=journal)
    engine.swaps.failures.append(QuoteFailedError("no route"))

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.in_doubt, journal.asked) == ("QUOTE_FAILED", True, 1)


async def test_a_failure_is_recorded_with_its_reason() -> None:
    engine, (agent,) = await an_engine()
    engine.swaps.failures.append(QuoteFailedError("no route"))

    await engine.buy([agent], size_sol=Decimal(1))

    failed = engine.journal.entries[-1].body
    assert isinstance(failed, TradeFailed)
    assert (failed.code, failed.reason) == ("QUOTE_FAILED", "no route")


class Gossip(FakeJournal):
    """While it writes intents for the first time, another process is said to have written to some wallets."""

    engine: FakeEngine
    touched: Collection[WalletAddress] = ()

    async def append(self, entries: Sequence[Entry]) -> int:
        if self.touched and any(isinstance(entry.body, TradeIntended) for entry in entries):
            touched, self.touched = self.touched, ()
            self.engine.ledger.on_touched(WalletsTouched(list(touched)))
        return await super().append(entries)


async def test_a_wallet_that_changes_while_others_are_written_is_read_and_decided_again() -> None:
    journal = Gossip()
    engine, agents = await an_engine(SHARE + 1, journal=journal)
    journal.engine, journal.touched = engine, [agents[-1].wallets[0].address]

    results = await engine.buy(agents, size_sol=Decimal(1))

    assert [(one.code, one.position is not None) for one in results] == [(None, True)] * (SHARE + 1)


async def test_a_wallet_that_changes_every_time_it_is_decided_on_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, (agent,) = await an_engine()
    decisions: Any = engine.purchases._decisions
    decide, asked = decisions.decide, []

    def overtaken(order: PurchaseOrder, result: Any, now: Any) -> Any:
        asked.append(result)
        intent = decide(order, result, now)
        engine.ledger.on_touched(WalletsTouched([agent.wallets[0].address]))
        return intent

    monkeypatch.setattr(decisions, "decide", overtaken)

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, result.intended) == (StaleWalletError.code, False)
    assert len(asked) > 1


async def test_what_refuses_a_purchase_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, (agent,) = await an_engine()
    asked: list[Any] = []

    def breaks(*arguments: Any) -> None:
        asked.append(arguments)
        raise TradeRejectedError("NEVER", "not today")

    monkeypatch.setattr(engine.purchases._decisions, "decide", breaks)

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert (result.code, len(asked)) == ("NEVER", 1)


async def test_the_stages_of_a_purchase_are_told_to_the_microsecond() -> None:
    engine, (agent,) = await an_engine()
    ask = engine.swaps.quote

    async def slow(request: QuoteRequest, *, urgent: bool = False) -> Quote:
        engine.clock.advance(0.0123456)
        return await ask(request, urgent=urgent)

    engine.swaps.quote = slow  # type: ignore[method-assign]

    (bought,) = await engine.buy([agent], size_sol=Decimal(1))

    assert bought.stages_ms == {"intended": 12.346, "quoted": 12.346, "recorded": 12.346}


async def test_a_wallet_that_nobody_knows_is_refused_in_a_preview_and_keeps_nobody_else_from_a_quote() -> (
    None
):
    engine, (agent, gone) = await an_engine(2)
    engine.ledger.forget(gone.wallets[0].address)
    del engine.journal.wallets[gone.wallets[0].address]
    buyers = [Buyer(one, one.wallets[0], IntentId(new_id()), Decimal(1)) for one in (agent, gone)]

    quoted, refused = await engine.purchases.preview(PurchaseOrder(TOKEN, "EXM", None, "manual"), buyers)

    assert (quoted.result.code, quoted.quote is not None) == (None, True)
    assert (refused.result.code, refused.quote) == ("WALLET_NOT_FOUND", None)


async def test_a_purchase_that_breaks_while_it_is_carried_on_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, (agent,) = await an_engine()
    engine.swaps.gate = asyncio.Event()
    buying = asyncio.create_task(engine.buy([agent], size_sol=Decimal(1)))
    await until(lambda: any(isinstance(entry.body, TradeIntended) for entry in engine.journal.entries))
    buying.cancel()
    await asyncio.gather(buying, return_exceptions=True)

    async def breaks(*_: Any) -> None:
        raise TradeRejectedError("BROKEN", "nobody's fault")

    monkeypatch.setattr(engine.purchases._booking, "carry_out", breaks)
    engine.swaps.gate = None

    await recovered(engine.recovery)

    assert not engine.ledger.head(agent.wallets[0].address).intents
    assert _told(engine) == [(False, "BROKEN")]
