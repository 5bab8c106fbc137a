"""From what the engine announced to spans: a pure fold, long after what it tells of.

A signal is the root, or part of the trace its sender named; each agent's decision is part of it, and the trade of a decision
has three stages: the intent made durable (`intend`), from there to the fill (`swap`), and the settlement made durable (`settle`).
What a price sells is an `exit` of its own, what people and rules trade otherwise a `trade`; both are linked to what bought the
position.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from nexgent.config.tracing import Sampling
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.events import EntriesRecorded
from nexgent.domain.ledger.models import (
    Entry,
    Intent,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSettled,
    TradeSubmitted,
)
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.signals.events import SignalProcessed, SignalReceived
from nexgent.domain.signals.models import DecisionOutcome, Signal, SignalDecision
from nexgent.domain.trading.events import ExitAttemptFailed, ExitTriggered
from nexgent.infrastructure.logging.redaction import redacted_text
from nexgent.infrastructure.tracing.spans import FinishedSpan, Moment, SpanRef, Value
from nexgent.shared.money import plain
from nexgent.shared.trace_context import TraceContext, trace_of_exit
from nexgent.shared.types import AgentId, IntentId, PositionId, SignalId, VenueName, WalletAddress

Fact = SignalReceived | SignalProcessed | EntriesRecorded | ExitTriggered | ExitAttemptFailed

MOST_SIGNALS = 2_000
MOST_TRADES = 20_000
MOST_EXITS = 20_000
MOST_POSITIONS = 50_000
"""Positions whose purchase is remembered, for the link."""
MOST_MOMENTS = 32
LONGEST_REASON = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Bounded(OrderedDict[K, V]):
    """The newest of something; the oldest leaves."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def put(self, key: K, value: V) -> V:
        self[key] = value
        if len(self) > self._most:
            self.popitem(last=False)
        return value


@dataclass(slots=True)
class _Signal:
    ref: SpanRef
    parent: SpanRef | None
    started_ns: int
    decisions: dict[AgentId, SpanRef] = field(default_factory=dict)
    durable_ns: dict[AgentId, int] = field(default_factory=dict)
    """When the intent of an agent's purchase was durable."""


@dataclass(slots=True)
class _Exit:
    ref: SpanRef
    parent: SpanRef | None
    started_ns: int
    reason: CloseReason
    attempts: int = 0
    moments: list[Moment] = field(default_factory=list)


@dataclass(slots=True)
class _Trade:
    intent: Intent
    above: SpanRef
    is_root: bool
    """Whether `above` is a span of this trade alone, which ends with it."""
    intended_ns: int
    durable_ns: int
    submitted: tuple[int, VenueName] | None = None


