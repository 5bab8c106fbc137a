"""Turns for many: the first early, nobody held back by a slow one."""

from __future__ import annotations

import asyncio

from nexgent.domain.trading.watch.pace import Pace
from tests.patience import PATIENCE_SECONDS


async def rounds(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_turns_are_taken_in_order_and_a_few_at_a_time() -> None:
    pace, begun, running, most = Pace(places=3, moment_seconds=60), list[int](), 0, 0

    async def one(number: int) -> None:
        nonlocal running, most
        await pace.turn()
        begun.append(number)
        running += 1
        most = max(most, running)
        await rounds(2)
        running -= 1
        pace.done()

    await asyncio.gather(*(one(number) for number in range(20)))

    assert begun == list(range(20))
    assert most == 3


async def test_a_slow_turn_gives_its_place_away_after_a_moment() -> None:
    pace, begun = Pace(places=2, moment_seconds=0.01), list[int]()
    slow = asyncio.Event()

    async def one(number: int) -> None:
        await pace.turn()
        begun.append(number)
        await slow.wait()
        pace.done()

    tasks = [asyncio.create_task(one(number)) for number in range(10)]
    # None of them ends: whoever is behind the first two has the place of one that is slow.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(begun) < 10:
            await asyncio.sleep(0.001)
    assert begun == list(range(10))
    slow.set()
    await asyncio.gather(*tasks)
    await asyncio.wait_for(pace.turn(), PATIENCE_SECONDS)


async def test_after_a_moment_all_places_are_free_again_for_as_many_as_wait() -> None:
    pace = Pace(places=3, moment_seconds=0.001)
    begun: list[int] = []

    async def one(number: int) -> None:
        await pace.turn()
        begun.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(7)]
    seen = set[int]()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(begun) < 7:
            await asyncio.sleep(0)
            seen.add(len(begun))

    # Nobody gives a place back, and still three go at a time.
    assert seen - {0} == {3, 6, 7}
    await asyncio.gather(*tasks)


async def test_who_is_cancelled_while_waiting_takes_no_place() -> None:
    pace = Pace(places=1, moment_seconds=60)
    await pace.turn()
    given_up = asyncio.create_task(pace.turn())
    waiting = asyncio.create_task(pace.turn())
    await rounds()
    given_up.cancel()
    await rounds()

    pace.done()

    await asyncio.wait_for(waiting, PATIENCE_SECONDS)


async def test_at_the_end_nobody_waits() -> None:
    pace = Pace(places=1, moment_seconds=60)
    await pace.turn()
    waiting = [asyncio.create_task(pace.turn()) for _ in range(5)]
    await rounds()

    pace.hurry()

    await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE_SECONDS)


async def test_whoever_comes_later_does_not_pass_who_waits() -> None:
    pace, begun = Pace(places=1, moment_seconds=60), list[str]()

    async def one(name: str) -> None:
        await pace.turn()
        begun.append(name)

    await pace.turn()
    first = asyncio.create_task(one("first"))
    await rounds()
    # The place is given to who waits at once: whoever comes now has to wait for the next one.
    pace.done()
    second = asyncio.create_task(one("second"))
    await rounds()
    assert begun == ["first"]

    pace.done()
    await asyncio.wait_for(asyncio.gather(first, second), PATIENCE_SECONDS)
    assert begun == ["first", "second"]


async def test_a_place_that_is_given_back_twice_is_one() -> None:
    pace, begun = Pace(places=1, moment_seconds=60), list[int]()

    async def one(number: int) -> None:
        await pace.turn()
        begun.append(number)

    pace.done()
    pace.done()
    tasks = [asyncio.create_task(one(number)) for number in range(3)]
    await rounds()
    assert begun == [0]

    pace.hurry()
    await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_SECONDS)
