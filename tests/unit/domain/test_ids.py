"""Random ids are of version 4 and nobody's else, in whichever thread or fork they are made."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

import pytest

from nexgent.infrastructure.database.ids import install_driver_ids
from nexgent.shared import ids
from nexgent.shared.ids import derived_id, new_id


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
