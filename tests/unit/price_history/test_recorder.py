"""What the recorder makes of prices, and what becomes of it while nothing can be written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from nexgent.domain.price_history import recorder as module
from nexgent.domain.price_history.models import Candle
from nexgent.domain.price_history.recorder import PriceRecorder
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import PriceSource, TokenPrice
from nexgent.shared.types import TokenAddress
from tests.fakes.price_history import FakePriceHistory

A, B = TokenAddress("A"), TokenAddress("B")
START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
MINUTE = int(START.timestamp())


def polled(seconds: float, source: str = "jupiter", **prices: str) -> PricesChanged:
    at = START + timedelta(seconds=seconds)
    return PricesChanged(
        [
            TokenPrice(TokenAddress(token), Decimal(price), None, PriceSource(source), at)
            for token, price in prices.items()
        ],
        at,
    )


async def test_seconds_keep_the_last_price_and_candles_all_of_them() -> None:
    store = FakePriceHistory()
    recorder = PriceRecorder(store=store)
    for event in (
        polled(0.1, A="2", B="10"),
        polled(0.9, A="5"),
        polled(1.0, "dexscreener", A="1"),
        polled(59.9, A="3"),
        polled(60.0, A="4"),
    ):
        recorder.on_prices(event)

    assert await recorder.flush() == 3
    [written] = store.written
    assert written.seconds == {
        (A, MINUTE): {0: Decimal(5), 1: Decimal(1), 59: Decimal(3)},
        (A, MINUTE + 60): {0: Decimal(4)},
        (B, MINUTE): {0: Decimal(10)},
    }
    assert written.minutes[A, MINUTE] == Candle(Decimal(2), Decimal(5), Decimal(1), Decimal(3), "jupiter")
    assert written.hours[A, MINUTE] == Candle(Decimal(2), Decimal(5), Decimal(1), Decimal(4), "jupiter")
    assert recorder.waiting == 0
    assert await recorder.flush() == 0
    assert len(store.written) == 1, "nothing is written when there is nothing"


async def test_digits_nobody_sees_are_not_kept() -> None:
    store = FakePriceHistory()
    recorder = PriceRecorder(store=store)
    recorder.on_prices(polled(0, A="0.00000001234567890123456789"))
    await recorder.flush()

    assert store.written[0].seconds[A, MINUTE][0] == Decimal("0.0000000123456789012")


@pytest.mark.parametrize("kept", ["seconds", "minutes", "hours"])
async def test_what_is_not_kept_is_not_recorded(kept: str) -> None:
    store = FakePriceHistory()
    settings = {"seconds": False, "minutes": False, "hours": False} | {kept: True}
    recorder = PriceRecorder(store=store, **settings)
    recorder.on_prices(polled(0, A="1"))
    await recorder.flush()

    [written] = store.written
    assert [name for name in settings if getattr(written, name)] == [kept]


async def test_while_the_store_is_away_prices_wait_and_are_put_together() -> None:
    store = FakePriceHistory()
    recorder = PriceRecorder(store=store)
    recorder.on_prices(polled(0, A="2"))
    store.away = True
    assert await recorder.flush() == 0
    recorder.on_prices(polled(1, "dexscreener", A="1", B="7"))
    assert await recorder.flush() == 0
    store.away = False

    assert await recorder.flush() == 2
    [written] = store.written
    assert written.seconds[A, MINUTE] == {0: Decimal(2), 1: Decimal(1)}
    assert written.minutes[A, MINUTE] == Candle(Decimal(2), Decimal(2), Decimal(1), Decimal(1), "dexscreener")
    assert written.minutes[B, MINUTE].open == Decimal(7)


async def test_what_waits_is_bounded_and_the_oldest_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    store = FakePriceHistory()
    recorder = PriceRecorder(store=store)
    store.away = True
    for minute in range(10):
        recorder.on_prices(polled(60 * minute, A="1"))
        await recorder.flush()

    assert recorder.waiting == 3
    store.away = False
    await recorder.flush()
    assert sorted(start for _, start in store.written[0].seconds) == [MINUTE + 60 * n for n in (7, 8, 9)]


async def test_a_write_that_is_interrupted_loses_nothing() -> None:
    class Broken(FakePriceHistory):
        async def add(self, recorded: object) -> None:
            raise KeyError("a mistake of ours")

    recorder = PriceRecorder(store=Broken())
    recorder.on_prices(polled(0, A="2"))

    with pytest.raises(KeyError):
        await recorder.flush()

    assert recorder.waiting == 1
