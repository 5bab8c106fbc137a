"""Doubts about prices between engines."""

from __future__ import annotations

from typing import Any

import pytest

from nexgent.domain.prices.doubts import TELL_AGAIN, SharedDoubts
from nexgent.domain.prices.events import TokensDoubted
from nexgent.shared.types import TokenAddress
from tests.fakes.clock import FakeClock

ONE, OTHER = TokenAddress("one"), TokenAddress("other")


class Doubting:
    def __init__(self) -> None:
        self.doubted: set[TokenAddress] = set()
        self.told: list[list[TokenAddress]] = []
        self.leads = True
        self.clock = FakeClock()
        validator: Any = self
        self.doubts = SharedDoubts(
            validator=validator,
            tokens=lambda: [ONE, OTHER],
            leads=lambda: self.leads,
            publish=self.publish,
            clock=self.clock,
        )

    def doubtful(self, token: TokenAddress) -> bool:
        return token in self.doubted

    def publish(self, event: object) -> None:
        assert isinstance(event, TokensDoubted)
        self.told.append(list(event.tokens))


@pytest.fixture
def it() -> Doubting:
    return Doubting()


async def test_doubts_are_told_when_they_change_and_now_and_then(it: Doubting) -> None:
    await it.doubts.tick()
    await it.doubts.tick()
    it.doubted = {ONE}
    await it.doubts.tick()
    await it.doubts.tick()
    it.clock.advance(TELL_AGAIN.total_seconds())
    await it.doubts.tick()

    assert it.told == [[], [ONE], [ONE]]


async def test_who_does_not_ask_for_prices_tells_nothing_and_minds_what_is_told(it: Doubting) -> None:
    it.leads = False
    it.doubts.on_doubted(TokensDoubted([OTHER], it.clock.now()))
    await it.doubts.tick()

    assert not it.told
    assert [it.doubts.doubtful(token) for token in (ONE, OTHER)] == [False, True]
    it.doubts.on_doubted(TokensDoubted([], it.clock.now()))
    assert not it.doubts.doubtful(OTHER)


async def test_who_begins_to_lead_knows_better_and_says_so(it: Doubting) -> None:
    it.leads = False
    it.doubts.on_doubted(TokensDoubted([OTHER], it.clock.now()))
    it.leads = True

    assert not it.doubts.doubtful(OTHER)
    await it.doubts.tick()
    assert it.told == [[]]
