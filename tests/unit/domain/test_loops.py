"""Loops and tasks that outlive what goes wrong in them."""

from __future__ import annotations

import asyncio
import gc

import pytest

from nexgent.shared.errors import InvalidInputError
from nexgent.shared.loops import (
    FORGOTTEN_AFTER_SECONDS,
    LoopWatch,
    TaskSet,
    cancel_all,
    keep_running,
    run_every,
)
from tests.fakes.clock import FakeClock


async def test_a_job_that_fails_unexpectedly_is_started_again() -> None:
    runs, failures = 0, list[str]()

    async def job() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RecursionError("a library went round in circles")

    await keep_running(job, name="bridge", pause_seconds=0, watch=LoopWatch(FakeClock(), failures.append))

    assert runs == 3
    assert failures == ["bridge", "bridge"]


async def test_a_cancelled_job_stays_ended() -> None:
    begun = asyncio.Event()

    async def job() -> None:
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(keep_running(job, name="bridge", pause_seconds=0))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_has_begun_is_finished_without_its_caller() -> None:
    tasks, gate, done = TaskSet("test"), asyncio.Event(), list[str]()

    async def work() -> str:
        await gate.wait()
        done.append("work")
        return "result"

    caller = asyncio.create_task(tasks.finish(work(), name="work"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.set()
    assert await tasks.drain(5.0) == 0
    assert done == ["work"]
    assert await tasks.finish(work(), name="again") == "result"


async def test_a_refusal_reaches_the_caller() -> None:
    async def refuse() -> None:
        raise InvalidInputError("no")

    with pytest.raises(InvalidInputError):
        await TaskSet("test").finish(refuse(), name="refuse")


async def test_a_loop_that_fails_again_and_again_is_a_problem_until_it_goes_well() -> None:
    clock, counted, said = FakeClock(), list[str](), list[str | None]()
    watch = LoopWatch(clock, counted.append)
    runs = 0

    async def step() -> None:
        nonlocal runs
        runs += 1
        said.append(watch.problem())
        if runs <= 4:
            raise ZeroDivisionError("secret text of something foreign")
        if runs == 6:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run_every(0.0, step, name="recovery", clock=clock, watch=watch)

    assert said[:3] == [None, None, None], "once or twice is an accident"
    assert said[3] == "recovery has failed 3 times in a row (ZeroDivisionError)"
    assert said[4] == "recovery has failed 4 times in a row (ZeroDivisionError)"
    assert said[5] is None
    assert counted == ["recovery"] * 4


def test_what_tells_of_failures_only_is_forgotten_after_a_while() -> None:
    clock = FakeClock()
    watch = LoopWatch(clock)
    for _ in range(3):
        watch.failed("an exit", "EXECUTION_FAILED")
    watch.failed("mirror", ValueError())

    assert watch.problem() == "an exit has failed 3 times in a row (EXECUTION_FAILED)"
    clock.advance(FORGOTTEN_AFTER_SECONDS + 1)
    assert watch.problem() is None
    watch.failed("an exit", "EXECUTION_FAILED")
    assert watch.problem() is None


async def test_who_loses_a_cancellation_is_cancelled_again() -> None:
    lost = 0

    async def deaf() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost == 3:
                    raise

    async def broken() -> None:
        raise InvalidInputError("it had failed before")

    tasks = [asyncio.ensure_future(deaf()), asyncio.ensure_future(broken())]
    await asyncio.sleep(0)

    await cancel_all(tasks, again_seconds=0.001)

    assert lost == 3
    assert all(task.done() for task in tasks)


async def test_what_has_ended_is_not_waited_for_and_its_failure_is_nobodys_surprise() -> None:
    loop, surprises, turns = asyncio.get_running_loop(), list[object](), list[int]()
    loop.set_exception_handler(lambda _, context: surprises.append(context))

    async def broken() -> None:
        raise InvalidInputError("it had failed before")

    async def well() -> None:
        return

    tasks = [asyncio.ensure_future(broken()), asyncio.ensure_future(well())]
    await asyncio.wait(tasks)
    loop.call_soon(turns.append, 1)

    await cancel_all(tasks)

    assert turns == []
    del tasks
    gc.collect()
    assert surprises == []


async def test_who_cannot_wait_for_ever_leaves_what_does_not_end() -> None:
    ended, asked = asyncio.Event(), 0

    async def deaf() -> None:
        nonlocal asked
        while not ended.is_set():
            try:
                await ended.wait()
            except asyncio.CancelledError:
                asked += 1

    task = asyncio.ensure_future(deaf())
    await asyncio.sleep(0)

    await cancel_all([task], again_seconds=10, longest_seconds=0.001)

    assert (task.done(), asked) == (False, 1)
    ended.set()
    await task
