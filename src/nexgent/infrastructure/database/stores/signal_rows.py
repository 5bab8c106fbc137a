"""Signals and decisions as rows of the store and the queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import asyncpg
import msgspec

from nexgent.domain.signals.models import (
    EXIT_CONTINUES,
    DecisionOutcome,
    Gate,
    Signal,
    SignalAction,
    SignalDecision,
    SignalTrade,
)
from nexgent.domain.signals.queries import SignalRow
from nexgent.shared.ids import derived_id
from nexgent.shared.types import (
    AgentId,
    IntentId,
    PositionId,
    SignalId,
    TokenAddress,
    TransactionId,
    UserId,
)

_gates = msgspec.json.Decoder(tuple[Gate, ...])
_TELLS = {"failed": 0, "expired": 0, "intended": 1, "submitted": 1, "settled": 2}
_latency = msgspec.json.Decoder(dict[str, float])


def read_signal(row: asyncpg.Record) -> Signal:
    """Return a signal of a row of its table."""
    user_id = row["user_id"]
    return Signal(
        id=SignalId(row["id"]),
        user_id=UserId(user_id) if user_id is not None else None,
        token_address=TokenAddress(row["token_address"]),
        signal_type=row["signal_type"],
        signal_strength=row["signal_strength"],
        symbol=row["symbol"],
        activation_reason=row["activation_reason"],
        source=row["source"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        action=SignalAction(row["action"]),
        percent=row["percent"],
    )


def read_signal_row(row: asyncpg.Record) -> SignalRow:
    """Return a signal as it is listed."""
    return replace(SignalRow(**row), action=SignalAction(row["action"]))


def read_decision(row: asyncpg.Record) -> SignalDecision:
    """Return a decision of a row of its table."""
    intent_id, transaction_id, position_id = row["intent_id"], row["transaction_id"], row["position_id"]
    return SignalDecision(
        signal_id=SignalId(row["signal_id"]),
        agent_id=AgentId(row["agent_id"]),
        outcome=DecisionOutcome(row["outcome"]),
        code=row["code"],
        reason=row["reason"],
        gates=_gates.decode(row["gates"]),
        intent_id=IntentId(intent_id) if intent_id is not None else None,
        transaction_id=TransactionId(transaction_id) if transaction_id is not None else None,
        position_id=PositionId(position_id) if position_id is not None else None,
        size_sol=row["size_sol"],
        price_sol=row["price_sol"],
        price_source=row["price_source"],
        price_age_ms=row["price_age_ms"],
        latency_ms=_latency.decode(row["latency_ms"]),
        decided_at=row["decided_at"],
    )


def read_trade(row: asyncpg.Record) -> SignalTrade:
    """Return a trade of the row of an intent."""
    transaction_id, status = row["transaction_id"], row["status"]
    # One that was booked late may have added to a position there was; otherwise a purchase opens one.
    position_id = row["position_id"] or derived_id("opened", row["id"])
    return SignalTrade(
        agent_id=AgentId(row["agent_id"]),
        intent_id=IntentId(row["id"]),
        status=status,
        transaction_id=TransactionId(transaction_id) if transaction_id is not None else None,
        position_id=PositionId(position_id) if status == "settled" else None,
        code=row["code"],
        reason=row["reason"],
    )


def telling_most(trades: Iterable[SignalTrade]) -> Mapping[AgentId, SignalTrade]:
    """Return the trade of each agent that tells most of its trades, given the oldest first: what was done, or is under way."""
    best: dict[AgentId, SignalTrade] = {}
    for trade in trades:
        other = best.get(trade.agent_id)
        if other is None or _TELLS[trade.status] >= _TELLS[other.status]:
            best[trade.agent_id] = trade
    return best


def as_it_became(decision: SignalDecision, trade: SignalTrade | None) -> SignalDecision:
    """Return a decision with the outcome of its trade: what was in doubt when it was recorded may be known by now."""
    if trade is None:
        return decision
    match trade.status:
        case "settled":
            return replace(
                decision,
                outcome=DecisionOutcome.EXECUTED,
                intent_id=trade.intent_id,
                code=None,
                reason=None,
                transaction_id=trade.transaction_id,
                position_id=trade.position_id,
            )
        case "failed" | "expired":
            if decision.code == EXIT_CONTINUES:
                # One attempt of several: what was decided goes on until the position is flat.
                return replace(decision, outcome=DecisionOutcome.PENDING, intent_id=trade.intent_id)
            code = trade.code or ("SWAP_EXPIRED" if trade.status == "expired" else decision.code)
            reason = trade.reason or decision.reason
            return replace(
                decision,
                outcome=DecisionOutcome.FAILED,
                code=code,
                reason=reason,
                intent_id=trade.intent_id,
            )
        case _:
            return replace(decision, outcome=DecisionOutcome.PENDING, intent_id=trade.intent_id)
