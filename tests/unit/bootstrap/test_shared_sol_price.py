"""SOL/USD among engines: one asks, the others hear, and ask when they hear nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from nexgent.bootstrap import shared_sol_price
from nexgent.bootstrap.shared_sol_price import SILENT_SECONDS, SharedSolPrice
from nexgent.domain.prices.events import SolPriceSaid
from nexgent.domain.prices.models import PriceSource, SolPrice
from tests.builders import T0
from tests.fakes.clock import FakeClock
from tests.patience import until

PRICE = SolPrice(Decimal(142), T0, PriceSource("pyth"))


class Feed:
    """A feed that notes whether it runs, and may fail."""

    def __init__(self) -> None:
        self.running = 0
        self.starts = 0
        self.told: list[SolPrice] = []
        self.fails = asyncio.Event()

    async def run(self) -> None:
        self.running += 1
        self.starts += 1
        try:
            await self.fails.wait()
            raise RuntimeError("nobody expected that")
        finally:
            self.running -= 1

    def take_over(self, price: SolPrice) -> None:
        self.told.append(price)


class Sharer:
    def __init__(self) -> None:
        self.feed, self.clock, self.leads = Feed(), FakeClock(), False
        self.shared = SharedSolPrice(self.feed, leads=lambda: self.leads, clock=self.clock)
        self.task = asyncio.ensure_future(self.shared.run())

    async def asks(self, wanted: bool) -> None:
        await until(lambda: self.feed.running == wanted, "it asks" if wanted else "it does not ask")


@pytest.fixture
async def sharer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sharer]:
    monkeypatch.setattr(shared_sol_price, "LOOK_SECONDS", 0.001)
    sharer = Sharer()
    yield sharer
    sharer.task.cancel()
    await asyncio.gather(sharer.task, return_exceptions=True)


async def test_who_hears_nothing_asks_and_stops_to_ask_when_another_one_does(sharer: Sharer) -> None:
    await sharer.asks(True)
    sharer.shared.on_said(SolPriceSaid(PRICE))
    await sharer.asks(False)
    assert sharer.feed.told == [PRICE]
    sharer.clock.advance(SILENT_SECONDS + 1)
    await sharer.asks(True)
    assert sharer.feed.starts == 2


async def test_who_leads_asks_whatever_it_hears(sharer: Sharer) -> None:
    sharer.leads = True
    sharer.shared.on_said(SolPriceSaid(PRICE))
    await sharer.asks(True)
    sharer.leads = False
    await sharer.asks(False)


async def test_what_nobody_expected_is_told_to_whoever_keeps_it_running(sharer: Sharer) -> None:
    await sharer.asks(True)
    sharer.feed.fails.set()
    with pytest.raises(RuntimeError):
        await sharer.task
