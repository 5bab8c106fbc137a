"""An engine takes commands of other processes: as many as it can carry out, and none while it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from nexgent.bootstrap.commands import MOST_AT_ONCE, CommandIntake
from nexgent.domain.forwarding.models import Answer, Command, EngineAddress, NotBegun
from nexgent.infrastructure.cache.command_queue import MAX_ANSWER_BYTES, Place, Received
from nexgent.shared.clock import SystemClock
from tests.patience import until

ENGINE = EngineAddress(row=2, epoch=5)
DONE = Answer(200, (), b"done")


def a_command(number: int = 0) -> Command:
    return Command(
        method="POST",
        path=f"/{number}",
        query=b"",
        headers=(),
        body=b"",
        address="",
        request_id="",
    )


class FakeInbox:
    """Commands in a list, and what was answered to which."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[Received | Exception | None] = asyncio.Queue()
        self.answers: list[tuple[str, Answer | NotBegun]] = []

    def put(self, number: int = 0, *, late: bool = False) -> None:
        place = Place(ENGINE, number.to_bytes(16, "big"), bytes(16))
        self.waiting.put_nowait(Received(place, a_command(number), late))

    async def take(self, engine: EngineAddress) -> Received | None:
        assert engine == ENGINE
        found = await self.waiting.get()
        if isinstance(found, Exception):
            raise found
        return found

    async def answer(self, received: Received, outcome: Answer | NotBegun) -> None:
        self.answers.append((received.command.path, outcome))

    async def wake(self, engine: EngineAddress) -> None:
        assert engine == ENGINE
        self.waiting.put_nowait(None)


async def no_wake(engine: EngineAddress) -> None:
    assert engine == ENGINE


def iter_nowait(queue: asyncio.Queue[Received | Exception | None]) -> Iterator[Received | Exception | None]:
    while not queue.empty():
        yield queue.get_nowait()


class World:
    def __init__(self) -> None:
        self.inbox = FakeInbox()
        self.engaged = asyncio.Event()
        self.served: list[str] = []
        self.begun: list[str] = []
        self.go_on = asyncio.Event()
        self.intake = CommandIntake(
            inbox=self.inbox,  # type: ignore[arg-type]  # It does what the real one does.
            address=lambda: ENGINE,
            engaged=self.engaged,
            clock=SystemClock(),
            served=self.served.append,
        )

    async def carry_out(self, command: Command) -> Answer | NotBegun:
        self.begun.append(command.path)
        await self.go_on.wait()
        return DONE

    async def answered(self, count: int) -> list[tuple[str, Answer | NotBegun]]:
        await until(lambda: len(self.inbox.answers) == count, f"{count} answers")
        return self.inbox.answers


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    running = asyncio.create_task(made.intake.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await made.intake.drain(0)


async def test_it_begins_as_an_engine_that_knows_how(world: World) -> None:
    world.inbox.put(1)
    world.engaged.set()
    assert await world.intake.here(a_command()) is NotBegun.ELSEWHERE
    world.go_on.set()
    world.intake.carry_out_with(world.carry_out)

    assert await world.answered(1) == [("/1", DONE)]
    assert world.served == ["answered"]
    assert await world.intake.here(a_command(2)) == DONE


async def test_what_is_late_is_not_begun(world: World) -> None:
    world.engaged.set()
    world.intake.carry_out_with(world.carry_out)
    world.inbox.put(1, late=True)

    assert await world.answered(1) == [("/1", NotBegun.LATE)]
    assert (world.begun, world.served) == ([], ["late"])


async def test_only_so_many_are_taken_as_can_be_carried_out(world: World) -> None:
    world.engaged.set()
    world.intake.carry_out_with(world.carry_out)
    for number in range(MOST_AT_ONCE + 3):
        world.inbox.put(number)

    await until(lambda: len(world.begun) == MOST_AT_ONCE, "as many as there is room for have begun")
    for _ in range(20):
        await asyncio.sleep(0)
    assert (len(world.begun), world.inbox.waiting.qsize()) == (MOST_AT_ONCE, 3)
    world.go_on.set()
    await world.answered(MOST_AT_ONCE + 3)


async def test_who_stops_takes_nothing_more_and_ends_what_has_begun(world: World) -> None:
    world.engaged.set()
    world.intake.carry_out_with(world.carry_out)
    world.inbox.put(1)
    await until(lambda: world.begun == ["/1"], "one has begun")

    await world.intake.stop_taking()
    world.inbox.put(2)
    world.go_on.set()

    assert await world.intake.drain(60) == 0
    assert (world.inbox.answers, world.inbox.waiting.qsize()) == ([("/1", DONE)], 1)


async def test_who_stops_while_everything_is_taken_takes_nothing_when_there_is_room_again(
    world: World,
) -> None:
    world.engaged.set()
    world.intake.carry_out_with(world.carry_out)
    for number in range(MOST_AT_ONCE + 1):
        world.inbox.put(number)
    await until(lambda: len(world.begun) == MOST_AT_ONCE, "as many as there is room for have begun")

    await world.intake.stop_taking()
    world.go_on.set()

    assert await world.intake.drain(60) == 0
    for _ in range(20):
        await asyncio.sleep(0)
    left = [one for one in iter_nowait(world.inbox.waiting) if one is not None]
    assert [one.command.path for one in left if isinstance(one, Received)] == [f"/{MOST_AT_ONCE}"]
    assert len(world.begun) == len(world.inbox.answers) == MOST_AT_ONCE


async def test_what_comes_when_it_was_no_longer_waited_for_is_not_begun(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis hangs while the service stops, and hands a command out after all."""
    monkeypatch.setattr("nexgent.bootstrap.commands.BLOCK_SECONDS", 0.0)
    monkeypatch.setattr(world.inbox, "wake", no_wake)
    world.engaged.set()
    world.go_on.set()
    world.intake.carry_out_with(world.carry_out)
    for _ in range(20):
        await asyncio.sleep(0)

    await world.intake.stop_taking()
    world.inbox.put(1)

    assert await world.answered(1) == [("/1", NotBegun.LATE)]
    assert world.begun == []


async def test_a_defect_is_an_answer(world: World) -> None:
    async def fails(_command: Command) -> Answer:
        raise RuntimeError("secret")

    async def talks(_command: Command) -> Answer:
        return Answer(200, (), bytes(MAX_ANSWER_BYTES + 1))

    world.engaged.set()
    world.intake.carry_out_with(fails)
    world.inbox.put(1)
    await world.answered(1)
    world.intake.carry_out_with(talks)
    world.inbox.put(2)

    for _, answer in await world.answered(2):
        assert isinstance(answer, Answer)
        assert (answer.status, answer.body) == (500, b'{"error":"Internal server error"}')


async def test_it_goes_on_when_redis_is_back(world: World) -> None:
    world.engaged.set()
    world.go_on.set()
    world.intake.carry_out_with(world.carry_out)
    world.inbox.waiting.put_nowait(RedisConnectionError("away"))
    world.inbox.put(1)

    assert await world.answered(1) == [("/1", DONE)]
