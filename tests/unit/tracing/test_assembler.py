"""Spans of what the engine does: how they hang together when something goes wrong, is tried again, or began before the start."""

from __future__ import annotations

from decimal import Decimal

from nexgent.config.tracing import Sampling
from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.events import EntriesRecorded
from nexgent.domain.ledger.models import FIRST_VENUE
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.signals.events import SignalProcessed, SignalReceived
from nexgent.domain.signals.models import SignalAction
from nexgent.domain.trading.errors import QuoteFailedError
from nexgent.domain.trading.events import ExitAttemptFailed, ExitTriggered
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.orders.sell_part import SellPart, SellPartRequest
from nexgent.infrastructure.tracing.assembler import TraceAssembler
from nexgent.infrastructure.tracing.spans import FinishedSpan
from nexgent.shared.trace_context import TraceContext, trace_of_exit
from tests.builders import a_signal, an_agent
from tests.fakes.engine import FakeEngine
from tests.patience import until

FACTS = (SignalReceived, SignalProcessed, EntriesRecorded, ExitTriggered, ExitAttemptFailed)


class Traced:
    """An engine, and the spans of what it has announced."""

    def __init__(self, sampling: Sampling = Sampling()) -> None:  # noqa: B008 -- it never changes
        self.engine = FakeEngine()
        self.assembler = self.an_assembler(sampling)
        self.spans: list[FinishedSpan] = []
        self._seen = 0

    def an_assembler(self, sampling: Sampling) -> TraceAssembler:
        return TraceAssembler(
            sampling=sampling, mode_of=lambda _: TradingMode.SIMULATION, venue_of=lambda _: FIRST_VENUE
        )

    def assemble(self) -> list[FinishedSpan]:
        """Take what was announced since the last time; return all spans so far."""
        for event in self.engine.events[self._seen :]:
            if isinstance(event, FACTS):
                at_ns = round(self.engine.clock.now().timestamp() * 1e9)
                self.spans += self.assembler.take(at_ns, event)
        self._seen = len(self.engine.events)
        return self.spans

    def named(self, name: str) -> list[FinishedSpan]:
        return [span for span in self.assemble() if span.name == name]

    async def agent(self) -> Agent:
        return await self.engine.add_agent(an_agent(TradingConfig()))


async def test_an_exit_shows_every_attempt() -> None:
    it = Traced()
    agent = await it.agent()
    await it.engine.buy([agent], size_sol=Decimal(1))
    (bought,) = it.named("trade")
    it.engine.swaps.failures += [QuoteFailedError("no route"), QuoteFailedError("no route")]

    it.engine.move_to(Decimal("0.0005"))
    await until(lambda: not it.engine.positions(agent))

    (left,) = it.named("exit")
    assert left.attributes["nexgent.attempts"] == 3
    assert [one.name for one in left.moments] == ["attempt failed"] * 2
    assert left.moments[0].attributes["nexgent.code"] == "QUOTE_FAILED"
    assert left.links == (bought.ref,)
    assert left.error is None
    parts = [span for span in it.spans if span.parent == left.ref]
    assert sorted((span.name, span.attributes["nexgent.outcome"]) for span in parts) == sorted(
        [("intend", outcome) for outcome in ("failed", "failed", "settled")]
        + [("settle", outcome) for outcome in ("failed", "failed", "settled")]
        + [(span.name, span.attributes["nexgent.outcome"]) for span in parts if span.name == "swap"]
    )


async def test_a_part_and_the_rest_are_trades_linked_to_what_bought_them() -> None:
    it = Traced()
    agent = await it.agent()
    await it.engine.buy([agent], size_sol=Decimal(1))
    position = it.engine.held(agent).position
    await SellPart(operations=it.engine.sales.operations).execute(
        SellPartRequest(wallet_address=position.wallet_address, position_id=position.id, percent=Decimal(50))
    )
    await it.engine.sales.execute(
        ClosePositionRequest(
            wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.MANUAL
        )
    )

    bought, part, rest = it.named("trade")

    assert [span.attributes["nexgent.trade.kind"] for span in (bought, part, rest)] == [
        "purchase",
        "take_profit",
        "sale",
    ]
    assert (bought.links, part.links, rest.links) == ((), (bought.ref,), (bought.ref,))
    assert len({span.ref.trace_id for span in (bought, part, rest)}) == 3
    assert {span.attributes["nexgent.position.id"] for span in (bought, part, rest)} == {str(position.id)}


