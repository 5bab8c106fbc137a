"""How late the event loop and the price loop are: measured, shown as metrics, and an alarm when stop losses have to wait.

A process whose event loop is held up does nothing at all, not even look at prices, and from outside it only seems to be slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.shared.clock import Clock

log = structlog.get_logger(__name__)

SAMPLE_SECONDS = 0.1
LAG_SECONDS = 1.0
"""An event loop that was held up for longer is an alarm."""
GAP_SECONDS = 1.5
"""Prices that were not looked at for longer are an alarm, unless they are polled more rarely anyhow."""
GAP_FACTOR = 1.5
WARNED_SECONDS = 30.0
"""How long health tells about an alarm."""


class Punctuality:
    """Looks at the clock ten times a second, and at every tick of the price loop."""

    def __init__(
        self, *, poll_seconds: float, clock: Clock, metrics: Metrics, active: Callable[[], bool]
    ) -> None:
        self._allowed_gap = max(GAP_SECONDS, GAP_FACTOR * poll_seconds)
        self._clock = clock
        self._metrics = metrics
        self._active = active
        self._last_tick: float | None = None
        self._overdue = False
        self._alarm: tuple[float, str] | None = None

    def ticked(self) -> None:
        """Note that a tick of the price loop begins."""
        now = self._clock.monotonic()
        if self._last_tick is not None:
            gap = now - self._last_tick
            self._metrics.price_tick_gap_seconds.observe(gap)
            if gap > self._allowed_gap:
                self._raise_alarm("prices.tick_late", f"prices were not looked at for {gap:.1f} s", gap)
        self._last_tick = now
        self._overdue = False

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(SAMPLE_SECONDS)
            self.sampled(self._clock.monotonic() - before - SAMPLE_SECONDS)

    def sampled(self, lag: float) -> None:
        """Note by how much a pause was longer than it should have been."""
        self._metrics.event_loop_lag_seconds.observe(max(0.0, lag))
        if lag > LAG_SECONDS:
            self._raise_alarm("event_loop.late", f"the event loop was held up for {lag:.1f} s", lag)
        if not self._active():
            # A replica looks at no prices, and whoever becomes the engine begins anew.
            self._last_tick = None
        elif self._last_tick is not None and not self._overdue:
            age = self._clock.monotonic() - self._last_tick
            if age > self._allowed_gap:
                self._overdue = True
                self._raise_alarm(
                    "prices.tick_overdue", f"prices have not been looked at for {age:.1f} s", age
                )

    def problem(self) -> str | None:
        """Return what was late a moment ago, or None."""
        if self._alarm is None or self._clock.monotonic() - self._alarm[0] > WARNED_SECONDS:
            return None
        return self._alarm[1]

    def _raise_alarm(self, event: str, text: str, seconds: float) -> None:
        quiet = self.problem() is None
        self._alarm = self._clock.monotonic(), text
        self._metrics.late.labels(event).inc()
        # One line for many, so that the log does not make it worse.
        (log.warning if quiet else log.debug)(
            event, seconds=round(seconds, 3), hint="stop losses had to wait; see the load of this machine"
        )
