"""Signals, and what each agent made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from nexgent.shared.structs import as_struct
from nexgent.shared.types import AgentId, IntentId, PositionId, SignalId, TokenAddress, TransactionId, UserId

MAX_REASON_LENGTH = 5_000
"""Of a signal's activation reason: it is stored with the signal, and listed and exported with it again and again."""


class SignalAction(StrEnum):
    """What a signal asks the agents for. Only buying is told by a signal that does not say."""

    BUY = "buy"
    CLOSE = "close"
    """Sell all that is held of the token."""
    REDUCE = "reduce"
    """Sell a part of what is held of the token: `percent`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDraft:
    """A signal as it came in, checked but not stored yet."""

    user_id: UserId
    token_address: TokenAddress
    signal_type: str
    signal_strength: int
    symbol: str | None = None
    activation_reason: str | None = None
    source: str | None = None
    action: SignalAction = SignalAction.BUY
    percent: Decimal | None = None
    """Of what is held, above 0 and below 100: of a signal to reduce, and of no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A stored signal. A signal without a user is legacy and is never traded."""

    id: SignalId
    user_id: UserId | None
    token_address: TokenAddress
    signal_type: str
    signal_strength: int
    symbol: str | None
    activation_reason: str | None
    source: str | None
    created_at: datetime
    updated_at: datetime
    action: SignalAction = SignalAction.BUY
    percent: Decimal | None = None


WhatRepeats = tuple[UserId | None, str, str, int, SignalAction, Decimal | None]
"""What a signal that is sent again has in common with the first."""


def what_repeats(signal: Signal | SignalDraft) -> WhatRepeats:
    """Return what a signal that is sent again has in common with the first."""
    return (
        signal.user_id,
        signal.token_address,
        signal.signal_type,
        signal.signal_strength,
        signal.action,
        signal.percent,
    )


SignalChanges = Mapping[str, str | int | None]
"""New values of a signal by field: those of `EDITABLE_FIELDS`, checked but not stored yet."""

EDITABLE_FIELDS = (
    "token_address",
    "symbol",
    "signal_type",
    "activation_reason",
    "signal_strength",
    "source",
)


EXIT_CONTINUES = "EXIT_CONTINUES"
"""The code of a decision to sell whose exit was still being tried when the decision was written down."""


class DecisionOutcome(StrEnum):
    """What became of a signal for one agent."""

    EXECUTED = "EXECUTED"
    FAILED = "FAILED"
    """Eligible, but refused by validation or failed on the way; `code` and `reason` say why."""
    SKIPPED = "SKIPPED"
    """Not eligible, or the signal was too old to act on when it was reached."""
    PENDING = "PENDING"
    """Sent, and nobody knows yet whether it landed. Never stored: it is what the trade says when a decision is read."""


@as_struct
@dataclass(frozen=True, slots=True)
class Gate:
    """One check: what it looked at, the limit it was held against, and whether it passed."""

    name: str
    value: str | None
    limit: str | None
    passed: bool


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDecision:
    """The record of one agent's decision on one signal; exactly one exists per pair."""

    signal_id: SignalId
    agent_id: AgentId
    outcome: DecisionOutcome
    code: str | None
    reason: str | None
    gates: tuple[Gate, ...]
    intent_id: IntentId | None = None
    transaction_id: TransactionId | None = None
    position_id: PositionId | None = None
    size_sol: Decimal | None = None
    price_sol: Decimal | None = None
    price_source: str | None = None
    price_age_ms: int | None = None
    latency_ms: dict[str, float] = field(default_factory=dict)
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class TokenMetrics:
    """Market figures of a token in USD; what the provider does not know is None."""

    market_cap_usd: Decimal | None
    liquidity_usd: Decimal | None
    holder_count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalTrade:
    """An intent for a signal and what became of it: `intended`, `submitted`, `settled`, `failed` or `expired`.

    For a signal that sells it is the one that tells most of an agent's: an exit that is tried again has one an attempt.
    """

    agent_id: AgentId
    intent_id: IntentId
    status: str
    transaction_id: TransactionId | None
    position_id: PositionId | None
    code: str | None
    reason: str | None
