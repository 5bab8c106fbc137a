"""What every agent would do with a signal: the same decisions, and nothing done."""

from __future__ import annotations

from datetime import datetime

from nexgent.domain.signals.models import Signal, SignalAction, SignalDecision, SignalDraft
from nexgent.domain.trading.orders.buy import BuyToken
from nexgent.domain.trading.orders.purchases import PurchaseOrder
from nexgent.domain.trading.signal_candidates import SignalCandidates
from nexgent.domain.trading.signal_decisions import SignalDecisions
from nexgent.domain.trading.signal_sales import SellForSignal
from nexgent.shared.clock import Clock
from nexgent.shared.types import SignalId


class PreviewSignal:
    """Asks whom `ProcessSignal` asks."""

    def __init__(
        self,
        *,
        candidates: SignalCandidates,
        purchases: BuyToken,
        sales: SellForSignal,
        decisions: SignalDecisions,
        clock: Clock,
    ) -> None:
        self._candidates = candidates
        self._purchases = purchases
        self._sales = sales
        self._decisions = decisions
        self._clock = clock

    async def execute(self, draft: SignalDraft) -> list[SignalDecision]:
        """Return what every agent would decide, with the gates and a quote of this moment.

        `EXECUTED` stands for "would buy" or "would sell". Nothing is stored, reserved or traded. A size that is drawn at random
        is another one each time.
        """
        signal = _unstored(draft, self._clock.now())
        candidates = await self._candidates.of(signal)
        if signal.action is not SignalAction.BUY:
            return await self._sales.preview(signal, candidates)
        buyers, decisions = [], []
        for candidate in candidates:
            buyer = candidate.buyer(signal)
            if buyer is None:
                decisions.append(self._decisions.refused(signal, candidate))
            else:
                buyers.append(buyer)
        if buyers:
            order = PurchaseOrder(signal.token_address, signal.symbol, None, "signal")
            gates = {candidate.agent.id: candidate.gates for candidate in candidates}
            previews = await self._purchases.preview(order, buyers)
            decisions += [self._decisions.previewed(signal, preview, gates) for preview in previews]
        return decisions


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
        action=draft.action,
        percent=draft.percent,
    )
