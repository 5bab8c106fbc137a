"""Which tokens are held, told between engines."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nexgent.domain.prices.events import HeldToken, TokensHeld
from nexgent.domain.prices.held_tokens import FORGET_AFTER, TELL_AGAIN, HeldTokens
from nexgent.shared.types import TokenAddress
from tests.builders import T0
from tests.fakes.clock import FakeClock

ONE, OTHER, THIRD = (TokenAddress(name) for name in ("one", "other", "third"))


def of(token: TokenAddress) -> HeldToken:
    return HeldToken(token, Decimal("0.5"), T0)


class Engine:
    """One of several; what it tells, all hear, itself among them."""

    def __init__(self, clock: FakeClock, everybody: list[Engine]) -> None:
        self.here: list[TokenAddress] = []
        self.told: list[tuple[list[TokenAddress], bool]] = []
        self.hears = True
        self._everybody = everybody
        everybody.append(self)
        self.held = HeldTokens(
            here=lambda: self.here,
            is_held_here=lambda token: token in self.here,
            paid=of,
            publish=self._publish,
            clock=clock,
        )

    def _publish(self, event: object) -> None:
        assert isinstance(event, TokensHeld)
        self.told.append(([one.token_address for one in event.tokens], event.everything))
        for engine in self._everybody:
            if engine.hears:
                engine.held.on_told(event)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engines(clock: FakeClock) -> list[Engine]:
    everybody: list[Engine] = []
    for _ in range(2):
        Engine(clock, everybody)
    return everybody


async def test_a_token_that_is_new_is_told_at_once_and_everything_now_and_then(
    engines: list[Engine], clock: FakeClock
) -> None:
    one, two = engines
    one.here = [ONE]
    await one.held.tick()
    one.here = [ONE, OTHER]
    await one.held.tick()
    await one.held.tick()
    assert one.told == [([ONE], True), ([OTHER], False)]
    assert set(two.held.tokens()) == {ONE, OTHER}
    assert two.held.is_held(OTHER)
    assert two.held.elsewhere == 2
    assert one.held.elsewhere == 0, "what it tells itself is not somebody else's"

    one.here = [OTHER]
    clock.advance(TELL_AGAIN.total_seconds())
    await one.held.tick()
    assert set(two.held.tokens()) == {OTHER}
    assert not two.held.is_held(ONE)


async def test_what_was_lost_on_its_way_comes_with_everything(
    engines: list[Engine], clock: FakeClock
) -> None:
    one, two = engines
    two.here = [THIRD]
    one.here = [ONE]
    two.hears = False
    await one.held.tick()
    two.hears = True
    one.here = [ONE, OTHER]
    await one.held.tick()
    assert set(two.held.tokens()) == {THIRD, OTHER}
    clock.advance(TELL_AGAIN.total_seconds())
    await one.held.tick()
    assert set(two.held.tokens()) == {THIRD, ONE, OTHER}


async def test_an_engine_that_says_nothing_any_more_is_forgotten(
    engines: list[Engine], clock: FakeClock
) -> None:
    one, two = engines
    one.here = [ONE]
    await one.held.tick()
    clock.advance(FORGET_AFTER.total_seconds() + 1)
    await two.held.tick()
    assert not two.held.is_held(ONE)
    assert list(two.held.tokens()) == []
