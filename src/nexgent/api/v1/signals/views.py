"""Signals as this interface shows them."""

from __future__ import annotations

from nexgent.api.encoding import iso, text_or_none
from nexgent.domain.signals.models import Signal, SignalDecision
from nexgent.domain.signals.queries import SignalRow


def signal_view(signal: Signal | SignalRow) -> dict[str, object]:
    """Return a signal; whose it is stays inside."""
    return {
        "id": signal.id,
        "createdAt": iso(signal.created_at),
        "updatedAt": iso(signal.updated_at),
        "tokenAddress": signal.token_address,
        "symbol": signal.symbol,
        "signalType": signal.signal_type,
        "activationReason": signal.activation_reason,
        "signalStrength": signal.signal_strength,
        "source": signal.source,
    }


def decision_view(decision: SignalDecision) -> dict[str, object]:
    """Return what an agent made of a signal."""
    return {
        "agentId": decision.agent_id,
        "outcome": decision.outcome.value,
        "code": decision.code,
        "reason": decision.reason,
        "gates": [
            {"name": gate.name, "value": gate.value, "limit": gate.limit, "passed": gate.passed}
            for gate in decision.gates
        ],
        "intentId": decision.intent_id,
        "transactionId": decision.transaction_id,
        "positionId": decision.position_id,
        "sizeSol": text_or_none(decision.size_sol),
        "priceSol": text_or_none(decision.price_sol),
        "priceSource": decision.price_source,
        "priceAgeMs": decision.price_age_ms,
        "latencyMs": decision.latency_ms,
        "decidedAt": iso(decision.decided_at),
    }
