"""How wrong passphrases add up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.wallets.encrypted.attempts import (
    LIMIT,
    LOCKOUT,
    WINDOW,
    delay_seconds,
    locked_until,
    recent,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def ago(*minutes: float) -> list[datetime]:
    return [NOW - timedelta(minutes=one) for one in minutes]


def test_the_fifth_within_the_window_locks() -> None:
    assert locked_until(ago(14, 3, 2, 1), NOW) is None
    assert locked_until(ago(14, 3, 2, 1, 0.5), NOW) == NOW - timedelta(minutes=0.5) + LOCKOUT
    assert locked_until(ago(15, 3, 2, 1, 0.5), NOW) is None


def test_a_lock_lapses_with_its_reason() -> None:
    until = locked_until(ago(4, 3, 2, 1, 0), NOW)
    assert until is not None
    assert locked_until(ago(4, 3, 2, 1, 0), until) is None
    assert recent(ago(4, 3, 2, 1, 0), until) == []


def test_each_answer_comes_later() -> None:
    assert [delay_seconds(n) for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]


@given(st.lists(st.integers(0, 90), max_size=200))
def test_no_quarter_of_an_hour_sees_more_than_five(minutes: list[int]) -> None:
    tried: list[datetime] = []
    for minute in sorted(minutes):
        now = NOW + timedelta(minutes=minute)
        if locked_until(tried, now) is None:
            tried = [*tried, now]

    for at in tried:
        assert sum(1 for other in tried if at <= other < at + WINDOW) <= LIMIT


@given(st.integers(-10_000, 10_000))
def test_a_clock_that_was_set_back_locks_nobody_for_long(minutes: int) -> None:
    until = locked_until([NOW + timedelta(minutes=minutes)] * LIMIT, NOW)

    assert until is None or NOW < until < NOW + WINDOW + LOCKOUT
