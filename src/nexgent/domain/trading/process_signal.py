"""What happens with a signal: every agent of its user decides, the eligible ones buy or sell, each leaves a decision record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

import structlog

from nexgent.domain.ledger.errors import JournalUnavailableError, NotTheEngineError
from nexgent.domain.signals.events import SignalProcessed, SignalReceived
from nexgent.domain.signals.models import DecisionOutcome, Signal, SignalAction, SignalDecision, SignalTrade
from nexgent.domain.signals.ports import SignalStore
from nexgent.domain.trading.errors import SwapHeldBackError, named
from nexgent.domain.trading.orders.buy import BuyToken
from nexgent.domain.trading.orders.purchases import Buyer, PurchaseOrder, PurchaseResult
from nexgent.domain.trading.signal_candidates import Candidate, SignalCandidates
from nexgent.domain.trading.signal_decisions import SignalDecisions
from nexgent.domain.trading.signal_sales import SellForSignal
from nexgent.shared.clock import Clock
from nexgent.shared.loops import TaskSet
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS
from nexgent.shared.trace_context import enter_trace
from nexgent.shared.types import AgentId, SignalId

log = structlog.get_logger(__name__)

REMEMBERED_SIGNALS = 50_000
RECORD_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
_NOT_OURS = frozenset({NotTheEngineError.code, SwapHeldBackError.code})
"""Refusals of a process that may not trade. Nothing is said of such a signal: what became of it is the next engine's to say."""