async def test_a_trade_that_fails_says_why() -> None:
    it = Traced()
    agent = await it.agent()
    it.engine.swaps.failures.append(QuoteFailedError("no route"))

    await it.engine.buy([agent], size_sol=Decimal(1))

    (trade,) = it.named("trade")
    assert trade.error == trade.attributes["nexgent.code"] == "QUOTE_FAILED"
    assert trade.attributes["nexgent.outcome"] == "failed"


async def test_what_is_not_kept_makes_no_spans_and_neither_does_what_follows_from_it() -> None:
    it = Traced(Sampling(0.0))
    agent = await it.agent()
    await it.engine.buy([agent], size_sol=Decimal(1))
    it.engine.move_to(Decimal("0.0005"))
    await until(lambda: not it.engine.positions(agent))

    assert it.assemble() == []


async def test_a_trade_from_before_the_start_ends_as_one_of_its_own() -> None:
    it = Traced()
    agent = await it.agent()
    await it.engine.buy([agent], size_sol=Decimal(1))
    facts = [event for event in it.engine.events if isinstance(event, EntriesRecorded)]
    later = it.an_assembler(Sampling())

    spans = list(later.take(0, facts[-1]))

    (trade,) = [span for span in spans if span.name == "trade"]
    assert trade.attributes["nexgent.trade.kind"] == "purchase"
    assert trade.parent is None


async def test_an_exit_from_before_the_start_goes_on_in_its_trace() -> None:
    it = Traced()
    agent = await it.agent()
    await it.engine.buy([agent], size_sol=Decimal(1))
    (position,) = it.engine.positions(agent)
    it.engine.move_to(Decimal("0.0005"))
    await until(lambda: not it.engine.positions(agent))
    facts = [event for event in it.engine.events if isinstance(event, EntriesRecorded)]
    # Of the next process: nobody has told it that the exit was triggered, and the second one not of the intent either.
    for told in (facts[-2:], facts[-1:]):
        later = it.an_assembler(Sampling())
        spans = [span for fact in told for span in later.take(0, fact)]

        (trade,) = [span for span in spans if span.name == "trade"]
        assert trade.attributes["nexgent.trade.kind"] == "sale"
        assert trade.ref.trace_id == int(trace_of_exit(position.id).trace_id, 16)


async def test_a_signal_found_undecided_has_a_trace_all_the_same() -> None:
    it = Traced()
    await it.agent()
    signal = a_signal()

    await it.engine.parts.process_signal.execute(signal, it.engine.clock.monotonic())

    (root,) = it.named("signal")
    (decision,) = it.named("decision")
    assert decision.parent == root.ref
    (intend,) = it.named("intend")
    assert intend.parent == decision.ref


async def test_a_sale_for_a_signal_is_part_of_its_trace() -> None:
    it = Traced()
    agent = await it.agent()
    await it.engine.buy([agent], size_sol=Decimal(1))
    (bought,) = it.named("trade")
    signal = a_signal(action=SignalAction.CLOSE, created_at=it.engine.clock.now())
    trace = TraceContext("1" * 32, "2" * 16, sampled=True)

    it.engine.bus.publish(SignalReceived(signal, it.engine.clock.monotonic(), trace))
    await until(lambda: it.named("signal"))

    (root,), (decision,), (left,) = it.named("signal"), it.named("decision"), it.named("exit")
    assert root.parent is not None
    assert (root.parent.trace_id, root.parent.span_id) == (int("1" * 32, 16), int("2" * 16, 16))
    assert decision.parent == root.ref
    assert left.parent == decision.ref
    assert left.links == (bought.ref,)
    assert {span.ref.trace_id for span in (root, decision, left)} == {root.parent.trace_id}
