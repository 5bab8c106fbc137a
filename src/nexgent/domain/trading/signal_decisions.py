"""What is written down of an agent and a signal: every gate with its value, the outcome, the price that counted."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypedDict

from nexgent.domain.positions.models import Position
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.signals.models import DecisionOutcome, Gate, Signal, SignalDecision, SignalTrade
from nexgent.domain.trading.book.position_book import age_ms
from nexgent.domain.trading.models import Fill
from nexgent.domain.trading.orders.position_booking import PositionOrderDone
from nexgent.domain.trading.orders.position_orders import SalePreview
from nexgent.domain.trading.orders.purchases import PurchasePreview, PurchaseResult
from nexgent.domain.trading.rules.signal_sale import SaleVerdict
from nexgent.domain.trading.signal_candidates import Candidate
from nexgent.shared.clock import Clock
from nexgent.shared.money import sol, unit_price_sol
from nexgent.shared.structs import replace
from nexgent.shared.types import AgentId, PositionId

ALLOWED = Gate("purchase_validation", "passed", "passed", True)


class SignalDecisions:
    """Makes the records."""

    def __init__(self, *, latest_prices: LatestPrices, clock: Clock) -> None:
        self._latest_prices = latest_prices
        self._clock = clock

    def refused(self, signal: Signal, candidate: Candidate) -> SignalDecision:
        """Return why an agent does not act."""
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

    def earlier(self, signal: Signal, candidate: Candidate, trade: SignalTrade) -> SignalDecision:
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

    def decided(
        self, signal: Signal, result: PurchaseResult, gates: Mapping[AgentId, tuple[Gate, ...]]
    ) -> SignalDecision:
        """Return what became of a purchase; `gates` are what the filters found."""
        now = self._clock.now()
        agent_id = result.buyer.agent.id
        # Once its intent is durable a purchase was allowed: what failed then is its outcome, and no gate.
        verdict = (
            ALLOWED
            if result.intended
            else Gate("purchase_validation", result.code or "passed", "passed", False)
        )
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

    def failed(self, signal: Signal, candidate: Candidate, code: str, reason: str) -> SignalDecision:
        """Return the record of an agent for which nothing could be decided."""
        return self._record(signal, candidate, candidate.gates, DecisionOutcome.FAILED, (code, reason))

    def unsold(
        self,
        signal: Signal,
        candidate: Candidate,
        verdict: SaleVerdict,
        problem: tuple[str, str] | None = None,
        position_id: PositionId | None = None,
    ) -> SignalDecision:
        """Return why an agent has not sold: the verdict's refusal, or a problem on the way."""
        gates = (*candidate.gates, *verdict.gates)
        if problem is None:
            return self._record(signal, candidate, gates, DecisionOutcome.SKIPPED, verdict.refusal)
        decision = self._record(signal, candidate, gates, DecisionOutcome.FAILED, problem)
        return replace(decision, position_id=position_id)

    def sold(
        self,
        signal: Signal,
        candidate: Candidate,
        verdict: SaleVerdict,
        done: PositionOrderDone,
        milliseconds: float,
    ) -> SignalDecision:
        """Return the record of a sale. Its size is what the swap brought."""
        gates = (*candidate.gates, *verdict.gates)
        decision = self._record(signal, candidate, gates, DecisionOutcome.EXECUTED, None)
        return replace(
            decision,
            intent_id=done.settled.intent_id,
            transaction_id=done.settled.transaction.id,
            latency_ms={"sold": milliseconds},
            **_of_sale(done.position, done.fill, 0),
        )

    def would_sell(
        self, signal: Signal, candidate: Candidate, verdict: SaleVerdict, sale: SalePreview
    ) -> SignalDecision:
        """Return what would become of a sale."""
        gates = (*candidate.gates, *verdict.gates)
        decision = self._record(signal, candidate, gates, DecisionOutcome.EXECUTED, None)
        return replace(decision, **_of_sale(sale.position, sale.fill, round(sale.age_seconds * 1000)))

    def _record(
        self,
        signal: Signal,
        candidate: Candidate,
        gates: tuple[Gate, ...],
        outcome: DecisionOutcome,
        problem: tuple[str, str] | None,
    ) -> SignalDecision:
        code, reason = problem or (None, None)
        return SignalDecision(
            signal_id=signal.id,
            agent_id=candidate.agent.id,
            outcome=outcome,
            code=code,
            reason=reason,
            gates=gates,
            decided_at=self._clock.now(),
        )

    def previewed(
        self, signal: Signal, preview: PurchasePreview, gates: Mapping[AgentId, tuple[Gate, ...]]
    ) -> SignalDecision:
        """Return what would become of a purchase."""
        decision = self.decided(signal, preview.result, gates)
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
            gates=(*decision.gates[:-1], impact, ALLOWED),
            price_sol=unit_price_sol(quote.in_amount_raw, quote.out_amount_raw, decimals),
            price_source="quote",
            price_age_ms=0,
        )


class _Sale(TypedDict):
    position_id: PositionId
    size_sol: Decimal
    price_sol: Decimal
    price_source: str
    price_age_ms: int


def _of_sale(position: Position, fill: Fill, age: int) -> _Sale:
    return {
        "position_id": position.id,
        "size_sol": sol(fill.out_amount_raw),
        "price_sol": unit_price_sol(fill.out_amount_raw, fill.in_amount_raw, position.decimals),
        "price_source": "quote",
        "price_age_ms": age,
    }
