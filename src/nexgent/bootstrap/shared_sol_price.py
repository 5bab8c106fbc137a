"""SOL/USD among engines that share the work: one asks, and tells the others every word; they ask while nothing is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from nexgent.domain.prices.events import SolPriceSaid
from nexgent.domain.prices.models import SolPrice
from nexgent.shared.clock import Clock
from nexgent.shared.loops import cancel_all

SILENT_SECONDS = 9.0
"""Three polls: who has heard nothing for so long asks by itself."""
LOOK_SECONDS = 0.5


class AskedSolPrice(Protocol):
    """A feed that asks while it runs, and takes what it is told as if it had asked."""

    async def run(self) -> None:
        """Ask until cancelled."""
        ...

    def take_over(self, price: SolPrice) -> None:
        """Have a word judged that another process was told."""
        ...


class SharedSolPrice:
    """`run` runs the feed while this process is the one that asks; `on_said` hears of those that others ask."""

    def __init__(self, feed: AskedSolPrice, *, leads: Callable[[], bool], clock: Clock) -> None:
        self._feed = feed
        self._leads = leads
        self._clock = clock
        self._heard_at: float | None = None

    @property
    def asks(self) -> bool:
        """Tell whether this process asks by itself."""
        if self._leads() or self._heard_at is None:
            return True
        return self._clock.monotonic() - self._heard_at > SILENT_SECONDS

    def on_said(self, event: SolPriceSaid) -> None:
        """Take over what a source has told another process. Each judges for itself."""
        self._heard_at = self._clock.monotonic()
        self._feed.take_over(event.price)

    async def run(self) -> None:
        """Ask whenever it is this process's turn, until cancelled."""
        while True:
            if not self.asks:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            asking = asyncio.ensure_future(self._feed.run())
            try:
                while self.asks:
                    done, _ = await asyncio.wait({asking}, timeout=LOOK_SECONDS)
                    if done:
                        await asking
                        break
            finally:
                await cancel_all([asking])