class ProcessSignal:
    """One signal, all agents of its user, side by side with any number of other signals."""

    def __init__(
        self,
        *,
        candidates: SignalCandidates,
        purchases: BuyToken,
        sales: SellForSignal,
        decisions: SignalDecisions,
        store: SignalStore,
        clock: Clock,
        publish: Callable[[object], None],
    ) -> None:
        self._candidates = candidates
        self._purchases = purchases
        self._sales = sales
        self._decisions = decisions
        self._store = store
        self._clock = clock
        self._publish = publish
        self._tasks = TaskSet("signals")
        # Signals this process has taken on, and for which shards, so that nothing makes it take them on again. Insertion order is
        # age.
        self._taken: dict[SignalId, int] = {}
        self._in_flight: set[SignalId] = set()
        # Those to buy that are not decided yet. What is to be sold may be what they are about to buy.
        self._buying: dict[SignalId, Signal] = {}
        # Decided here, and not written down: whoever finds such a signal undecided writes this, and decides nothing.
        self._unrecorded: dict[SignalId, tuple[list[SignalDecision], int]] = {}

    @property
    def in_flight(self) -> AbstractSet[SignalId]:
        """The signals that are being decided on or written down at this moment."""
        return self._in_flight

    def on_received(self, event: SignalReceived) -> None:
        """Process a new signal in the background; the sender does not wait for it."""
        if event.signal.id in self._taken:
            return
        if shards := self.take(event.signal.id, self._candidates.share.told_of(event.signal.id)):
            self._tasks.start(self._in_its_trace(event, shards), name=f"signal.{event.signal.id}")

    async def _in_its_trace(self, event: SignalReceived, shards: int) -> None:
        enter_trace(event.trace)
        await self.execute(event.signal, event.received_monotonic, shards=shards)

    def take(self, signal_id: SignalId, shards: int = ALL_SHARDS) -> int:
        """Return for which of the shards the caller may decide on a signal, possibly none.

        Nobody else in this process may then, unless it is let go, and nobody for other shards at the same time.
        """
        taken = self._taken.get(signal_id, NO_SHARDS)
        news = shards & ~taken
        if not news or signal_id in self._in_flight:
            return NO_SHARDS
        self._taken[signal_id] = taken | news
        # From here on, and not from when its task gets its turn: nobody may come in between.
        self._in_flight.add(signal_id)
        if len(self._taken) > REMEMBERED_SIGNALS:
            del self._taken[next(iter(self._taken))]
        return news

    @contextmanager
    def at_work(self, signal: Signal, *, decided: bool = False) -> Iterator[None]:
        """Have a signal in flight as long as this is entered."""
        self._in_flight.add(signal.id)
        if signal.action is SignalAction.BUY and not decided:
            self._buying[signal.id] = signal
        try:
            yield
        finally:
            self._in_flight.discard(signal.id)
            self._buying.pop(signal.id, None)

    def let_go(self, signal_id: SignalId, shards: int = ALL_SHARDS) -> None:
        """Give a signal back that was taken for these shards and not decided on."""
        left = self._taken.pop(signal_id, NO_SHARDS) & ~shards
        if left:
            self._taken[signal_id] = left
        self._in_flight.discard(signal_id)

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for signals being processed; what is left is resumed at the next start."""
        return await self._tasks.drain(timeout_seconds)

    async def abandon(self) -> None:
        """Leave signals under way to whoever trades now. Should that be this process again, it may take them on once more."""
        await self._tasks.drain(0)
        self._taken.clear()
        self._in_flight.clear()
        self._unrecorded.clear()

    def owes_record(self, signal_id: SignalId) -> bool:
        """Tell whether a signal was decided on here, but the decisions could not be written down in several attempts."""
        return signal_id in self._unrecorded and signal_id not in self._in_flight

    async def record_again(self, signal: Signal) -> None:
        """Write decisions down that could not be before."""
        owed = self._unrecorded.get(signal.id)
        if owed is not None and signal.id not in self._in_flight:
            with self.at_work(signal, decided=True):
                await self.record(signal, *owed)

    async def execute(
        self,
        signal: Signal,
        received: float,
        already: Mapping[AgentId, SignalTrade] | None = None,
        shards: int = ALL_SHARDS,
    ) -> list[SignalDecision]:
        """Decide for every agent of the signal's user in these shards, buy or sell, record.

        Nothing is recorded by a process that may not trade.

        `already` has the trades that were made for it before. Whatever is raised, the signal has been let go then.
        """
        with self.at_work(signal):
            return await self._execute(signal, received, already or {}, shards)

    async def _execute(
        self, signal: Signal, received: float, done: Mapping[AgentId, SignalTrade], shards: int
    ) -> list[SignalDecision]:
        try:
            candidates = await self._candidates.of(signal, shards)
            if signal.action is SignalAction.BUY:
                decisions = await self._bought(signal, candidates, done)
            else:
                decisions = await self._sales.execute(
                    signal, candidates, done, lambda: self._is_to_be_bought(signal)
                )
        except Exception:
            log.exception("signal.failed", signal_id=signal.id)
            self.let_go(signal.id, shards)
            self._publish(SignalProcessed(signal, "failed", self._clock.monotonic() - received, 0, 0))
            raise
        self._buying.pop(signal.id, None)
        if decisions is None:
            # Whoever is the engine then finds it undecided, with the trades that were made, and decides for the others.
            self.let_go(signal.id, shards)
            log.warning(
                "signal.left",
                signal_id=signal.id,
                hint="this process cannot write trades at present; the signal is decided as soon as an engine can",
            )
            return []
        seconds = self._clock.monotonic() - received
        executed = sum(1 for decision in decisions if decision.outcome is DecisionOutcome.EXECUTED)
        failed = sum(1 for decision in decisions if decision.outcome is DecisionOutcome.FAILED)
        status = "success" if executed or failed else "skipped"
        self._publish(SignalProcessed(signal, status, seconds, executed, failed, decisions))
        log.info(
            "signal.processed",
            signal_id=signal.id,
            status=status,
            agents=len(candidates),
            executed=executed,
            failed=failed,
            milliseconds=round(seconds * 1000, 2),
        )
        await self.record(signal, decisions, shards)
        return decisions

    def _is_to_be_bought(self, signal: Signal) -> bool:
        """Tell whether earlier signals of the user to buy this token are being decided: what they buy is meant to be sold."""
        return any(
            other.id < signal.id
            and other.token_address == signal.token_address
            and other.user_id == signal.user_id
            for other in self._buying.values()
        )

    async def _bought(
        self, signal: Signal, candidates: Sequence[Candidate], done: Mapping[AgentId, SignalTrade]
    ) -> list[SignalDecision] | None:
        """Buy for all that act; return every agent's decision, nothing when it is not for this process to say."""
        buyers: list[Buyer] = []
        decisions: list[SignalDecision] = []
        for candidate in candidates:
            buyer = candidate.buyer(signal) if candidate.agent.id not in done else None
            if candidate.agent.id in done:
                decisions.append(self._decisions.earlier(signal, candidate, done[candidate.agent.id]))
            elif buyer is None:
                decisions.append(self._decisions.refused(signal, candidate))
            else:
                buyers.append(buyer)
        if not buyers:
            return decisions
        order = PurchaseOrder(signal.token_address, signal.symbol, signal.id, "signal")
        results = await self._purchases.execute(order, buyers)
        if any(_is_left(result) for result in results):
            return None
        gates = {candidate.agent.id: candidate.gates for candidate in candidates}
        return decisions + [self._decisions.decided(signal, result, gates) for result in results]

    async def record(self, signal: Signal, decisions: list[SignalDecision], shards: int = ALL_SHARDS) -> None:
        """Write decisions down, trying again for a while; what cannot be written now is still owed.

        Those of a shard that has gone to another engine meanwhile are its to make: with the trades that were made here.
        """
        self._unrecorded[signal.id] = decisions, shards
        for pause in (*RECORD_RETRY_SECONDS, None):
            try:
                await self._store.record_decisions(signal.id, decisions, shards=shards)
            except Exception as error:
                if isinstance(error, NotTheEngineError) and shards & ~self._candidates.share.shards:
                    self._unrecorded.pop(signal.id, None)
                    self.let_go(signal.id, shards)
                    return
                log.warning("signal.decisions_not_recorded", signal_id=signal.id, code=named(error).code)
                if pause is None:
                    # It stays undecided in the store, and whoever finds it there writes down what was decided here.
                    return
                await asyncio.sleep(pause)
            else:
                self._unrecorded.pop(signal.id, None)
                return


def _is_left(result: PurchaseResult) -> bool:
    """Tell whether it is for the next look at the signal to say what becomes of a purchase.

    A journal that is away for a moment is no decision of an agent's. Whether an intent came to be all the same is known then.
    """
    away = result.code == JournalUnavailableError.code and not result.intended
    return away or result.code in _NOT_OURS
