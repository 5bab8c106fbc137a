"""How `make soak` judges whether something grows."""

from __future__ import annotations

import pytest

from benchmarks.soak import FEWEST_MINUTES, QUANTITIES, Diary, figure, slope

MEMORY = next(one for one in QUANTITIES if one.name == "service MB")


def a_reading(megabytes: float) -> dict[str, float]:
    return {**{one.name: 0.0 for one in QUANTITIES}, "service MB": megabytes, "trades": 1.0}


def test_only_the_second_half_counts() -> None:
    filling_up = {minute: min(minute, 30) * 2.0 for minute in range(61)}

    assert slope(filling_up) == pytest.approx(0.0)
    assert slope({minute: minute * 0.5 for minute in range(61)}) == pytest.approx(0.5)


def test_of_too_few_minutes_nothing_can_be_told() -> None:
    assert slope(dict.fromkeys(range(2 * FEWEST_MINUTES - 2), 1.0)) is None
    assert slope(dict.fromkeys(range(2 * FEWEST_MINUTES), 1.0)) is not None


def test_the_least_value_of_each_whole_minute_is_what_counts() -> None:
    diary = Diary()
    overs = [
        diary.note(minutes, a_reading(megabytes))
        for minutes, megabytes in ((0.1, 150.0), (0.9, 180.0), (1.1, 152.0), (1.5, 151.0), (2.0, 999.0))
    ]

    assert overs == [None, None, 0, None, 1]
    # The last minute is not over.
    assert diary.course(MEMORY) == {0: 150.0, 1: 151.0}
    assert "service MB 150" in diary.line(0)


def test_figures_are_read_from_what_prometheus_reads() -> None:
    told = '# HELP a b\na 2\na_total{x="1"} 3\na_total{x="2"} 4.5\nab 9\n'

    assert figure(told, "a") == 2
    assert figure(told, "a_total") == 7.5
    assert figure(told, 'a_total{x="2"}') == 4.5
    assert figure(told, "nothing") == 0
