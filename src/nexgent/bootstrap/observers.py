"""What the parts of the product tell the metrics. The domain knows nothing of this."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import structlog
from prometheus_client import Counter

from nexgent.domain.ledger.models import TradeKind
from nexgent.domain.positions.events import PositionClosed, PositionOpened
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.reconciliation.events import WalletChecked
from nexgent.domain.signals.events import SignalProcessed
from nexgent.domain.trading.events import (
    ExitAttemptFailed,
    ExitOverdue,
    ExitTriggered,
    RecoveryPostponed,
    TradeFinished,
)
from nexgent.infrastructure.metrics.metrics import Durations, Metrics
from nexgent.shared.money import plain, sol
from nexgent.shared.types import TokenAddress

log = structlog.get_logger(__name__)

LINE_DELAY_SECONDS = 0.1
"""So long after a position it is in the log, or after the last one of a burst: a line takes longer than telling a client."""
LONGEST_DELAY_SECONDS = 1.0
POSITIONS_A_LINE = 50


class _TradeFigures(NamedTuple):
    """What is counted of trades of one kind and outcome."""

    seconds: Durations
    total: Counter
    own_seconds: Durations


class EngineObserver:
    """Counts and times what the engine does; listens to its events and observes its loops."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._opened: deque[Position] = deque()
        self._first_opened = self._last_opened = 0.0
        # Looking a label up takes longer than counting.
        self._trades: dict[tuple[TradeKind, bool], _TradeFigures] = {}

    def polled(self, source: str, status: str, seconds: float) -> None:
        """Note one poll of a price source."""
        self._metrics.price_update_seconds.labels(source).observe(seconds)
        self._metrics.price_updates.labels(source, status).inc()

    def judged(self, verdict: str) -> None:
        """Note what the price validator made of an observation."""
        self._metrics.price_verdicts.labels(verdict).inc()

    def evaluated(self, _outcome: str, seconds: float) -> None:
        """Note the decision on one position."""
        self._metrics.stop_loss_evaluation_seconds.observe(seconds)

    def upstream(self, service: str, _operation: str, outcome: str, seconds: float) -> None:
        """Note a call to an upstream service."""
        self._metrics.upstream_seconds.labels(service, outcome).observe(seconds)

    def not_signed(self, code: str) -> None:
        """Note an order whose transaction was not the swap that was ordered."""
        self._metrics.swaps_not_signed.labels(code).inc()

    def listener_failed(self, name: str) -> None:
        """Note a listener that raised."""
        self._metrics.error("listener", name)

    def loop_failed(self, name: str) -> None:
        """Note a step of a loop that raised."""
        self._metrics.loop_failures.labels(name).inc()
        self._metrics.error(
            "prices" if name == "prices" else "loop", "POLL_FAILED" if name == "prices" else name
        )

    def on_position_opened(self, event: PositionOpened) -> None:
        """Write a new position down, a moment after the burst it belongs to; those of a burst share lines."""
        loop = asyncio.get_running_loop()
        self._last_opened = loop.time()
        if not self._opened:
            self._first_opened = self._last_opened
            loop.call_later(LINE_DELAY_SECONDS, self._leave_lines)
        self._opened.append(event.position)

    def _leave_lines(self) -> None:
        loop = asyncio.get_running_loop()
        latest = self._first_opened + LONGEST_DELAY_SECONDS
        left = min(self._last_opened + LINE_DELAY_SECONDS, latest) - loop.time()
        if left > 0:
            loop.call_later(left, self._leave_lines)
            return
        try:
            opened = [self._opened.popleft() for _ in range(min(POSITIONS_A_LINE, len(self._opened)))]
            for token, positions in groupby(opened, key=attrgetter("token_address")):
                self._log_opened(token, list(positions))
        finally:
            if self._opened:
                loop.call_soon(self._leave_lines)

    @staticmethod
    def _log_opened(token: TokenAddress, positions: Sequence[Position]) -> None:
        invested = plain(sol(sum(position.invested_lamports for position in positions)))
        if len(positions) > 1:
            log.info(
                "positions.opened",
                count=len(positions),
                token_address=token,
                invested_sol=invested,
                position_ids=[str(position.id) for position in positions],
                agent_ids=[str(position.agent_id) for position in positions],
            )
            return
        [position] = positions
        log.info(
            "position.opened",
            position_id=str(position.id),
            agent_id=str(position.agent_id),
            token_address=token,
            invested_sol=invested,
        )

    def on_position_closed(self, event: PositionClosed) -> None:
        """Leave a line about a closed position."""
        log.info(
            "position.closed",
            position_id=str(event.position_id),
            agent_id=str(event.agent_id),
            token_address=event.token_address,
            reason=event.reason.value if event.reason is not None else "wallet_reset",
        )

    def on_trade_finished(self, event: TradeFinished) -> None:
        """Note booked or failed trades."""
        count = event.count
        figures = self._trades.get((event.kind, event.succeeded)) or self._trade_figures(event)
        figures.seconds.observe_several(event.seconds, count)
        figures.total.inc(count)
        figures.own_seconds.observe_several(event.own_seconds, count)
        if not event.succeeded:
            self._metrics.error("trading", event.code or "EXECUTION_FAILED", count)
        elif event.kind is TradeKind.TAKE_PROFIT:
            self._metrics.take_profit_triggers.inc(count)
        elif event.kind is TradeKind.DCA_BUY:
            self._metrics.dca_triggers.inc(count)
            self._metrics.dca_execution_seconds.observe_several(event.seconds, count)

    def _trade_figures(self, event: TradeFinished) -> _TradeFigures:
        kind, status = event.kind.value, "success" if event.succeeded else "failed"
        figures = self._trades[event.kind, event.succeeded] = _TradeFigures(
            self._metrics.trade_execution_seconds.labels(kind, status),
            self._metrics.trade_execution_total.labels(kind, status),
            self._metrics.trade_own_seconds.labels(kind),
        )
        return figures

    def on_signal_processed(self, event: SignalProcessed) -> None:
        """Note a processed signal."""
        self._metrics.signal_processing_seconds.labels(event.status).observe(event.seconds)
        self._metrics.signal_processing_total.labels(event.status).inc()
        if event.status == "failed":
            self._metrics.error("signals", "PROCESSING_FAILED")

    def on_exit_triggered(self, event: ExitTriggered) -> None:
        """Note a decision to leave a position."""
        match event.reason:
            case CloseReason.STOP_LOSS:
                self._metrics.stop_loss_triggers.inc()
            case CloseReason.STALE_TRADE:
                self._metrics.stale_trade_triggers.inc()
            case _:
                pass

    def on_exit_attempt_failed(self, event: ExitAttemptFailed) -> None:
        """Note an exit to be tried again."""
        self._metrics.exit_attempts_failed.labels(event.reason.value).inc()
        self._metrics.error(event.reason.value, event.code)

    def on_wallet_checked(self, event: WalletChecked) -> None:
        """Note that a live wallet was held against the chain, or why it could not be."""
        self._metrics.reconciliations.labels("failed" if event.code is not None else "compared").inc()
        if event.booked:
            self._metrics.reconciliation_entries.inc(event.booked)
        if event.code is not None:
            self._metrics.error("reconciliation", event.code)

    def on_recovery_postponed(self, event: RecoveryPostponed) -> None:
        """Note an open trade that could not be ended yet."""
        self._metrics.error("recovery", event.code)

    def on_exit_overdue(self, event: ExitOverdue) -> None:
        """Note an exit that takes longer than it may: an alarm."""
        self._metrics.exits_overdue.inc()
        self._metrics.error(event.reason.value, "EXIT_OVERDUE")

    def command_forwarded(self, outcome: str) -> None:
        """Note what became of a request that was forwarded to the engine of its agent."""
        self._metrics.commands_forwarded.labels(outcome).inc()

    def command_served(self, outcome: str) -> None:
        """Note what this engine did with a request that another process forwarded."""
        self._metrics.commands_served.labels(outcome).inc()

    def shards_moved(self, count: int, seconds: float) -> None:
        """Note shards that were taken over, or left: fewer than none."""
        if count > 0:
            self._metrics.engine_shard_takeover_seconds.observe(seconds)
        self._metrics.engine_shard_moves.labels("taken" if count > 0 else "left").inc(abs(count))


def refresh_gauges(metrics: Metrics, **read: Callable[[], float | None]) -> None:
    """Have gauges set from functions whenever metrics are read. Names are the attributes of `Metrics`."""

    def refresh() -> None:
        for name, value in read.items():
            number = value()
            if number is not None:
                getattr(metrics, name).set(number)

    metrics.before_exposition(refresh)
