"""The time of a trade without waiting for the market."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.events import TradeFinished
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.domain.trading.orders.own_time import TradeTime, at_the_market, counted
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from tests.builders import an_agent
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeEngine
from tests.fakes.market import FakeSwaps


class SlowMarket(FakeSwaps):
    """Takes its time to quote."""

    clock: FakeClock

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        self.clock.advance(3)
        return await super().quote(request, urgent=urgent)


async def test_waiting_for_two_at_once_counts_once() -> None:
    clock = FakeClock()
    first, second = asyncio.Event(), asyncio.Event()

    async def ask(answer: asyncio.Event) -> None:
        with at_the_market():
            await answer.wait()

    with counted(clock) as time:
        clock.advance(1)
        asked = asyncio.gather(ask(first), ask(second))
        await asyncio.sleep(0)
        clock.advance(2)
        first.set()
        await asyncio.sleep(0)
        clock.advance(4)
        second.set()
        await asked
        clock.advance(8)

    assert (time.seconds, time.own_seconds) == (15, 9)


async def test_a_trade_does_not_count_what_another_waits_for() -> None:
    clock = FakeClock()
    with counted(clock) as outer, counted(clock) as inner, at_the_market():
        clock.advance(5)
    with at_the_market():
        clock.advance(7)

    assert (inner.own_seconds, outer.own_seconds) == (7, 12)
    assert TradeTime(clock).seconds == 0


@pytest.mark.parametrize("sells", [False, True])
async def test_a_trade_tells_its_own_time(sells: bool) -> None:
    swaps = SlowMarket()
    engine = FakeEngine(swaps=swaps)
    swaps.clock = engine.clock
    agent = await engine.add_agent(an_agent())
    (bought,) = await engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None
    if sells:
        await engine.sales.execute(
            ClosePositionRequest(
                wallet_address=bought.position.wallet_address,
                position_id=bought.position.id,
                reason=CloseReason.MANUAL,
            )
        )

    told = [event for event in engine.events if isinstance(event, TradeFinished)]

    assert [(event.seconds, event.own_seconds) for event in told] == [(3, 0)] * (1 + sells)
