"""What is told of sources: what they said now and then, and whose word was not taken while that is so."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from nexgent.domain.prices.events import SourcesHeard
from nexgent.domain.prices.intake import PriceIntake
from nexgent.domain.prices.models import PriceObservation, PriceSource, Refusal, RefusalReason
from nexgent.domain.prices.source_watch import SourceWatch
from nexgent.domain.prices.validation import PriceValidationRules, PriceValidator
from tests.builders import TOKEN
from tests.fakes.clock import FakeClock
from tests.fakes.market import FakeSolPrice
from tests.unit.prices.polls import BOTH, DEX, JUP


class Observer:
    def polled(self, source: str, status: str, seconds: float) -> None: ...

    def judged(self, verdict: str) -> None: ...


class Market:
    """Two sources that answer once a second, and what was told of them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.told: list[SourcesHeard] = []
        validator = PriceValidator(PriceValidationRules(), BOTH)
        self.watch = SourceWatch(validator=validator, publish=self.hear, clock=self.clock)
        self.intake = PriceIntake(
            validator=validator,
            sol_price=FakeSolPrice(),
            publish=lambda _: None,
            observer=Observer(),
            on_verdict=self.watch.judged,
        )

    def hear(self, event: object) -> None:
        assert isinstance(event, SourcesHeard)
        self.told.append(event)

    async def poll(self, *, seconds: int = 1, **said: str) -> list[Refusal]:
        """Let so many seconds pass with the same answers; return what was told of refusals."""
        before = len(self.told)
        for _ in range(seconds):
            self.clock.advance(1)
            now = self.clock.now()
            for source, price in said.items():
                observation = PriceObservation(TOKEN, PriceSource(source), Decimal(price), None, now)
                self.intake.judged([observation], now)
            await self.watch.tick()
        return [one for event in self.told[before:] for one in event.refusals]


@pytest.fixture
async def market() -> Market:
    market = Market()
    await market.poll(seconds=2, dexscreener="100", jupiter="101")
    return market


async def test_what_was_said_is_told_every_ten_seconds(market: Market) -> None:
    [first] = market.told
    assert [(one.source, int(one.price_sol)) for one in first.words] == [(DEX, 100), (JUP, 101)]

    assert await market.poll(seconds=8, dexscreener="102", jupiter="103") == []
    assert market.told == [first]
    await market.poll(dexscreener="104", jupiter="105")
    assert [(one.source, int(one.price_sol)) for one in market.told[-1].words] == [(DEX, 104), (JUP, 105)]
    # Who says nothing any more has no word.
    await market.poll(seconds=10, jupiter="106")
    assert [(one.source, int(one.price_sol)) for one in market.told[-1].words] == [(JUP, 106)]


async def test_a_contradicted_source_is_told_at_once_while_it_lasts_and_when_it_is_over(
    market: Market,
) -> None:
    began = market.clock.now() + timedelta(seconds=1)
    first = await market.poll(seconds=3, dexscreener="50", jupiter="101")
    assert {(one.source, one.since) for one in first} == {(DEX, began)}
    assert first[-1].reason is RefusalReason.CONTRADICTED
    lasting = await market.poll(seconds=20, dexscreener="50", jupiter="101")
    assert [one.since for one in lasting] == [began, began], "told again every ten seconds"
    [over] = await market.poll(dexscreener="100", jupiter="101")
    assert (over.since, over.until, over.is_over) == (began, market.clock.now(), True)
    assert not any(one.is_over for one in (*first, *lasting))
    assert await market.poll(seconds=30, dexscreener="100", jupiter="101") == []


async def test_who_is_not_believed_again_a_moment_later_is_told_at_once(market: Market) -> None:
    await market.poll(seconds=3, dexscreener="50", jupiter="101")
    [over] = await market.poll(dexscreener="100", jupiter="102")
    [again] = await market.poll(dexscreener="50", jupiter="101")
    assert (over.is_over, again.is_over) == (True, False)
    assert again.since == over.since


async def test_the_first_of_two_that_follow_the_market_is_no_refusal(market: Market) -> None:
    assert await market.poll(seconds=3, dexscreener="50", jupiter="50") == []


async def test_who_lies_every_other_second_is_refused_once(market: Market) -> None:
    told: list[Refusal] = []
    await market.poll(seconds=2, dexscreener="50", jupiter="101")
    for _ in range(10):
        # Who says nothing new while the other one goes up and down would be frozen.
        told += await market.poll(dexscreener="100", jupiter="102")
        told += await market.poll(dexscreener="50", jupiter="101")
    assert len({one.since for one in told}) == 1
    await market.poll(seconds=15, dexscreener="100", jupiter="101")
    later = await market.poll(seconds=3, dexscreener="50", jupiter="101")
    assert {one.since for one in later}.isdisjoint(one.since for one in told)


async def test_a_source_that_never_agreed_is_a_stranger_and_no_doubt() -> None:
    market = Market()
    await market.poll(jupiter="100")
    await market.poll(seconds=3, jupiter="100")
    told = await market.poll(seconds=12, dexscreener="100000", jupiter="100")
    assert {(one.source, one.reason, one.reason.is_doubt) for one in told} == {
        (DEX, RefusalReason.STRANGER, False)
    }


async def test_nothing_is_kept_of_a_source_that_went_silent(market: Market) -> None:
    await market.poll(seconds=3, dexscreener="50", jupiter="101")
    assert await market.poll(seconds=11, jupiter="101")
    assert await market.poll(seconds=30, jupiter="101") == []
