"""Being the engine: only rounds of the price loop keep the lease, and whoever loses it to another one lets go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from nexgent.bootstrap import engine_role
from nexgent.bootstrap.engine_role import EngineLoops, EngineRole
from nexgent.infrastructure.database.lease import LeaseStatus
from nexgent.shared.clock import SystemClock
from nexgent.shared.loops import LeftUnfinishedError, LoopWatch, TaskSet
from tests.patience import until


class ALease:
    """Given out by the test."""

    status = LeaseStatus(False, "other:1", 1, 0.0)
    eligible = True

    def __init__(self) -> None:
        self.epochs: asyncio.Queue[int] = asyncio.Queue()
        self.taken = asyncio.Event()
        self.rounds = 0
        self.enabled = False
        self._lost = asyncio.Event()

    def alive(self) -> None:
        self.rounds += 1

    def enable(self) -> None:
        self.enabled = True

    async def try_acquire(self) -> int | None:
        return None if self.epochs.empty() else await self.acquire()

    async def acquire(self) -> int:
        epoch = await self.epochs.get()
        self._lost.clear()
        self.taken.clear()
        return epoch

    async def wait_lost(self) -> None:
        await self._lost.wait()

    def lose(self, *, taken: bool) -> None:
        self.enabled = False
        self._lost.set()
        if taken:
            self.taken.set()


class Counting:
    """A step that is counted."""

    def __init__(self) -> None:
        self.ticks = 0

    async def tick(self) -> None:
        self.ticks += 1


class AnEngine:
    """Counts what is asked of it; a round of the price loop ends when `gate` is open."""

    def __init__(self) -> None:
        self.recovery = self.dead_tokens = self.poller = self
        self.undecided = Counting()
        self.source_watch = Counting()
        self.exits = self
        self.resumed = 0
        self.gate = asyncio.Event()
        self.stepped_down = 0

    async def tick(self) -> None:
        await self.gate.wait()

    async def stop(self) -> None:
        pass

    def resume(self) -> None:
        self.resumed += 1

    async def step_down(self) -> None:
        self.stepped_down += 1


class ARole:
    def __init__(self) -> None:
        self.engine, self.lease, self.loads = AnEngine(), ALease(), 0
        self.by_hand = TaskSet("by hand")
        self.locked = 0
        self.readable = asyncio.Event()
        self.readable.set()
        clock = SystemClock()
        engine: Any = self.engine
        lease: Any = self.lease
        self.role = EngineRole(
            engine=engine,
            loops=EngineLoops(
                engine=engine, lease=lease, clock=clock, poll_seconds=0.01, watch=LoopWatch(clock)
            ),
            lease=lease,
            load=self.load,
            clock=clock,
            by_hand=[self.by_hand.drain, self.lock_keys],
        )

    async def lock_keys(self, _seconds: float) -> None:
        self.locked += 1

    async def load(self) -> None:
        self.loads += 1
        await self.readable.wait()


@pytest.fixture
async def it() -> AsyncIterator[ARole]:
    it = ARole()
    running = asyncio.create_task(it.role.run())
    yield it
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_only_rounds_of_the_price_loop_keep_the_lease(it: ARole) -> None:
    it.lease.epochs.put_nowait(1)
    await until(lambda: it.role.active, "it is the engine")
    assert it.role.settled.is_set(), "requests are served before anything is resolved"
    kept = it.lease.rounds
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert it.lease.rounds == kept, (
        "a loop that hangs keeps no lease, however well the rest of the process is"
    )

    it.engine.gate.set()

    await until(lambda: it.lease.rounds > kept + 3, "rounds keep it")


async def test_an_engine_that_was_taken_over_lets_go_reads_anew_and_serves_on(it: ARole) -> None:
    it.lease.epochs.put_nowait(1)
    await until(lambda: it.role.active, "it is the engine")
    loads = it.loads

    it.lease.lose(taken=True)

    await until(lambda: it.loads > loads, "it reads what the other one has done")
    assert (it.engine.stepped_down, it.role.active) == (1, False)
    assert it.locked == 1, "a wallet that is locked there is not unlocked here afterwards"
    it.lease.epochs.put_nowait(3)
    await until(lambda: it.role.active, "it is the engine once more")
    assert it.engine.stepped_down == 1


async def test_an_engine_whose_database_was_away_keeps_its_exits(it: ARole) -> None:
    it.lease.epochs.put_nowait(1)
    await until(lambda: it.role.active, "it is the engine")

    it.lease.lose(taken=False)
    await until(lambda: not it.role.active, "it is not")
    it.lease.epochs.put_nowait(2)
    await until(lambda: it.role.active, "it is the engine again")

    assert (it.engine.stepped_down, it.locked) == (0, 0)
    assert it.engine.resumed == 2, "what could not be sold meanwhile is, now"


async def test_an_engine_that_missed_another_one_lets_go_as_well(it: ARole) -> None:
    it.lease.epochs.put_nowait(1)
    await until(lambda: it.role.active, "it is the engine")

    it.lease.lose(taken=False)
    await until(lambda: not it.role.active, "it is not")
    it.lease.epochs.put_nowait(3)
    await until(lambda: it.role.active, "it is the engine again")

    assert (it.engine.stepped_down, it.locked) == (1, 1)


async def test_a_replica_serves_and_waits(it: ARole) -> None:
    await until(it.role.settled.is_set, "it serves")
    assert not it.role.active

    it.lease.epochs.put_nowait(2)

    await until(lambda: it.role.active, "it takes over")


@pytest.mark.parametrize("first_lease", [True, False])
async def test_nothing_is_traded_before_everything_is_read(it: ARole, first_lease: bool) -> None:
    if not first_lease:
        it.lease.epochs.put_nowait(1)
        await until(lambda: it.role.active, "it is the engine")
        it.lease.lose(taken=False)
        await until(lambda: not it.role.active, "it is not")
    it.readable.clear()
    loads, kept = it.loads, it.lease.rounds

    it.lease.epochs.put_nowait(2)

    await until(
        lambda: it.loads > loads and it.lease.rounds > kept, "it reads, and keeps the lease meanwhile"
    )
    assert not it.lease.enabled
    assert not it.role.active
    it.readable.set()
    await until(lambda: it.role.active, "it is the engine")
    assert it.lease.enabled


async def test_a_lease_that_comes_while_it_reads_is_kept_from_then_on(it: ARole) -> None:
    """It has lost the lease to another one, reads what that one did, and gets it back meanwhile: reading takes long."""
    it.lease.epochs.put_nowait(1)
    await until(lambda: it.role.active, "it is the engine")
    it.readable.clear()
    loads = it.loads
    it.lease.lose(taken=True)
    await until(lambda: it.loads > loads, "it reads what the other one has done")
    kept = it.lease.rounds

    it.lease.epochs.put_nowait(3)

    await until(lambda: it.lease.rounds > kept + 1, "it keeps the lease while it reads")
    assert not it.role.active
    it.readable.set()
    await until(lambda: it.role.active, "it is the engine")


async def test_undecided_signals_are_looked_for_as_long_as_it_is_the_engine(
    it: ARole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_role, "UNDECIDED_SECONDS", 0.01)
    await until(it.role.settled.is_set, "it serves")
    assert it.engine.undecided.ticks == 0, "a replica decides nothing"

    it.lease.epochs.put_nowait(1)
    await until(lambda: it.engine.undecided.ticks > 2, "an announcement may be lost at any time")

    it.lease.lose(taken=False)
    await until(lambda: not it.role.active, "it is not")
    await asyncio.sleep(0)
    ticks = it.engine.undecided.ticks
    for _ in range(5):
        await asyncio.sleep(0.01)
    assert it.engine.undecided.ticks == ticks


@pytest.mark.parametrize("taken", [True, False])
async def test_who_asked_for_a_trade_hears_that_it_was_left_to_another_engine(it: ARole, taken: bool) -> None:
    it.lease.epochs.put_nowait(1)
    await until(lambda: it.role.active, "it is the engine")
    end = asyncio.Event()
    waiting = asyncio.ensure_future(it.by_hand.finish(_hold(end), name="a purchase"))
    await asyncio.sleep(0)

    it.lease.lose(taken=taken)

    if taken:
        with pytest.raises(LeftUnfinishedError):
            await waiting
        return
    await until(lambda: not it.role.active, "it is not")
    assert len(it.by_hand) == 1, "nobody else trades: it may yet go on"
    end.set()
    assert await waiting == "done"


async def _hold(end: asyncio.Event) -> str:
    await end.wait()
    return "done"
