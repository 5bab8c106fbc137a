"""What happened to signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nexgent.domain.signals.models import Signal, SignalDecision, SignalDraft
from nexgent.shared.trace_context import TraceContext


@dataclass(frozen=True, slots=True)
class SignalArrived:
    """A signal came in and is about to be stored. Nobody may act on it yet; it may turn out to be a repetition."""

    draft: SignalDraft


@dataclass(frozen=True, slots=True)
class SignalReceived:
    """A signal is stored and wants to be traded."""

    signal: Signal
    received_monotonic: float
    """The clock's monotonic reading when the request came in, for latency figures."""
    trace: TraceContext | None = None
    """The trace it belongs to, by its sender or made here."""


@dataclass(frozen=True, slots=True)
class SignalProcessed:
    """All agents have decided and traded: `success`, `skipped` (nobody eligible) or `failed`."""

    signal: Signal
    status: str
    seconds: float
    executed: int
    failed: int
    decisions: Sequence[SignalDecision] = ()
    """What each agent made of it; none when it failed as a whole."""
