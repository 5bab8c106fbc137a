"""The index of one token: exactly those positions come out that a price concerns, whatever was added, moved or removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.book.trigger_index import (
    NEVER,
    HeldPosition,
    RunningLow,
    TriggerIndex,
    TriggerPrices,
)
from nexgent.domain.trading.book.triggers import triggers_of
from nexgent.domain.trading.rules.rule import Look
from tests.builders import TOKEN, a_position

POSITIONS = [a_position() for _ in range(20)]


def _some_triggers(chance: Random) -> TriggerPrices:
    """Return triggers whose prices and times are small whole numbers, so that bounds meet again and again."""

    def price() -> Decimal | None:
        return Decimal(chance.randint(1, 12)) if chance.random() < 0.7 else None

    window = Look(price(), price(), float(chance.randint(0, 60))) if chance.random() < 0.7 else None
    return TriggerPrices(price(), price(), None, window)


@dataclass
class Desk:
    """An index beside a plain list of what it should know."""

    index: TriggerIndex = field(default_factory=TriggerIndex)
    held: list[HeldPosition] = field(default_factory=list)

    def add(self, wanted: TriggerPrices) -> HeldPosition:
        one = HeldPosition(POSITIONS[len(self.held)], POSITIONS[0].base_trail)
        self.index.add(one, wanted)
        self.held.append(one)
        return one

    def concerned(self, price: int, now: float) -> set[int]:
        """Return the rows of those a price concerns."""
        found = self.index.concerned(float(price), now)
        rows = {one.row for one in found}
        assert len(rows) == len(found)
        return rows


def _concerns(wanted: TriggerPrices, price: int, now: float) -> bool:
    """Tell from the triggers alone whether a price means something."""
    window = wanted.window
    return (
        (wanted.lower is not None and price <= wanted.lower)
        or (wanted.upper is not None and price >= wanted.upper)
        or (window is not None and window.covers(Decimal(price), now))
    )


@pytest.mark.parametrize("seed", range(30))
def test_a_price_finds_exactly_those_it_concerns(seed: int) -> None:
    chance, desk = Random(seed), Desk()
    for now in range(60):
        some = chance.sample(desk.held, min(2, len(desk.held)))
        what = chance.choice(["add", "set", "move", "remove"])
        if what == "add" or not desk.held:
            desk.add(_some_triggers(chance))
        elif what == "set":
            desk.index.set(some[0], _some_triggers(chance))
        elif what == "move":
            desk.index.move(some, [_some_triggers(chance) for _ in some])
        else:
            desk.index.remove(some[0])
            desk.held.remove(some[0])
        assert [one.row for one in desk.index.held] == list(range(len(desk.held)))
        for price in (chance.randint(1, 12), 1, 12):
            wanted = {one.row for one in desk.held if _concerns(one.triggers, price, now)}
            assert desk.concerned(price, now) == wanted


def test_a_bound_is_found_although_floats_miss_it() -> None:
    desk = Desk()
    third = Decimal(1) / 3
    low, high = desk.add(TriggerPrices(lower=third)), desk.add(TriggerPrices(upper=third))
    band = desk.add(TriggerPrices(window=Look(-third, third, 0.0)))

    for nudge in (-1e-12, 0, 1e-12):
        assert desk.index.concerned(float(third) * (1 + nudge), 0) == [low, high, band]
    assert desk.index.concerned(-float(third) * (1 + 1e-12), 0) == [low, band]
    # The margin is far narrower than a price moves.
    assert desk.index.concerned(float(third) * (1 - 1e-6), 0) == [low, band]
    assert desk.index.concerned(float(third) * (1 + 1e-6), 0) == [high]
    assert desk.index.concerned(-float(third) * (1 + 1e-6), 0) == [low]


def test_who_wants_nothing_is_never_found() -> None:
    desk = Desk()
    stranger = HeldPosition(POSITIONS[0], POSITIONS[0].base_trail)
    assert (stranger.triggers, stranger.row, stranger.lows_from) == (NEVER, -1, 0)
    one = desk.add(NEVER)

    assert one.row == 0
    assert desk.concerned(1, 1e12) == set()
    desk.index.remove(one)
    assert one.row == -1


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(0, 31))
@example(list(range(1, 10)), 6)
def test_the_lowest_price_since_a_tick(ticks: list[int], since: int) -> None:
    low = RunningLow()
    for price in ticks:
        low.tick(Decimal(price))

    assert low.next_sequence == len(ticks)
    expected = min(map(Decimal, ticks[since:]), default=None)
    assert low.since(since) == expected
    low.clear()
    assert low.since(0) is None
    assert low.next_sequence == len(ticks)


def test_lows_are_handed_over_before_they_become_too_many() -> None:
    low = RunningLow()
    for price in range(RunningLow.LIMIT):
        assert not low.full
        low.tick(Decimal(price))

    assert low.full


def test_a_book_that_hands_lows_over_forgets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunningLow, "LIMIT", 3)
    book = PositionBook()
    position = a_position(token_address=TOKEN)
    held = book.put(position, position.base_trail, NEVER)

    for number, price in enumerate(["0.0003", "0.0001", "0.0002", "0.0004", "0.0005", "0.0006", "0.0007"]):
        book.concerned(TOKEN, Decimal(price), float(price))
        assert book.current_trail(held).lowest_price_sol == Decimal("0.0001" if number else "0.0003")
        # What was handed over takes no room any more.
        assert not book._indexes[TOKEN].low.full


def test_looks_become_bounds_windows_and_an_hour_to_come_back() -> None:
    peak = Decimal(10)

    assert triggers_of([None], peak, 0) == TriggerPrices(upper=peak, looks=(None,))
    looks = (Look(high_sol=Decimal(2)), Look(high_sol=Decimal(3)), Look(low_sol=Decimal(9)), Look(Decimal(8)))
    assert triggers_of(looks, peak, 0) == TriggerPrices(Decimal(3), Decimal(8), Decimal(8), None, looks, None)
    assert triggers_of([Look(low_sol=Decimal(11))], peak, 0).upper == peak
    assert triggers_of([Look(low_sol=Decimal(11))], peak, 0).above == 11
    assert triggers_of(tuple(reversed(looks)), peak, 0)[:3] == (Decimal(3), Decimal(8), Decimal(8))


def test_a_bound_whose_time_has_not_come_is_told_by_its_time() -> None:
    later = [Look(high_sol=Decimal(2), from_seconds=9), Look(low_sol=Decimal(5), from_seconds=7)]

    waiting = triggers_of(later, Decimal(10), 6)
    assert waiting[:3] == (None, Decimal(10), None)
    assert waiting.later_seconds == 7
    one_came = triggers_of(later, Decimal(10), 7)
    assert one_came[:3] == (None, Decimal(5), Decimal(5))
    assert one_came.later_seconds == 9


def test_windows_become_one_that_holds_them_all() -> None:
    def hull(*looks: Look) -> Look | None:
        return triggers_of(looks, Decimal(10), 0).window

    one, other = Look(Decimal(2), Decimal(4), 5), Look(Decimal(1), Decimal(3), 6)
    assert hull(one) == one
    assert hull(one, other) == hull(other, one) == Look(Decimal(1), Decimal(4), 5)
    anytime = Look(from_seconds=7)
    assert hull(one, anytime) == hull(anytime, one) == Look(None, None, 5)
