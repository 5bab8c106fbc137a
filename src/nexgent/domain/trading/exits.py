"""Exits: each in its own supervised task, tried until the position is flat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.positions.errors import PositionLockedError, PositionNotFoundError
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.trading.close_position import ClosePosition, ClosePositionRequest
from nexgent.domain.trading.errors import SwapUnavailableError
from nexgent.domain.trading.events import ExitAttemptFailed, ExitOverdue, ExitTriggered
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import TaskSet
from nexgent.shared.types import PositionId

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPolicy:
    """How hard and how long an exit is tried. Slippage and fee grow per attempt, up to their caps (live wallets only)."""

    slippage_bps: tuple[int | None, ...] = (None, 100, 200, 400, 800)
    priority_fee_lamports: tuple[int | None, ...] = (None, None, 500_000, 1_000_000, 2_000_000)
    first_pause_seconds: float = 0.25
    longest_pause_seconds: float = 30.0
    overdue_seconds: float = 15.0

    def pause_seconds(self, attempts: int) -> float:
        """Return how long to wait after so many failed attempts."""
        return float(min(self.first_pause_seconds * 2 ** min(attempts - 1, 20), self.longest_pause_seconds))


class ExitTasks:
    """One task per position that wants to be left. The price loop starts them and goes on."""

    def __init__(
        self, *, close: ClosePosition, policy: ExitPolicy, clock: Clock, publish: Callable[[object], None]
    ) -> None:
        self._close = close
        self._policy = policy
        self._clock = clock
        self._publish = publish
        self._leaving: set[PositionId] = set()
        self._tasks = TaskSet("exits")
        self._stopping = False

    def __len__(self) -> int:
        return len(self._leaving)

    def start(self, position: Position, reason: CloseReason, evidence: PriceEvidence | None) -> None:
        """Leave a position, unless that is under way already."""
        if position.id in self._leaving or self._stopping:
            return
        self._leaving.add(position.id)
        if position.pending_exit is None:
            self._publish(ExitTriggered(position.id, reason))
        self._tasks.start(self._leave(position, reason, evidence), name=f"exit.{position.id}")

    async def drain(self, timeout_seconds: float) -> int:
        """Start nothing new, let running attempts finish; what is left is durable and goes on at the next start."""
        self._stopping = True
        return await self._tasks.drain(timeout_seconds)

    async def _leave(self, position: Position, reason: CloseReason, evidence: PriceEvidence | None) -> None:
        attempts = position.pending_exit.attempts if position.pending_exit is not None else 0
        started = self._clock.monotonic()
        overdue_told = False
        try:
            while True:
                request = self._request(position, reason, evidence, attempts)
                attempts += 1
                try:
                    await self._close.execute(request)
                    return
                except PositionNotFoundError:
                    return
                except PositionLockedError:
                    pause = self._policy.first_pause_seconds
                    log.debug("exit.waits", position_id=str(position.id))
                except NexgentError as error:
                    pause = self._policy.pause_seconds(attempts)
                    if isinstance(error, SwapUnavailableError) and error.retry_after_seconds is not None:
                        pause = max(pause, error.retry_after_seconds)
                    log.warning(
                        "exit.attempt_failed",
                        position_id=str(position.id),
                        reason=reason.value,
                        attempts=attempts,
                        code=error.code,
                        retry_seconds=pause,
                    )
                    self._publish(ExitAttemptFailed(position.id, reason, attempts, error.code, pause))
                except Exception:
                    pause = self._policy.pause_seconds(attempts)
                    log.exception("exit.failed", position_id=str(position.id), reason=reason.value)
                seconds = self._clock.monotonic() - started
                if seconds > self._policy.overdue_seconds and not overdue_told:
                    overdue_told = True
                    log.error(
                        "exit.overdue",
                        position_id=str(position.id),
                        attempts=attempts,
                        seconds=round(seconds, 1),
                    )
                    self._publish(ExitOverdue(position.id, reason, attempts, seconds))
                if self._stopping:
                    return
                await asyncio.sleep(pause)
        finally:
            self._leaving.discard(position.id)

    def _request(
        self, position: Position, reason: CloseReason, evidence: PriceEvidence | None, attempts: int
    ) -> ClosePositionRequest:
        policy = self._policy
        return ClosePositionRequest(
            wallet_address=position.wallet_address,
            position_id=position.id,
            reason=reason,
            persistent=True,
            evidence=evidence,
            slippage_bps=policy.slippage_bps[min(attempts, len(policy.slippage_bps) - 1)],
            priority_fee_lamports=policy.priority_fee_lamports[
                min(attempts, len(policy.priority_fee_lamports) - 1)
            ],
        )
