"""What happened to trades: for metrics, logs and alarms."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.ledger.models import TradeKind
from nexgent.domain.positions.models import CloseReason
from nexgent.shared.structs import as_struct
from nexgent.shared.trace_context import TraceContext
from nexgent.shared.types import AgentId, IntentId, PositionId, SignalId


@as_struct
@dataclass(frozen=True, slots=True)
class TradeFinished:
    """A trade was booked, or failed for good; in a burst as many as ended alike."""

    kind: TradeKind
    succeeded: bool
    code: str | None
    seconds: float
    own_seconds: float
    """Without the time that somebody at the market was waited for."""
    count: int = 1


@dataclass(frozen=True, slots=True)
class ExitTriggered:
    """A rule decided to leave a position; counted once, not once per attempt."""

    position_id: PositionId
    reason: CloseReason
    agent_id: AgentId
    signal_id: SignalId | None = None
    """The signal that asks for it."""
    trace: TraceContext | None = None
    """The trace it belongs to, its signal's or one made for it."""


@dataclass(frozen=True, slots=True)
class ExitAttemptFailed:
    """An exit did not get through and will be tried again."""

    position_id: PositionId
    reason: CloseReason
    attempts: int
    code: str
    retry_seconds: float


@dataclass(frozen=True, slots=True)
class ExitOverdue:
    """An exit has been trying for longer than it may: somebody should look."""

    position_id: PositionId
    reason: CloseReason
    attempts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RecoveryPostponed:
    """An open intent could not be ended yet; recovery comes back to it."""

    intent_id: IntentId
    kind: TradeKind
    code: str
