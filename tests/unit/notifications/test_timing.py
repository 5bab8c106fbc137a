"""Who is told, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.notifications.models import EventKind, Level, QuietHours, Wishes
from nexgent.domain.notifications.timing import due_at, quiet_until, retry_at, too_old, wants
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, UserId
from tests.builders import T0, a_notification

USER = UserId(new_id())
NIGHT = QuietHours(22 * 60, 7 * 60, "Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-10T20:59", None),
        ("2026-01-10T21:00", "2026-01-11T06:00"),
        ("2026-01-11T05:59", "2026-01-11T06:00"),
        ("2026-01-11T06:00", None),
        # Clocks are put forward that night, and back in the other one.
        ("2026-03-28T22:00", "2026-03-29T05:00"),
        ("2026-10-24T22:00", "2026-10-25T06:00"),
    ],
)
def test_the_night_is_that_of_the_place(now: str, until: str | None) -> None:
    assert quiet_until(NIGHT, at(now)) == (at(until) if until is not None else None)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # Berlin, 25 October: from 01:00 UTC on the clocks show 02:00 to 03:00 for the second time.
        ("2026-10-25T00:09", None),
        ("2026-10-25T00:10", "2026-10-25T00:40"),
        ("2026-10-25T00:39", "2026-10-25T00:40"),
        ("2026-10-25T00:40", None),
        ("2026-10-25T01:09", None),
        ("2026-10-25T01:10", "2026-10-25T01:40"),
        ("2026-10-25T01:39", "2026-10-25T01:40"),
        ("2026-10-25T01:40", None),
    ],
)
def test_quiet_hours_hold_each_time_the_clock_shows_them(now: str, until: str | None) -> None:
    quiet = QuietHours(2 * 60 + 10, 2 * 60 + 40, "Europe/Berlin")

    assert quiet_until(quiet, at(now)) == (at(until) if until is not None else None)


def test_quiet_hours_that_begin_in_the_repeated_hour_last_until_their_end() -> None:
    quiet = QuietHours(2 * 60 + 30, 6 * 60, "Europe/Berlin")

    for now in ("2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T04:59"):
        assert quiet_until(quiet, at(now)) == at("2026-10-25T05:00")


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    noon = QuietHours(12 * 60, 13 * 60, "UTC")
    assert quiet_until(noon, at("2026-01-10T12:30")) == at("2026-01-10T13:00")
    assert quiet_until(noon, at("2026-01-10T13:00")) is None
    assert quiet_until(QuietHours(60, 60, "UTC"), at("2026-01-10T01:00")) is None
    assert quiet_until(None, at("2026-01-10T01:00")) is None


@given(
    start=st.integers(0, 1439),
    end=st.integers(0, 1439),
    now=st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- bounds are naive
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
    ),
)
def test_quiet_hours_end_within_a_day_and_are_over_then(
    start: int, end: int, now: datetime, zone: str
) -> None:
    quiet = QuietHours(start, end, zone)
    until = quiet_until(quiet, now)
    if until is None:
        return
    assert timedelta(0) < until - now <= timedelta(hours=25)
    assert quiet_until(quiet, until + timedelta(hours=1)) != until


def test_danger_is_told_at_once_and_the_rest_after_a_moment_and_not_at_night() -> None:
    wishes = Wishes(quiet=NIGHT, digest_seconds=30)
    midnight, noon = at("2026-01-10T23:00"), at("2026-01-10T12:00")
    assert due_at(wishes, Level.DANGER, midnight) == midnight
    assert due_at(wishes, Level.WARNING, midnight) == at("2026-01-11T06:00")
    assert due_at(wishes, Level.INFO, noon) == noon + timedelta(seconds=30)
    # What would be due within the night waits as well.
    assert due_at(wishes, Level.INFO, at("2026-01-10T20:59:45")) == at("2026-01-11T06:00")


def test_a_target_is_told_what_it_asked_for() -> None:
    agent, other = AgentId(new_id()), AgentId(new_id())
    told = a_notification(USER, kind=EventKind.TRADE_FAILED, level=Level.WARNING, agent_id=agent)
    assert wants(Wishes(), told)
    assert not wants(Wishes(events=frozenset({EventKind.POSITION_CLOSED})), told)
    assert wants(Wishes(events=frozenset({EventKind.TRADE_FAILED})), told)
    assert not wants(Wishes(min_level=Level.DANGER), told)
    assert wants(Wishes(min_level=Level.WARNING), told)
    assert not wants(Wishes(agents=frozenset({other})), told)
    assert wants(Wishes(agents=frozenset({agent})), told)
    assert wants(Wishes(agents=frozenset({other})), replace(told, agent_id=None))
    assert not wants(Wishes(), replace(told, kind=EventKind.TEST))


def test_retries_wait_longer_and_longer_up_to_a_quarter_of_an_hour() -> None:
    assert [(retry_at(failures, T0) - T0).total_seconds() for failures in (1, 2, 3, 20)] == [5, 10, 20, 900]
    assert (retry_at(1, T0, 60) - T0).total_seconds() == 60
    assert (retry_at(1, T0, 10**6) - T0).total_seconds() == 900


def test_alarms_are_worth_telling_for_longer() -> None:
    info, danger = a_notification(USER), a_notification(USER, level=Level.DANGER)
    assert not too_old(info, T0 + timedelta(hours=12))
    assert too_old(info, T0 + timedelta(hours=12, seconds=1))
    assert not too_old(danger, T0 + timedelta(days=3))
    assert too_old(danger, T0 + timedelta(days=3, seconds=1))
