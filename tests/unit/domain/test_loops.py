"""Loops and tasks that outlive what goes wrong in them."""

from __future__ import annotations

import asyncio

import pytest

from nexgent.shared.errors import InvalidInputError
from nexgent.shared.loops import FORGOTTEN_AFTER_SECONDS, LoopWatch, TaskSet, keep_running, run_every
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
