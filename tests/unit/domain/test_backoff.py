"""Waiting longer and longer for what is away."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexgent.shared.backoff import Backoff, backoff_seconds


def test_pauses_double_up_to_the_longest() -> None:
    assert [backoff_seconds(n, 0.5, 8.0) for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]


def test_a_success_begins_anew() -> None:
    backoff = Backoff(0.5, 8.0, draw=lambda _low, high: high)

    pauses = [backoff.failed(), backoff.failed()]
    backoff.reset()

    assert [*pauses, backoff.failed()] == [0.5, 1.0, 0.5]


def test_what_was_asked_for_is_waited_at_least() -> None:
    assert Backoff(0.5, 8.0).failed(at_least_seconds=20.0) == 20.0


@given(failures=st.integers(1, 5_000))
def test_pauses_are_spread_and_never_longer_than_the_longest(failures: int) -> None:
    backoff = Backoff(0.1, 2.0)
    backoff.failures = failures - 1

    pause = backoff.failed()

    assert 0.5 * backoff_seconds(failures, 0.1, 2.0) <= pause <= backoff_seconds(failures, 0.1, 2.0) <= 2.0
