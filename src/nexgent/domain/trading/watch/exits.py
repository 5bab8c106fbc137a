"""Exits: each in its own supervised task, tried until the position is flat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from nexgent.domain.ledger.errors import JournalUnavailableError, UnknownWalletError
from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.ledger.share import EngineShare
from nexgent.domain.positions.errors import PositionLockedError, PositionNotFoundError
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.trading.errors import (
    NO_MARKET_CODES,
    SwapHeldBackError,
    SwapUnavailableError,
    WalletNotLoadedError,
    named,
)
from nexgent.domain.trading.events import ExitAttemptFailed, ExitOverdue, ExitTriggered
from nexgent.domain.trading.orders.errors import PartiallySoldError
from nexgent.domain.trading.orders.position_booking import PositionOrderDone
from nexgent.domain.trading.orders.sell import ClosePosition, ClosePositionRequest
from nexgent.domain.trading.watch.pace import Pace
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import TaskSet
from nexgent.shared.trace_context import TraceContext, current_trace, enter_trace
from nexgent.shared.types import PositionId, SignalId, WalletAddress

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPolicy:
    """How hard and how long an exit is tried. Slippage and fee grow per attempt, up to their caps (live wallets only)."""

    slippage_bps: tuple[int | None, ...] = (None, 100, 200, 400, 800)
    priority_fee_lamports: tuple[int | None, ...] = (None, None, 500_000, 1_000_000, 2_000_000)
    first_pause_seconds: float = 0.25
    longest_pause_seconds: float = 30.0
    unrecorded_pause_seconds: float = 1.0
    """After an attempt that could not be recorded: the journal was away, or this process was not the engine."""
    overdue_seconds: float = 15.0
    urgent_seconds: float = 120.0
    """For so long an exit that finds no market asks before everybody else; after that it waits its turn with the entries."""

    def pause_seconds(self, attempts: int) -> float:
        """Return how long to wait after so many failed attempts."""
        return float(min(self.first_pause_seconds * 2 ** min(attempts - 1, 20), self.longest_pause_seconds))

    def slippage_at(self, attempts: int) -> int | None:
        """Return the slippage to allow after so many failed attempts; None leaves it to the provider."""
        return self.slippage_bps[min(attempts, len(self.slippage_bps) - 1)]

    def fee_at(self, attempts: int) -> int | None:
        """Return the priority fee to pay after so many failed attempts; None leaves it to the provider."""
        return self.priority_fee_lamports[min(attempts, len(self.priority_fee_lamports) - 1)]


@dataclass(frozen=True, slots=True)
class ExitProgress:
    """How an exit is going, for people: how often it was tried, and the code of the newest failure."""

    reason: CloseReason
    attempts: int
    code: str | None
    signal_id: SignalId | None = None
    """The signal that asks for it."""


@dataclass(slots=True)
class _Exit:
    """How an exit is going."""

    position: Position
    reason: CloseReason
    evidence: PriceEvidence | None
    attempts: int
    earlier_seconds: float
    """How long it had been tried before this process took it on."""
    started: float
    no_market: bool = False
    overdue_told: bool = False
    remembered: bool = False
    code: str | None = None
    """Of the newest attempt that failed."""
    barred: bool = False
    """Whether the newest attempt did not reach the market because this process could not record it, or may not trade."""
    signal_id: SignalId | None = None
    """The signal that asks for it."""
    trace: TraceContext | None = None
    """The trace its attempts belong to."""
    done: PositionOrderDone | None = None
    """The sale that ended it."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when waiting for the next attempt makes no sense any more."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing is tried any more: it is sold, gone, or another process's business."""


