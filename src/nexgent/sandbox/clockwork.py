"""The slot clock of the chain and the step clock of the price walk: pure functions of time passed, no tasks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nexgent.shared.clock import Clock

FIRST_SLOT = 402_118_600
# Slots without a block make the height lag behind; the lag of this chain is constant.
HEIGHT_LAG = 21_896_846


class SlotClock:
    """Count slots since the start; the control API may jump ahead."""

    def __init__(self, clock: Clock, slot_seconds: float) -> None:
        self._clock = clock
        self._slot_seconds = slot_seconds
        self._since = clock.monotonic()
        self._counted = 0
        self._behind = 0

    @contextlib.contextmanager
    def seen_behind(self, slots: int) -> Iterator[None]:
        """Show the chain as a node sees it that is that many slots behind; nothing may be awaited within."""
        self._behind = slots
        try:
            yield
        finally:
            self._behind = 0

    def slot(self) -> int:
        """Return the current slot."""
        elapsed = self._clock.monotonic() - self._since
        ticked = int(elapsed / self._slot_seconds) if self._slot_seconds > 0 else 0
        return FIRST_SLOT + self._counted + ticked - self._behind

    def pace(self, slot_seconds: float) -> None:
        """Let slots be that long from now on; 0 stops the clock."""
        self._counted = self.slot() + self._behind - FIRST_SLOT
        self._since = self._clock.monotonic()
        self._slot_seconds = slot_seconds

    def age_seconds(self, slot: int) -> float:
        """Return how long ago a slot was, whoever looks; a slot is a second long when the clock stands still."""
        return (self.slot() + self._behind - slot) * (self._slot_seconds or 1.0)

    def height(self) -> int:
        """Return the current block height."""
        return self.slot() - HEIGHT_LAG

    def advance(self, slots: int) -> None:
        """Jump that many slots ahead."""
        self._counted += slots

    def slots_in(self, seconds: float) -> int:
        """Return how many slots pass in that time; one second counts as one slot when the clock stands still."""
        return round(seconds / self._slot_seconds) if self._slot_seconds > 0 else round(seconds)


class WalkClock:
    """Count walk steps, and remember with which volatility each of them is taken.

    Prices are computed when somebody asks, from the steps since they were last asked for. A segment `(first, sigma)`
    says which volatility applies from step `first` on, so that a change does not need to touch ten thousand tokens.
    """

    def __init__(self, clock: Clock, *, interval_seconds: float, volatility: float, enabled: bool) -> None:
        self._clock = clock
        self.interval_seconds = interval_seconds
        self.enabled = enabled
        self._base_step = 0
        self._since = clock.monotonic()
        self.segments: list[tuple[int, float]] = [(0, volatility)]

    @property
    def volatility(self) -> float:
        """Return the volatility of the steps to come."""
        return self.segments[-1][1]

    def step(self) -> int:
        """Return the number of steps taken since the start."""
        if not self.enabled:
            return self._base_step
        return self._base_step + int((self._clock.monotonic() - self._since) / self.interval_seconds)

    def change(
        self,
        *,
        enabled: bool | None = None,
        volatility: float | None = None,
        interval_seconds: float | None = None,
    ) -> None:
        """Change how the walk goes on from the current step."""
        self._base_step = self.step()
        self._since = self._clock.monotonic()
        if enabled is not None:
            self.enabled = enabled
        if interval_seconds is not None:
            self.interval_seconds = interval_seconds
        if volatility is not None and volatility != self.volatility:
            if self.segments[-1][0] == self._base_step:
                self.segments.pop()
            self.segments.append((self._base_step, volatility))

    def advance(self, steps: int) -> None:
        """Take that many steps at once, also while the walk is off."""
        self._base_step += steps
