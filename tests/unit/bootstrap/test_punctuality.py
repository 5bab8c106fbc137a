"""What is noticed when prices are looked at too late."""

from __future__ import annotations

import asyncio
import time

from structlog.testing import capture_logs

from nexgent.bootstrap.punctuality import WARNED_SECONDS, Punctuality
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.shared.clock import SystemClock
from tests.fakes.clock import FakeClock
from tests.patience import PATIENCE_SECONDS


class Watched:
    def __init__(self, poll_seconds: float = 1.0) -> None:
        self.clock = FakeClock()
        self.metrics = Metrics()
        self.active = True
        self.punctuality = Punctuality(
            poll_seconds=poll_seconds, clock=self.clock, metrics=self.metrics, active=lambda: self.active
        )

    def tick_after(self, seconds: float) -> str | None:
        self.clock.advance(seconds)
        self.punctuality.ticked()
        return self.punctuality.problem()

    def text(self) -> str:
        return self.metrics.exposition().decode()


def test_a_late_tick_is_told_for_a_while_and_logged_once() -> None:
    watched = Watched()
    with capture_logs() as lines:
        assert watched.tick_after(0) is None
        assert watched.tick_after(1.4) is None
        assert watched.tick_after(2.0) == "prices were not looked at for 2.0 s"
        assert watched.tick_after(3.0) == "prices were not looked at for 3.0 s"
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["prices.tick_late"]
    assert 'late_total{what="prices.tick_late"} 2.0' in watched.text()
    assert "price_tick_gap_seconds_count 3.0" in watched.text()
    watched.clock.advance(WARNED_SECONDS + 1)
    assert watched.punctuality.problem() is None


def test_a_tick_that_does_not_come_is_noticed_before_it_comes() -> None:
    watched = Watched()
    watched.tick_after(0)
    watched.clock.advance(1.6)
    watched.punctuality.sampled(0.0)
    watched.punctuality.sampled(0.0)
    assert watched.punctuality.problem() == "prices have not been looked at for 1.6 s"
    assert 'late_total{what="prices.tick_overdue"} 1.0' in watched.text()


def test_rare_polls_and_replicas_are_not_late() -> None:
    assert Watched(poll_seconds=60).tick_after(0) is None
    rare = Watched(poll_seconds=60)
    rare.tick_after(0)
    assert rare.tick_after(80) is None
    replica = Watched()
    replica.tick_after(0)
    replica.active = False
    replica.punctuality.sampled(0.0)
    replica.active = True
    assert replica.tick_after(500) is None


async def test_a_loop_that_is_held_up_is_measured() -> None:
    metrics = Metrics()
    punctuality = Punctuality(poll_seconds=1, clock=SystemClock(), metrics=metrics, active=lambda: False)
    running = asyncio.create_task(punctuality.run())
    await asyncio.sleep(0)
    time.sleep(1.3)  # noqa: ASYNC251 -- this is what is measured
    async with asyncio.timeout(PATIENCE_SECONDS):
        while punctuality.problem() is None:
            await asyncio.sleep(0.01)
    running.cancel()
    assert "the event loop was held up for" in (punctuality.problem() or "")
    text = metrics.exposition().decode()
    within, all_of_them = (
        float(next(line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name)))
        for name in ('event_loop_lag_seconds_bucket{le="1.0"}', "event_loop_lag_seconds_count")
    )
    assert all_of_them > within
