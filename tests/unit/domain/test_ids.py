"""Random ids are of version 4 and nobody's else, in whichever thread or fork they are made; derived ones are always the same."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.infrastructure.database.ids import install_driver_ids
from nexgent.shared import ids
from nexgent.shared.ids import derived_at, derived_id, new_id


def _many(_: int = 0) -> list[UUID]:
    return [new_id() for _ in range(5_000)]


def test_random_ids_say_that_they_are() -> None:
    made = _many()

    assert {(one.version, one.variant) for one in made} == {(4, RFC_4122)}
    # Every other bit is drawn: with so many ids none is the same in all of them.
    ones, noughts = 0, 0
    for one in made:
        ones, noughts = ones | one.int, noughts | ~one.int
    fixed = 0xF << 76 | 0b11 << 62
    assert ones & ~fixed == noughts & ~fixed & (1 << 128) - 1 == ((1 << 128) - 1) & ~fixed
    assert UUID(str(made[0])) == made[0]
    assert hash(UUID(str(made[0]))) == hash(made[0])


def test_no_two_threads_get_the_same() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = [one for some in threads.map(_many, range(8)) for one in some]

    assert len(set(made)) == len(made)


def test_a_fork_makes_other_ids_than_the_process_it_comes_from() -> None:
    new_id()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, new_id().bytes)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    theirs = UUID(bytes=os.read(read, 16))
    os.close(read)
    os.close(write)

    assert theirs not in {new_id() for _ in range(200)}


def test_the_drivers_ids_are_the_same_ones_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = [derived_id("buy", number) for number in range(200)]
    # What is installed below is gone with the test.
    monkeypatch.setattr(ids._Maker, "make", ids._Maker.make)
    install_driver_ids()
    made = [derived_id("buy", number) for number in range(200)]

    assert type(made[0]) is not UUID
    assert isinstance(made[0], UUID)
    assert made == plain
    assert plain == made
    assert [str(one) for one in made] == [str(one) for one in plain]
    assert {one: number for number, one in enumerate(plain)} == {
        one: number for number, one in enumerate(made)
    }
    assert [one.bytes for one in sorted([*made, *plain])] == sorted(one.bytes for one in [*made, *plain])
    assert {(one.version, one.variant) for one in made} == {(5, RFC_4122)}
    assert (new_id().version, derived_id(made[0])) == (4, derived_id(plain[0]))


moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_ids_of_a_moment_are_the_same_in_every_release() -> None:
    moment = datetime(2026, 12, 1, 13, 14, 15, 123_999, tzinfo=UTC)

    made = derived_at(moment, "transaction", UUID(int=7))

    assert str(made) == "01a231bd-d8d3-78a9-a4dd-bacd842b9525"
    assert (made.version, made.variant) == (7, RFC_4122)
    assert derived_at(moment.astimezone(timezone(timedelta(hours=5))), "transaction", UUID(int=7)) == made
    assert derived_at(moment.replace(microsecond=123_000), "transaction", UUID(int=7)) == made
    assert derived_at(moment, "closed", UUID(int=7)) != made
    assert derived_at(moment, "transaction", UUID(int=8)) != made


@given(moments, moments)
def test_ids_of_later_moments_sort_behind(one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))

    ids_ = [derived_at(moment, "x", 1) for moment in (first, second)]

    milliseconds = [
        (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) for moment in (first, second)
    ]
    assert [made.int >> 80 for made in ids_] == milliseconds
    assert (ids_[0] < ids_[1]) is (milliseconds[0] < milliseconds[1])