class ExitTasks:
    """One task per position that wants to be left. The price loop starts them and goes on."""

    def __init__(
        self,
        *,
        close: ClosePosition,
        policy: ExitPolicy,
        clock: Clock,
        publish: Callable[[object], None],
        trace: Callable[[PositionId], TraceContext | None] = lambda _: current_trace(),
        share: EngineShare | None = None,
    ) -> None:
        """Positions are left whose agents are in the `share`."""
        self._share = share or EngineShare()
        self._close = close
        self._policy = policy
        self._clock = clock
        self._publish = publish
        self._trace = trace
        self._leaving: dict[PositionId, _Exit] = {}
        self._tasks = TaskSet("exits")
        self._pace = Pace()
        self._stopping = asyncio.Event()

    def __len__(self) -> int:
        return len(self._leaving)

    def __contains__(self, position_id: PositionId) -> bool:
        return position_id in self._leaving

    def progress(self, position_id: PositionId) -> ExitProgress | None:
        """Return how the exit of a position is going, nothing when none is under way here."""
        exit_ = self._leaving.get(position_id)
        if exit_ is None:
            return None
        return ExitProgress(exit_.reason, exit_.attempts, exit_.code, exit_.signal_id)

    async def outcome(self, position_id: PositionId) -> PositionOrderDone | None:
        """Wait for the end of an exit and return the sale that ended it.

        Nothing when none is under way here, the position went by another sale, or another process trades now.
        """
        exit_ = self._leaving.get(position_id)
        if exit_ is None:
            return None
        await exit_.over.wait()
        return exit_.done

    def start(
        self,
        position: Position,
        reason: CloseReason,
        evidence: PriceEvidence | None,
        signal_id: SignalId | None = None,
    ) -> None:
        """Leave a position, unless that is under way already."""
        if position.id in self._leaving or self._stopping.is_set():
            return
        if not self._share.acts_for(position.agent_id):
            return
        pending = position.pending_exit
        trace = self._trace(position.id)
        if pending is None:
            self._publish(ExitTriggered(position.id, reason, position.agent_id, signal_id, trace))
        now = self._clock.now()
        exit_ = _Exit(
            position=position,
            reason=reason,
            evidence=evidence,
            attempts=pending.attempts if pending is not None else 0,
            earlier_seconds=max(0.0, (now - pending.since).total_seconds()) if pending is not None else 0.0,
            started=self._clock.monotonic(),
            signal_id=pending.signal_id if pending is not None else signal_id,
            trace=trace,
        )
        self._leaving[position.id] = exit_
        self._tasks.start(self._leave(exit_), name=f"exit.{position.id}")

    def hurry(self, wallet: WalletAddress) -> None:
        """Try the exits of a wallet again at once: it can sign now."""
        for exit_ in self._leaving.values():
            if exit_.position.wallet_address == wallet:
                exit_.wake.set()

    def resume(self) -> None:
        """Try those at once that could not be tried for want of the lease or the journal: both are there again."""
        for exit_ in self._leaving.values():
            if exit_.barred:
                exit_.wake.set()

    async def drain(self, timeout_seconds: float) -> int:
        """Start nothing new, let running attempts finish; what is left is durable and goes on at the next start."""
        self._stopping.set()
        self._pace.hurry()
        for exit_ in self._leaving.values():
            exit_.wake.set()
        return await self._tasks.drain(timeout_seconds)

    def let_go(self) -> None:
        """Leave the exits of agents that are not in the share (any more) to their engine, after an attempt that is under way."""
        for exit_ in self._leaving.values():
            if not self._share.acts_for(exit_.position.agent_id):
                exit_.wake.set()

    async def abandon(self) -> None:
        """Leave the exits to whoever trades now; those that are remembered are in the journal."""
        await self._tasks.drain(0)
        for exit_ in self._leaving.values():
            exit_.over.set()
        self._leaving.clear()

    async def _leave(self, exit_: _Exit) -> None:
        enter_trace(exit_.trace)
        try:
            while not self._stopping.is_set() and self._share.acts_for(exit_.position.agent_id):
                pause = await self._take_turn(exit_)
                if pause is None:
                    return
                self._tell_overdue(exit_)
                await self._sleep(exit_, pause)
        finally:
            self._leaving.pop(exit_.position.id, None)
            exit_.over.set()

    async def _take_turn(self, exit_: _Exit) -> float | None:
        """Try once, when it is this exit's turn; return what the attempt does."""
        await self._pace.turn()
        try:
            return None if self._stopping.is_set() else await self._attempt(exit_)
        finally:
            self._pace.done()

    async def _attempt(self, exit_: _Exit) -> float | None:
        """Try once; return how long to wait before the next attempt, or None when the position is gone."""
        request = self._request(exit_)
        exit_.attempts += 1
        exit_.barred = False
        try:
            exit_.done = await self._close.execute(request)
            return None
        except (PositionNotFoundError, UnknownWalletError):
            return None
        except PositionLockedError:
            log.debug("exit.waits", position_id=str(exit_.position.id))
            exit_.attempts -= 1
            await self._remember(exit_, request)
            return self._policy.first_pause_seconds
        except PartiallySoldError:
            # The market takes it: go on at once with what is left.
            exit_.no_market = False
            return self._policy.first_pause_seconds
        except NexgentError as error:
            return self._failed(exit_, error)
        except Exception as error:
            return self._failed(exit_, named(error))

    async def _remember(self, exit_: _Exit, request: ClosePositionRequest) -> None:
        """Have the journal know of an exit that waits for another operation: the price may be back before a restart is."""
        if exit_.remembered:
            return
        try:
            await self._close.remember(request)
            exit_.remembered = True
        except Exception as error:
            log.warning("exit.not_remembered", position_id=str(exit_.position.id), code=named(error).code)

    def _failed(self, exit_: _Exit, error: NexgentError) -> float:
        exit_.code = error.code
        exit_.no_market = error.code in NO_MARKET_CODES
        pause = self._policy.pause_seconds(exit_.attempts)
        if isinstance(error, WalletNotLoadedError):
            # No slippage and no fee makes up for a missing key, and asking for offers is in vain until it is there.
            exit_.attempts -= 1
            pause = self._policy.longest_pause_seconds
        elif isinstance(error, JournalUnavailableError | SwapHeldBackError):
            # The market was not asked: that is no reason to sell worse, or late, once the journal or the lease is there again.
            exit_.attempts -= 1
            exit_.barred = True
            pause = self._policy.unrecorded_pause_seconds
        if isinstance(error, SwapUnavailableError) and error.retry_after_seconds is not None:
            pause = max(pause, error.retry_after_seconds)
        log.warning(
            "exit.attempt_failed",
            position_id=str(exit_.position.id),
            reason=exit_.reason.value,
            attempts=exit_.attempts,
            code=error.code,
            retry_seconds=pause,
        )
        self._publish(ExitAttemptFailed(exit_.position.id, exit_.reason, exit_.attempts, error.code, pause))
        return pause

    def _tell_overdue(self, exit_: _Exit) -> None:
        seconds = self._seconds(exit_)
        if exit_.overdue_told or seconds <= self._policy.overdue_seconds:
            return
        exit_.overdue_told = True
        log.error(
            "exit.overdue",
            position_id=str(exit_.position.id),
            attempts=exit_.attempts,
            seconds=round(seconds, 1),
        )
        self._publish(ExitOverdue(exit_.position.id, exit_.reason, exit_.attempts, seconds))

    async def _sleep(self, exit_: _Exit, seconds: float) -> None:
        """Wait, but not longer than the process has, nor when somebody says that it is time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await exit_.wake.wait()
        exit_.wake.clear()

    def _seconds(self, exit_: _Exit) -> float:
        return exit_.earlier_seconds + self._clock.monotonic() - exit_.started

    def _request(self, exit_: _Exit) -> ClosePositionRequest:
        position = exit_.position
        return ClosePositionRequest(
            wallet_address=position.wallet_address,
            position_id=position.id,
            reason=exit_.reason,
            persistent=True,
            attempt=exit_.attempts + 1,
            evidence=exit_.evidence,
            signal_id=exit_.signal_id,
            slippage_bps=self._policy.slippage_at(exit_.attempts),
            priority_fee_lamports=self._policy.fee_at(exit_.attempts),
            urgent=not (exit_.no_market and self._seconds(exit_) > self._policy.urgent_seconds),
        )
