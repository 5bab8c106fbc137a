"""Random ids are of version 4 and nobody's else, in whichever thread or fork they are made."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

from nexgent.shared.ids import new_id


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