class TraceAssembler:
    """Remembers what is open and returns what is finished. `mode_of` and `venue_of` say how and where a wallet trades."""

    def __init__(
        self,
        *,
        sampling: Sampling,
        mode_of: Callable[[WalletAddress], TradingMode | None],
        venue_of: Callable[[TradingMode], VenueName],
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._sampling = sampling
        self._mode_of = mode_of
        self._venue_of = venue_of
        self._random_bits = random_bits
        self._signals: _Bounded[SignalId, _Signal] = _Bounded(MOST_SIGNALS)
        self._trades: _Bounded[IntentId, _Trade] = _Bounded(MOST_TRADES)
        self._exits: _Bounded[PositionId, _Exit] = _Bounded(MOST_EXITS)
        self._bought: _Bounded[PositionId, SpanRef] = _Bounded(MOST_POSITIONS)

    def take(self, at_ns: int, fact: Fact) -> Iterator[FinishedSpan]:
        """Take note of what was announced at that time (of a signal: when it came in); return the spans that ended with it."""
        return (span for span in self._of(at_ns, fact) if span.ref.sampled)

    def _of(self, at_ns: int, fact: Fact) -> Iterator[FinishedSpan]:
        match fact:
            case SignalReceived():
                self._signals.put(fact.signal.id, self._begun(fact.trace, at_ns))
            case SignalProcessed():
                yield from self._processed(at_ns, fact)
            case EntriesRecorded():
                for number, entry in enumerate(fact.entries):
                    yield from self._recorded(at_ns, fact, number, entry)
            case ExitTriggered():
                self._triggered(at_ns, fact)
            case ExitAttemptFailed():
                self._not_yet(at_ns, fact)

    def _begun(self, trace: TraceContext | None, started_ns: int) -> _Signal:
        parent = None
        if trace is not None and trace.span_id is not None:
            parent = SpanRef(
                int(trace.trace_id, 16), int(trace.span_id, 16), bool(trace.sampled), remote=True
            )
        return _Signal(self._root(trace), parent, started_ns)

    def _root(self, trace: TraceContext | None = None) -> SpanRef:
        trace_id = int(trace.trace_id, 16) if trace is not None else self._bits(128)
        sampled = self._sampling.keeps(trace_id, trace.sampled if trace is not None else None)
        return SpanRef(trace_id, self._bits(64), sampled)

    def _below(self, above: SpanRef) -> SpanRef:
        return SpanRef(above.trace_id, self._bits(64), above.sampled)

    def _bits(self, count: int) -> int:
        # Nothing but zeros is no id.
        return self._random_bits(count) or 1

    def _decision(self, signal_id: SignalId, agent_id: AgentId, started_ns: int) -> SpanRef:
        """Return the span of an agent's decision, made when it is first asked for: it ends with the signal."""
        signal = self._signals.get(signal_id)
        if signal is None:
            # Found undecided, after a crash perhaps: nobody announced it here.
            signal = self._signals.put(signal_id, self._begun(None, started_ns))
        ref = signal.decisions.get(agent_id)
        if ref is None:
            ref = signal.decisions[agent_id] = self._below(signal.ref)
        return ref

    def _processed(self, at_ns: int, fact: SignalProcessed) -> Iterator[FinishedSpan]:
        began_ns = at_ns - round(fact.seconds * 1e9)
        signal = self._signals.get(fact.signal.id)
        if signal is None:
            signal = self._signals.put(fact.signal.id, self._begun(None, began_ns))
        signal.started_ns = min(signal.started_ns, began_ns)
        about = _about_signal(fact.signal)
        for decision in fact.decisions:
            yield self._decided(at_ns, fact.signal, signal, decision, about)
        yield FinishedSpan(
            name="signal",
            ref=signal.ref,
            parent=signal.parent,
            started_ns=signal.started_ns,
            ended_ns=at_ns,
            attributes={
                **about,
                "nexgent.outcome": fact.status,
                "nexgent.decisions.executed": fact.executed,
                "nexgent.decisions.failed": fact.failed,
            },
            error="failed" if fact.status == "failed" else None,
        )

    def _decided(
        self, at_ns: int, signal: Signal, known: _Signal, decision: SignalDecision, about: dict[str, Value]
    ) -> FinishedSpan:
        attributes = {
            **about,
            "nexgent.agent.id": str(decision.agent_id),
            "nexgent.outcome": decision.outcome.value,
        }
        _add(attributes, "nexgent.code", decision.code)
        if decision.reason:
            attributes["nexgent.reason"] = redacted_text(decision.reason[:LONGEST_REASON])
        _add(attributes, "nexgent.trade.id", decision.intent_id)
        _add(attributes, "nexgent.transaction.id", decision.transaction_id)
        _add(attributes, "nexgent.position.id", decision.position_id)
        _add(attributes, "nexgent.price.source", decision.price_source)
        if decision.price_age_ms is not None:
            attributes["nexgent.price.age_ms"] = decision.price_age_ms
        if decision.size_sol is not None:
            attributes["nexgent.size_sol"] = plain(decision.size_sol)
        failed = decision.outcome is DecisionOutcome.FAILED
        return FinishedSpan(
            name="decision",
            ref=self._decision(signal.id, decision.agent_id, known.started_ns),
            parent=known.ref,
            started_ns=known.started_ns,
            ended_ns=max(known.started_ns, min(at_ns, _ns(decision.decided_at))),
            attributes=attributes,
            error=(decision.code or "failed") if failed else None,
            moments=_stages(decision, known.durable_ns.pop(decision.agent_id, None)),
        )

    def _triggered(self, at_ns: int, fact: ExitTriggered) -> None:
        parent = None
        if fact.signal_id is not None:
            parent = self._decision(fact.signal_id, fact.agent_id, at_ns)
        ref = self._below(parent) if parent is not None else self._root(fact.trace)
        self._exits.put(fact.position_id, _Exit(ref, parent, at_ns, fact.reason))

    def _not_yet(self, at_ns: int, fact: ExitAttemptFailed) -> None:
        exit_ = self._exits.get(fact.position_id)
        if exit_ is not None and len(exit_.moments) < MOST_MOMENTS:
            told: dict[str, Value] = {
                "nexgent.code": fact.code,
                "nexgent.attempt": fact.attempts,
                "nexgent.retry_seconds": fact.retry_seconds,
            }
            exit_.moments.append(Moment("attempt failed", at_ns, told))

    def _recorded(
        self, at_ns: int, fact: EntriesRecorded, number: int, entry: Entry
    ) -> Iterator[FinishedSpan]:
        match entry.body:
            case TradeIntended(intent=intent):
                self._intended(at_ns, entry, intent)
            case TradeSubmitted() as submitted:
                trade = self._trades.get(submitted.intent_id)
                if trade is not None:
                    trade.submitted = (at_ns, submitted.submission.venue)
            case TradeSettled() | TradeFailed() | TradeExpired():
                trade = self._trades.pop(entry.body.intent_id, None) or self._of_before(
                    fact, number, entry.body
                )
                if trade is not None:
                    yield from self._ended(at_ns, entry, entry.body, trade)
            case _:
                pass

    def _intended(self, at_ns: int, entry: Entry, intent: Intent) -> None:
        staged_ns = _ns(entry.at)
        above, is_root = self._above(intent)
        self._trades.put(intent.id, _Trade(intent, above, is_root, min(staged_ns, at_ns), at_ns))
        if intent.kind is TradeKind.PURCHASE and intent.signal_id is not None:
            known = self._signals.get(intent.signal_id)
            if known is not None:
                known.durable_ns[intent.agent_id] = at_ns
        exit_ = self._exits.get(intent.position_id) if intent.position_id is not None else None
        if exit_ is not None:
            exit_.attempts += 1

    def _above(self, intent: Intent) -> tuple[SpanRef, bool]:
        """Return what a trade is part of, and whether that is a span of its own."""
        exit_ = self._exits.get(intent.position_id) if intent.position_id is not None else None
        if exit_ is not None and intent.kind is TradeKind.SALE:
            return exit_.ref, False
        asked_by = intent.signal_id if intent.kind is TradeKind.PURCHASE else intent.sell_signal_id
        if asked_by is not None:
            return self._decision(asked_by, intent.agent_id, _ns(intent.created_at)), False
        return self._own(intent), True

    def _own(self, intent: Intent) -> SpanRef:
        """Return the root of a trade that is part of nothing. An exit that began before the start has its trace all the same."""
        if intent.kind is TradeKind.SALE and intent.position_id is not None:
            return self._root(trace_of_exit(intent.position_id))
        return self._root()

    def _of_before(
        self, fact: EntriesRecorded, number: int, body: TradeSettled | TradeFailed | TradeExpired
    ) -> _Trade | None:
        """Return a trade that another process, or this one before its start, had begun: the wallet remembers its intent."""
        if number >= len(fact.before):
            return None
        known = fact.before[number].intents.get(body.intent_id)
        if known is None:
            return None
        began_ns = _ns(known.intent.created_at)
        submitted = (began_ns, known.submission.venue) if known.submission is not None else None
        return _Trade(known.intent, self._own(known.intent), True, began_ns, began_ns, submitted)

    def _ended(
        self, at_ns: int, entry: Entry, body: TradeSettled | TradeFailed | TradeExpired, trade: _Trade
    ) -> Iterator[FinishedSpan]:
        intent = trade.intent
        staged_ns = min(_ns(entry.at), at_ns)
        about = self._about_trade(trade)
        code = None
        if isinstance(body, TradeSettled):
            about["nexgent.position.id"] = str(body.position_id)
            about["nexgent.transaction.id"] = str(body.transaction.id)
        else:
            code = body.code if isinstance(body, TradeFailed) else "SWAP_EXPIRED"
            about["nexgent.code"] = code
        about["nexgent.outcome"] = _OUTCOMES[type(body)]
        bought = self._bought.get(intent.position_id) if intent.position_id is not None else None
        links = (bought,) if bought is not None else ()
        yield self._stage("intend", trade, trade.intended_ns, trade.durable_ns, about)
        if staged_ns > trade.durable_ns:
            moments = (Moment("submitted", trade.submitted[0]),) if trade.submitted is not None else ()
            yield self._stage(
                "swap", trade, trade.durable_ns, staged_ns, about, error=code, links=links, moments=moments
            )
        yield self._stage("settle", trade, staged_ns, at_ns, about)
        if trade.is_root:
            yield FinishedSpan(
                name="trade",
                ref=trade.above,
                parent=None,
                started_ns=min(_ns(intent.created_at), trade.intended_ns),
                ended_ns=at_ns,
                attributes=about,
                error=code,
                links=links,
            )
        if isinstance(body, TradeSettled):
            yield from self._of_position(at_ns, body, trade, about, links)

    def _of_position(
        self,
        at_ns: int,
        body: TradeSettled,
        trade: _Trade,
        about: dict[str, Value],
        links: tuple[SpanRef, ...],
    ) -> Iterator[FinishedSpan]:
        if body.position is not None:
            if trade.intent.kind is TradeKind.PURCHASE:
                self._bought.put(body.position_id, trade.above)
            return
        self._bought.pop(body.position_id, None)
        exit_ = self._exits.pop(body.position_id, None)
        if exit_ is None:
            return
        evidence = trade.intent.evidence
        price: dict[str, Value] = {}
        if evidence is not None:
            price = {
                "nexgent.price_sol": plain(evidence.price_sol),
                "nexgent.price.source": evidence.source,
                "nexgent.price.age_ms": evidence.age_ms,
            }
        yield FinishedSpan(
            name="exit",
            ref=exit_.ref,
            parent=exit_.parent,
            started_ns=exit_.started_ns,
            ended_ns=at_ns,
            attributes={
                **about,
                **price,
                "nexgent.reason": exit_.reason.value,
                "nexgent.attempts": exit_.attempts,
            },
            links=links,
            moments=tuple(exit_.moments),
        )

    def _stage(
        self,
        name: str,
        trade: _Trade,
        started_ns: int,
        ended_ns: int,
        about: dict[str, Value],
        *,
        error: str | None = None,
        links: tuple[SpanRef, ...] = (),
        moments: tuple[Moment, ...] = (),
    ) -> FinishedSpan:
        return FinishedSpan(
            name=name,
            ref=self._below(trade.above),
            parent=trade.above,
            started_ns=started_ns,
            ended_ns=max(started_ns, ended_ns),
            attributes=about,
            error=error,
            links=links,
            moments=moments,
        )

    def _about_trade(self, trade: _Trade) -> dict[str, Value]:
        intent = trade.intent
        about: dict[str, Value] = {
            "nexgent.trade.id": str(intent.id),
            "nexgent.trade.kind": intent.kind.value,
            "nexgent.cause": intent.cause,
            "nexgent.agent.id": str(intent.agent_id),
            "nexgent.token.mint": str(intent.token_address),
        }
        _add(about, "nexgent.position.id", intent.position_id)
        signal_id = intent.sell_signal_id if intent.sell_signal_id is not None else intent.signal_id
        if signal_id is not None:
            about["nexgent.signal.id"] = int(signal_id)
        mode = self._mode_of(intent.wallet_address)
        if mode is not None:
            about["nexgent.mode"] = mode.value
        if trade.submitted is not None:
            about["nexgent.venue"] = str(trade.submitted[1])
        elif mode is not None:
            about["nexgent.venue"] = str(self._venue_of(mode))
        return about


_OUTCOMES = {TradeSettled: "settled", TradeFailed: "failed", TradeExpired: "expired"}


def _stages(decision: SignalDecision, durable_ns: int | None) -> tuple[Moment, ...]:
    """Return when a purchase got how far. Stages are milliseconds since its burst began, which was so long before the intent."""
    intended_ms = decision.latency_ms.get("intended")
    if durable_ns is None or intended_ms is None:
        return ()
    began_ns = durable_ns - round(intended_ms * 1e6)
    return tuple(Moment(name, began_ns + round(ms * 1e6)) for name, ms in decision.latency_ms.items())


def _about_signal(signal: Signal) -> dict[str, Value]:
    return {
        "nexgent.signal.id": int(signal.id),
        "nexgent.signal.action": signal.action.value,
        "nexgent.token.mint": str(signal.token_address),
    }


def _add(attributes: dict[str, Value], name: str, value: object) -> None:
    if value is not None:
        attributes[name] = str(value)


def _ns(at: datetime) -> int:
    past = at - _EPOCH
    return ((past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds) * 1_000
