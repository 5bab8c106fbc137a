"""What happens with a signal: every agent of its user decides, the eligible ones buy, each leaves a decision record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from nexgent.domain.agents.config_models import SignalsConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.eligibility import EligibilityFacts, evaluate_eligibility, needs_token_figures
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.signals.events import SignalProcessed, SignalReceived
from nexgent.domain.signals.models import (
    DecisionOutcome,
    Gate,
    Signal,
    SignalDecision,
    SignalDraft,
    SignalTrade,
    TokenMetrics,
)
from nexgent.domain.signals.ports import SignalStore, SignalTrades, TokenMetricsSource
from nexgent.domain.trading.book.position_book import age_ms
from nexgent.domain.trading.errors import SwapHeldBackError, named
from nexgent.domain.trading.orders.buy import BuyToken
from nexgent.domain.trading.orders.purchases import Buyer, PurchaseOrder, PurchasePreview, PurchaseResult
from nexgent.shared.clock import Clock
from nexgent.shared.ids import purchase_intent_id
from nexgent.shared.loops import TaskSet
from nexgent.shared.money import unit_price_sol
from nexgent.shared.types import AgentId, SignalId

log = structlog.get_logger(__name__)

METRICS_TIMEOUT_SECONDS = 8.0
REMEMBERED_SIGNALS = 50_000
RECORD_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


_NOT_OURS = frozenset({NotTheEngineError.code, SwapHeldBackError.code})
"""Refusals of a process that may not trade. Nothing is said of such a signal: what became of it is the next engine's to say."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What an agent's filters say: every gate, and why not."""

    gates: tuple[Gate, ...]
    refusal: str | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    agent: Agent
    gates: tuple[Gate, ...]
    refusal: tuple[str, str] | None


class ProcessSignal:
    """One signal, all agents of its user, side by side with any number of other signals."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        purchases: BuyToken,
        store: SignalStore,
        trades: SignalTrades,
        metrics: TokenMetricsSource,
        latest_prices: LatestPrices,
        clock: Clock,
        publish: Callable[[object], None],
        max_age_seconds: float,
    ) -> None:
        self._directory = directory
        self._purchases = purchases
        self._store = store
        self._trades = trades
        self._metrics = metrics
        self._latest_prices = latest_prices
        self._clock = clock
        self._publish = publish
        self._max_age = timedelta(seconds=max_age_seconds)
        self._tasks = TaskSet("signals")
        # Signals this process has taken on, so that nothing makes it take them on again. Insertion order is age.
        self._taken: dict[SignalId, None] = {}
        self._in_flight: set[SignalId] = set()
        # Decided here, and not written down: whoever finds such a signal undecided writes this, and decides nothing.
        self._unrecorded: dict[SignalId, list[SignalDecision]] = {}

    @property
    def in_flight(self) -> AbstractSet[SignalId]:
        """The signals that are being decided on or written down at this moment."""
        return self._in_flight

    def on_received(self, event: SignalReceived) -> None:
        """Process a new signal in the background; the sender does not wait for it."""
        if self.take(event.signal.id):
            self._tasks.start(
                self.execute(event.signal, event.received_monotonic), name=f"signal.{event.signal.id}"
            )

    def take(self, signal_id: SignalId) -> bool:
        """Tell whether the caller may decide on a signal. Nobody else in this process may then, unless it is let go."""
        if signal_id in self._taken:
            return False
        self._taken[signal_id] = None
        if len(self._taken) > REMEMBERED_SIGNALS:
            del self._taken[next(iter(self._taken))]
        return True

    def let_go(self, signal_id: SignalId) -> None:
        """Give a signal back that was taken and not decided on."""
        self._taken.pop(signal_id, None)

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for signals being processed; what is left is resumed at the next start."""
        return await self._tasks.drain(timeout_seconds)

    async def abandon(self) -> None:
        """Leave signals under way to whoever trades now. Should that be this process again, it may take them on once more."""
        await self._tasks.drain(0)
        self._taken.clear()
        self._unrecorded.clear()

    def owes_record(self, signal_id: SignalId) -> bool:
        """Tell whether a signal was decided on here, but the decisions could not be written down in several attempts."""
        return signal_id in self._unrecorded and signal_id not in self._in_flight

    async def record_again(self, signal: Signal) -> None:
        """Write decisions down that could not be before."""
        decisions = self._unrecorded.get(signal.id)
        if decisions is not None and signal.id not in self._in_flight:
            self._in_flight.add(signal.id)
            try:
                await self._record(signal, decisions)
            finally:
                self._in_flight.discard(signal.id)

    async def execute(
        self, signal: Signal, received: float, already: Mapping[AgentId, SignalTrade] | None = None
    ) -> list[SignalDecision]:
        """Decide for every agent of the signal's user, buy, record. Nothing is recorded by a process that may not trade.

        `already` has the trades that were made for it before. Whatever is raised, the signal has been let go then.
        """
        self._in_flight.add(signal.id)
        try:
            return await self._execute(signal, received, already or {})
        finally:
            self._in_flight.discard(signal.id)

    async def _execute(
        self, signal: Signal, received: float, done: Mapping[AgentId, SignalTrade]
    ) -> list[SignalDecision]:
        try:
            candidates = await self._candidates(signal)
            buyers: list[Buyer] = []
            decisions: list[SignalDecision] = []
            for candidate in candidates:
                buyer = self._buyer(signal, candidate) if candidate.agent.id not in done else None
                if candidate.agent.id in done:
                    decisions.append(self._earlier(signal, candidate, done[candidate.agent.id]))
                elif buyer is None:
                    decisions.append(self._refused(signal, candidate))
                else:
                    buyers.append(buyer)
            results: list[PurchaseResult] = []
            if buyers:
                order = PurchaseOrder(signal.token_address, signal.symbol, signal.id, "signal")
                results = await self._purchases.execute(order, buyers)
                gates = {candidate.agent.id: candidate.gates for candidate in candidates}
                decisions += [self._decided(signal, result, gates) for result in results]
        except Exception:
            log.exception("signal.failed", signal_id=signal.id)
            self.let_go(signal.id)
            self._publish(SignalProcessed(signal, "failed", self._clock.monotonic() - received, 0, 0))
            raise
        if any(result.code in _NOT_OURS for result in results):
            # Whoever is the engine next finds it undecided, with the trades that were made, and decides for the others.
            self.let_go(signal.id)
            log.warning("signal.left", signal_id=signal.id, hint="this process is no longer the engine")
            return decisions
        seconds = self._clock.monotonic() - received
        executed = sum(1 for decision in decisions if decision.outcome is DecisionOutcome.EXECUTED)
        failed = sum(1 for decision in decisions if decision.outcome is DecisionOutcome.FAILED)
        status = "success" if executed or failed else "skipped"
        self._publish(SignalProcessed(signal, status, seconds, executed, failed))
        log.info(
            "signal.processed",
            signal_id=signal.id,
            status=status,
            agents=len(candidates),
            executed=executed,
            failed=failed,
            milliseconds=round(seconds * 1000, 2),
        )
        await self._record(signal, decisions)
        return decisions

    async def preview(self, draft: SignalDraft) -> list[SignalDecision]:
        """Return what every agent would decide, with the gates and a quote of this moment.

        `EXECUTED` stands for "would buy". Nothing is stored, reserved or traded. A size that is drawn at random is another one
        each time.
        """
        signal = _unstored(draft, self._clock.now())
        candidates = await self._candidates(signal)
        buyers, decisions = [], []
        for candidate in candidates:
            buyer = self._buyer(signal, candidate)
            if buyer is None:
                decisions.append(self._refused(signal, candidate))
            else:
                buyers.append(buyer)
        if buyers:
            order = PurchaseOrder(signal.token_address, signal.symbol, None, "signal")
            gates = {candidate.agent.id: candidate.gates for candidate in candidates}
            previews = await self._purchases.preview(order, buyers)
            decisions += [self._previewed(signal, preview, gates) for preview in previews]
        return decisions

    def _previewed(
        self, signal: Signal, preview: PurchasePreview, gates: Mapping[AgentId, tuple[Gate, ...]]
    ) -> SignalDecision:
        decision = self._decided(signal, preview.result, gates)
        quote, decimals = preview.quote, preview.decimals
        if quote is None or decimals is None:
            return decision
        limit = preview.result.buyer.agent.config.purchase_limits.max_price_impact
        impact = Gate(
            "price_impact",
            f"{quote.price_impact_ratio.copy_abs() * 100:.4f} %",
            f"at most {limit * 100:f} %" if limit is not None else None,
            True,
        )
        return replace(
            decision,
            outcome=DecisionOutcome.EXECUTED,
            gates=(*decision.gates[:-1], impact, Gate("purchase_validation", "passed", "passed", True)),
            price_sol=unit_price_sol(quote.in_amount_raw, quote.out_amount_raw, decimals),
            price_source="quote",
            price_age_ms=0,
        )

    async def _candidates(self, signal: Signal) -> list[_Candidate]:
        agents = list(self._directory.each_of_user(signal.user_id)) if signal.user_id is not None else []
        metrics = await self._figures(signal, agents)
        # Agents of one user mostly have the same filters, and then the verdict is the same as well.
        verdicts: dict[tuple[bool, SignalsConfig], _Verdict] = {}
        candidates: list[_Candidate] = []
        for agent in agents:
            filters = (agent.automated_trading, agent.config.signals)
            verdict = verdicts.get(filters)
            try:
                if verdict is None:
                    verdict = verdicts[filters] = self._verdict(signal, agent, metrics)
                candidates.append(_candidate(agent, verdict))
            except Exception as error:
                known = named(error)
                candidates.append(
                    _Candidate(agent, (), (known.code, "The agent's filters could not be applied"))
                )
        return candidates

    async def _figures(self, signal: Signal, agents: list[Agent]) -> TokenMetrics | None:
        """Fetch market figures only when an agent that would otherwise act has bounds on them."""
        filters = {agent.config.signals for agent in agents if agent.automated_trading}
        if not any(needs_token_figures(config) for config in filters):
            return None
        try:
            async with asyncio.timeout(METRICS_TIMEOUT_SECONDS):
                return await self._metrics.metrics(signal.token_address)
        except Exception as error:
            log.warning("signal.metrics_unavailable", signal_id=signal.id, error=type(error).__name__)
            return None

    def _verdict(self, signal: Signal, agent: Agent, metrics: TokenMetrics | None) -> _Verdict:
        """Hold the signal against what an agent of its user is set to."""
        verdict = evaluate_eligibility(
            EligibilityFacts(
                signal_user_id=signal.user_id,
                token_address=signal.token_address,
                signal_type=signal.signal_type,
                signal_strength=signal.signal_strength,
                agent_user_id=agent.user_id,
                agent_active=True,
                automated_trading=agent.automated_trading,
                config=agent.config.signals,
            ),
            metrics,
        )
        gates = tuple(Gate(gate.name, gate.value, gate.limit, gate.passed) for gate in verdict.gates)
        return _Verdict(gates, None if verdict.eligible else "; ".join(verdict.reasons))

    def _buyer(self, signal: Signal, candidate: _Candidate) -> Buyer | None:
        wallet = candidate.agent.wallet_for(candidate.agent.trading_mode)
        if candidate.refusal is not None or wallet is None:
            return None
        return Buyer(candidate.agent, wallet, purchase_intent_id(candidate.agent.id, signal.id))

    def _refused(self, signal: Signal, candidate: _Candidate) -> SignalDecision:
        code, reason = candidate.refusal or ("NOT_ELIGIBLE", "")
        return SignalDecision(
            signal_id=signal.id,
            agent_id=candidate.agent.id,
            outcome=DecisionOutcome.SKIPPED if code == "NOT_ELIGIBLE" else DecisionOutcome.FAILED,
            code=code,
            reason=reason,
            gates=candidate.gates,
            decided_at=self._clock.now(),
        )

    def _earlier(self, signal: Signal, candidate: _Candidate, trade: SignalTrade) -> SignalDecision:
        """Return the record of a trade that was made before the crash."""
        executed = trade.status == "settled"
        open_still = trade.status in ("intended", "submitted")
        return SignalDecision(
            signal_id=signal.id,
            agent_id=candidate.agent.id,
            outcome=DecisionOutcome.EXECUTED if executed or open_still else DecisionOutcome.FAILED,
            code=None if executed else trade.code or ("RECOVERING" if open_still else None),
            reason=trade.reason if not executed else None,
            gates=candidate.gates,
            intent_id=trade.intent_id,
            transaction_id=trade.transaction_id,
            position_id=trade.position_id,
            decided_at=self._clock.now(),
        )

    def _decided(
        self, signal: Signal, result: PurchaseResult, gates: Mapping[AgentId, tuple[Gate, ...]]
    ) -> SignalDecision:
        now = self._clock.now()
        agent_id = result.buyer.agent.id
        verdict = Gate("purchase_validation", result.code or "passed", "passed", result.intended)
        board_price = self._latest_prices.get(signal.token_address)
        price, source, age = None, None, None
        if result.position is not None and result.fill is not None:
            fill = result.fill
            price = unit_price_sol(fill.in_amount_raw, fill.out_amount_raw, result.position.decimals)
            source, age = "quote", 0
        elif board_price is not None:
            price, source = board_price.price_sol, board_price.source
            age = age_ms(now, board_price.observed_at)
        return SignalDecision(
            signal_id=signal.id,
            agent_id=agent_id,
            outcome=DecisionOutcome.EXECUTED if result.position is not None else DecisionOutcome.FAILED,
            code=result.code,
            reason=result.reason,
            gates=(*gates.get(agent_id, ()), *result.gates, verdict),
            intent_id=result.buyer.intent_id if result.intended else None,
            transaction_id=result.settled.transaction.id if result.settled is not None else None,
            position_id=result.position.id if result.position is not None else None,
            size_sol=result.size_sol,
            price_sol=price,
            price_source=source,
            price_age_ms=age,
            latency_ms=result.stages_ms,
            decided_at=now,
        )

    async def resume(self, signal: Signal) -> None:
        """Decide on a signal that was left behind: a fresh one is traded, an old one recorded as not processed.

        Raises what keeps it from being decided; the signal has been let go then.
        """
        self._in_flight.add(signal.id)
        try:
            already = await self._trades.of_signal(signal.id)
            if self._clock.now() - signal.created_at > self._max_age:
                await self._expire(signal, already)
                return
        except BaseException:
            self.let_go(signal.id)
            raise
        finally:
            self._in_flight.discard(signal.id)
        await self.execute(signal, self._clock.monotonic(), already)

    async def _expire(self, signal: Signal, done: Mapping[AgentId, SignalTrade]) -> None:
        """Record for every agent that the signal was too old to act on when it was reached."""
        reason = f"the signal was older than {self._max_age.total_seconds():.0f} s when it was reached"
        now = self._clock.now()
        agents = list(self._directory.each_of_user(signal.user_id)) if signal.user_id is not None else []
        decisions = [
            self._earlier(signal, _Candidate(agent, (), None), done[agent.id])
            if agent.id in done
            else SignalDecision(
                signal_id=signal.id,
                agent_id=agent.id,
                outcome=DecisionOutcome.SKIPPED,
                code="SIGNAL_EXPIRED",
                reason=reason,
                gates=(),
                decided_at=now,
            )
            for agent in agents
        ]
        await self._record(signal, decisions)
        log.warning("signal.expired", signal_id=signal.id)

    async def _record(self, signal: Signal, decisions: list[SignalDecision]) -> None:
        self._unrecorded[signal.id] = decisions
        for pause in (*RECORD_RETRY_SECONDS, None):
            try:
                await self._store.record_decisions(signal.id, decisions)
            except Exception as error:
                log.warning("signal.decisions_not_recorded", signal_id=signal.id, code=named(error).code)
                if pause is None:
                    # It stays undecided in the store, and whoever finds it there writes down what was decided here.
                    return
                await asyncio.sleep(pause)
            else:
                self._unrecorded.pop(signal.id, None)
                return


def _candidate(agent: Agent, verdict: _Verdict) -> _Candidate:
    if verdict.refusal is not None:
        return _Candidate(agent, verdict.gates, ("NOT_ELIGIBLE", verdict.refusal))
    if agent.wallet_for(agent.trading_mode) is None:
        reason = f"the agent has no {agent.trading_mode.value} wallet"
        return _Candidate(agent, verdict.gates, ("WALLET_NOT_FOUND", reason))
    return _Candidate(agent, verdict.gates, None)


def _unstored(draft: SignalDraft, now: datetime) -> Signal:
    """Return a signal that has no number and will never have one."""
    return Signal(
        id=SignalId(0),
        user_id=draft.user_id,
        token_address=draft.token_address,
        signal_type=draft.signal_type,
        signal_strength=draft.signal_strength,
        symbol=draft.symbol,
        activation_reason=draft.activation_reason,
        source=draft.source,
        created_at=now,
        updated_at=now,
    )
