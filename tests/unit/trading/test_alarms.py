"""Alarms: the earliest one of a position goes off, once."""

from __future__ import annotations

from nexgent.domain.trading.watch.alarms import Alarms
from nexgent.shared.ids import new_id
from nexgent.shared.types import PositionId

ONE, OTHER = PositionId(new_id()), PositionId(new_id())


def test_alarms_go_off_at_their_instant_in_order_and_once() -> None:
    alarms = Alarms()
    alarms.set(ONE, 7)
    alarms.set(OTHER, 5)

    assert alarms.due(4.9) == []
    assert alarms.due(5) == [OTHER]
    assert alarms.due(6) == []
    assert alarms.due(8) == [ONE]
    assert alarms.due(9) == []
    # What has gone off can be set anew, at the same instant as well.
    alarms.set(ONE, 7)
    assert alarms.due(9) == [ONE]


def test_the_earliest_alarm_of_a_position_counts() -> None:
    alarms = Alarms()
    for at in (5, 9, 3, 3, 4):
        alarms.set(ONE, at)

    assert alarms.due(3) == [ONE]
    assert alarms.due(100) == []


def test_a_position_that_is_gone_has_no_alarm() -> None:
    alarms = Alarms()
    alarms.set(ONE, 1)
    alarms.set(OTHER, 2)
    alarms.forget(ONE)
    alarms.forget(ONE)

    assert alarms.due(3) == [OTHER]


def test_alarms_of_thousands_that_are_gone_are_not_kept_until_they_would_go_off() -> None:
    alarms = Alarms()
    alarms.set(ONE, 1_000_000)
    for number in range(5_000):
        gone = PositionId(new_id())
        alarms.set(gone, 500_000 + number)
        alarms.forget(gone)
    alarms.set(OTHER, 600_000)

    assert len(alarms._queue) < 100
    assert alarms.due(2_000_000) == [OTHER, ONE]
