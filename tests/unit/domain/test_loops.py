"""Loops and tasks that outlive what goes wrong in them."""

from __future__ import annotations

import asyncio

import pytest

from nexgent.shared.errors import InvalidInputError
from nexgent.shared.loops import TaskSet, keep_running


async def test_a_job_that_fails_unexpectedly_is_started_again() -> None:
    runs, failures = 0, list[str]()

    async def job() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RecursionError("a library went round in circles")

    await keep_running(job, name="bridge", pause_seconds=0, on_failure=failures.append)

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
