"""A clock the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nexgent.shared.clock import SystemClock


class FakeClock:
    """Stands still until it is advanced."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        self._now = now
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def sleep(self, seconds: float) -> None:
        """Let the machine sleep: the time of day goes on alone."""
        self._now += timedelta(seconds=seconds)


class ShiftedClock(SystemClock):
    """The real time of day and a bit. For servers that run, and for libraries that look at the real time.

    Durations stay real unless `ahead_seconds` says otherwise.
    """

    def __init__(self) -> None:
        self.shift = timedelta()
        self.ahead_seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_seconds

    def now(self) -> datetime:
        return super().now() + self.shift
