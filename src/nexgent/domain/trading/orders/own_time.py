"""How much of a trade's time is ours: what is left when nobody at the market is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from nexgent.shared.clock import Clock


class TradeTime:
    """The time of one trade, or of a burst of them. Whoever enters it asks somebody at the market and leaves it with the answer;
    waiting for several answers at once counts once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._asked = 0
        self._asked_at = 0.0
        self._waited = 0.0

    def __enter__(self) -> None:
        if not self._asked:
            self._asked_at = self._clock.monotonic()
        self._asked += 1

    def __exit__(self, *_: object) -> None:
        self._asked -= 1
        if not self._asked:
            self._waited += self._clock.monotonic() - self._asked_at

    @property
    def seconds(self) -> float:
        """The seconds so far."""
        return self._clock.monotonic() - self._started

    @property
    def own_seconds(self) -> float:
        """The seconds so far in which nobody was waited for."""
        return self.seconds - self._waited


_TIME: ContextVar[TradeTime | None] = ContextVar("trade_time", default=None)
_NOBODY_COUNTS = nullcontext()


@contextmanager
def counted(clock: Clock) -> Iterator[TradeTime]:
    """Begin to count the time of a trade, and what its tasks wait for the market."""
    time = TradeTime(clock)
    token = _TIME.set(time)
    try:
        yield time
    finally:
        _TIME.reset(token)


def at_the_market() -> AbstractContextManager[None]:
    """Whoever is waited for in here is somebody at the market: a swap provider, a node, the chain."""
    return _TIME.get() or _NOBODY_COUNTS
