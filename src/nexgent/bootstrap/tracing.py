"""Traces, put together: nothing at all unless a collector was named."""

from __future__ import annotations

import os

import structlog

from nexgent.config.tracing import TracingPlan, TracingSettings, plan_tracing
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.events import EntriesRecorded
from nexgent.domain.signals.events import SignalProcessed, SignalReceived
from nexgent.domain.trading.events import ExitAttemptFailed, ExitTriggered
from nexgent.domain.trading.venues import SwapVenues
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.infrastructure.tracing.assembler import TraceAssembler
from nexgent.infrastructure.tracing.otlp import INSTALL, OtlpSender, is_installed
from nexgent.infrastructure.tracing.recorder import Fate, TraceRecorder
from nexgent.shared.clock import Clock
from nexgent.shared.events import EventBus
from nexgent.shared.trace_context import TraceContext, current_or_new_trace, current_trace, trace_of_exit
from nexgent.shared.types import PositionId, VenueName, WalletAddress

log = structlog.get_logger(__name__)


class Tracing:
    """The traces of one service. Without a collector it does nothing, and nothing of OpenTelemetry is loaded."""

    def __init__(self, settings: TracingSettings, metrics: Metrics, clock: Clock) -> None:
        plan, problems = usable_plan(settings)
        for problem in problems:
            log.warning("tracing.setting", problem=problem)
        self._plan = plan
        self._metrics = metrics
        self._clock = clock
        self._recorder: TraceRecorder | None = None

    def trace(self) -> TraceContext | None:
        """Return the trace that whatever runs belongs to; where traces are made, it always has one."""
        return current_trace() if self._plan is None else current_or_new_trace()

    def exit_trace(self, position_id: PositionId) -> TraceContext | None:
        """Return the trace that leaving a position belongs to: that of whatever runs, else, where traces are made, its own."""
        return current_trace() or (trace_of_exit(position_id) if self._plan is not None else None)

    def listen(self, bus: EventBus, *, directory: AgentDirectory, venues: SwapVenues) -> None:
        """Begin to make traces of what is announced."""
        plan = self._plan
        if plan is None:
            return

        def mode_of(wallet: WalletAddress) -> TradingMode | None:
            known = directory.wallet(wallet)
            return known.mode if known is not None else None

        def venue_of(mode: TradingMode) -> VenueName:
            return venues.of_mode(mode).name

        def count(fate: Fate, spans: int) -> None:
            self._metrics.trace_spans.labels(fate.value).inc(spans)

        recorder = self._recorder = TraceRecorder(
            assembler=TraceAssembler(sampling=plan.sampling, mode_of=mode_of, venue_of=venue_of),
            sender=lambda: OtlpSender(plan),
            on_spans=count,
            clock=self._clock,
        )
        bus.on(SignalReceived, recorder.on_signal_received)
        bus.on(SignalProcessed, recorder.on_fact)
        bus.on(ExitTriggered, recorder.on_fact)
        bus.on(ExitAttemptFailed, recorder.on_fact)
        bus.on(EntriesRecorded, recorder.on_entries)
        recorder.start()

    async def close(self) -> None:
        """Send what there is, within seconds, whatever the collector does."""
        if self._recorder is not None:
            await self._recorder.close()


def usable_plan(settings: TracingSettings) -> tuple[TracingPlan | None, list[str]]:
    """Return what to do, nothing when no traces are made, and in words why something that was asked for is not done."""
    plan, problems = plan_tracing(settings)
    if plan is not None and not is_installed():
        return None, [*problems, f"Traces are asked for and OpenTelemetry is not installed: {INSTALL}"]
    return plan, problems if plan is None else [*problems, *_unreadable(plan)]


def _unreadable(plan: TracingPlan) -> list[str]:
    """Return which of its files cannot be read now. Spans are lost for as long as that is so, and no longer."""
    files = {
        "CERTIFICATE": plan.certificate,
        "CLIENT_CERTIFICATE": plan.client_certificate,
        "CLIENT_KEY": plan.client_key,
    }
    return [
        f"OTEL_EXPORTER_OTLP_{name} (or …_TRACES_{name}): its file cannot be read, so the collector gets nothing."
        for name, file in files.items()
        if file is not None and not os.access(file, os.R_OK)
    ]
