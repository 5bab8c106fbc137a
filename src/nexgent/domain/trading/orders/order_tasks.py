"""Take-profit sales and DCA buys, each in its own supervised task. The price loop starts them and goes on.

Unlike exits they are not remembered: while the price calls for one, every tick does. What fails rests for a growing while, so
that a token without a route or a wallet without funds does not burn the rate budget; other rules of the position go on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.positions.errors import PositionLockedError, PositionNotFoundError
from nexgent.domain.positions.models import Position
from nexgent.domain.trading.errors import SwapUnavailableError
from nexgent.domain.trading.orders.average_down import AverageDown, AverageDownRequest
from nexgent.domain.trading.orders.errors import ExitPendingError, NotDueError
from nexgent.domain.trading.orders.take_profit_sale import TakeProfitRequest, TakeProfitSale
from nexgent.domain.trading.rules.rule import PositionOrderKind
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import TaskSet
from nexgent.shared.types import PositionId

log = structlog.get_logger(__name__)

FORGET_AFTER = timedelta(minutes=10)
"""So long after a rest its failures count no longer."""
_SPARE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionOrderPolicy:
    """How long to leave an operation alone."""

    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    without_funds_seconds: float = 60.0
    """The contract's suspension of DCA after insufficient funds."""
    while_busy_seconds: float = 1.0
    """After which time to look again at what is under way."""


@dataclass(slots=True)
class _Rest:
    until: datetime
    failures: int


class PositionOrderTasks:
    """At most one operation per position is under way; each kind rests on its own after a failure."""

    def __init__(
        self,
        *,
        take_profit: TakeProfitSale,
        average_down: AverageDown,
        policy: PositionOrderPolicy,
        clock: Clock,
    ) -> None:
        self._take_profit = take_profit
        self._buy_more = average_down
        self._policy = policy
        self._clock = clock
        self._running: set[PositionId] = set()
        self._rests: dict[tuple[PositionId, PositionOrderKind], _Rest] = {}
        self._most_rests = _SPARE
        self._tasks = TaskSet("operations")
        self._stopping = False
        self._on_idle: Callable[[PositionId], None] | None = None

    def when_idle(self, listener: Callable[[PositionId], None]) -> None:
        """Have a listener told whenever an operation has ended, well or not."""
        self._on_idle = listener

    def __len__(self) -> int:
        return len(self._running)

    def start(self, position: Position, kind: PositionOrderKind, evidence: PriceEvidence) -> bool:
        """Do what a rule calls for, unless an order is under way on the position or the kind rests. Return whether it started."""
        if self._stopping or self.resting_until(position.id, kind, self._clock.now()) is not None:
            return False
        self._running.add(position.id)
        self._tasks.start(self._run(position, kind, evidence), name=f"{kind.value}.{position.id}")
        return True

    def resting_until(
        self, position_id: PositionId, kind: PositionOrderKind, now: datetime
    ) -> datetime | None:
        """Return when a kind of operation may be started again, None when it may be now."""
        if position_id in self._running:
            return now + timedelta(seconds=self._policy.while_busy_seconds)
        rest = self._rests.get((position_id, kind))
        return rest.until if rest is not None and rest.until > now else None

    def forget(self, position_id: PositionId) -> None:
        """Drop what is known of a closed position."""
        for kind in PositionOrderKind:
            self._rests.pop((position_id, kind), None)

    async def drain(self, timeout_seconds: float) -> int:
        """Start nothing new and wait for what is under way; return how many had to be given up."""
        self._stopping = True
        return await self._tasks.drain(timeout_seconds)

    async def abandon(self) -> None:
        """Leave what is under way to whoever trades now."""
        await self._tasks.drain(0)
        self._running.clear()

    def _order(
        self, position: Position, kind: PositionOrderKind, evidence: PriceEvidence
    ) -> Awaitable[object]:
        wallet, position_id = position.wallet_address, position.id
        match kind:
            case PositionOrderKind.TAKE_PROFIT:
                return self._take_profit.execute(
                    TakeProfitRequest(wallet_address=wallet, position_id=position_id, evidence=evidence)
                )
            case PositionOrderKind.DCA:
                return self._buy_more.execute(
                    AverageDownRequest(wallet_address=wallet, position_id=position_id, evidence=evidence)
                )
            case _:
                assert_never(kind)

    async def _run(self, position: Position, kind: PositionOrderKind, evidence: PriceEvidence) -> None:
        key = (position.id, kind)
        try:
            await self._order(position, kind, evidence)
        except (PositionNotFoundError, UnknownWalletError):
            self._rests.pop(key, None)
        except (PositionLockedError, ExitPendingError, NotDueError) as error:
            # Nothing is wrong: somebody else is at work, or memory runs a moment behind the journal.
            self._rest(key, self._policy.while_busy_seconds, failed=False)
            log.debug("operation.waits", position_id=str(position.id), kind=kind.value, code=error.code)
        except NexgentError as error:
            pause = self._pause(key, error)
            self._rest(key, pause, failed=True)
            log.warning(
                "operation.failed",
                position_id=str(position.id),
                kind=kind.value,
                code=error.code,
                rest_seconds=pause,
            )
        except Exception:
            self._rest(key, self._policy.longest_pause_seconds, failed=True)
            log.exception("operation.crashed", position_id=str(position.id), kind=kind.value)
        else:
            self._rests.pop(key, None)
        finally:
            self._running.discard(position.id)
            if self._on_idle is not None:
                self._on_idle(position.id)

    def _pause(self, key: tuple[PositionId, PositionOrderKind], error: NexgentError) -> float:
        if error.code == "INSUFFICIENT_BALANCE":
            return self._policy.without_funds_seconds
        rest = self._rests.get(key)
        failures = rest.failures if rest is not None else 0
        pause = min(
            self._policy.first_pause_seconds * 2 ** min(failures, 20), self._policy.longest_pause_seconds
        )
        if isinstance(error, SwapUnavailableError) and error.retry_after_seconds is not None:
            pause = max(pause, error.retry_after_seconds)
        return float(pause)

    def _rest(self, key: tuple[PositionId, PositionOrderKind], seconds: float, *, failed: bool) -> None:
        before = self._rests.get(key)
        failures = before.failures if before is not None else 0
        until = self._clock.now() + timedelta(seconds=seconds)
        self._rests[key] = _Rest(until, failures + 1 if failed else failures)
        if len(self._rests) > self._most_rests:
            # An order may fail when its position is closed already, and nobody tells of that again.
            forgotten = self._clock.now() - FORGET_AFTER
            self._rests = {key: rest for key, rest in self._rests.items() if rest.until > forgotten}
            self._most_rests = max(_SPARE, 2 * len(self._rests))
