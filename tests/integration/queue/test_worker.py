"""ProjectionNotifier and worker against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from arq import func
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix
from redis.asyncio import Redis
from structlog.testing import capture_logs

from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.queue import worker
from nexgent.infrastructure.queue.connection import arq_settings, connect_queue
from nexgent.infrastructure.queue.jobs import QueueObserver
from nexgent.infrastructure.queue.names import BELL_KEY, HEALTH_KEY, PROJECT_JOB_ID, QUEUE_NAME
from nexgent.infrastructure.queue.notifier import QUIET_SECONDS, ProjectionNotifier
from nexgent.infrastructure.queue.worker import run_worker, worker_settings
from tests.integration.database.story import Story, add_owners
from tests.patience import PATIENCE_SECONDS, until


@dataclass
class Seen:
    """What the worker reported."""

    jobs: list[tuple[str, str]] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    lags: list[int] = field(default_factory=list)
    projected: int = 0

    def observer(self) -> QueueObserver:
        return QueueObserver(
            depth=self.depths.append,
            job=lambda name, outcome, _seconds: self.jobs.append((name, outcome)),
            projected=self._add,
            lag=lambda behind, _age: self.lags.append(behind),
        )

    def _add(self, count: int) -> None:
        self.projected += count


@asynccontextmanager
async def working(database_url: str, redis_url: str, **options: Any) -> AsyncIterator[Seen]:
    seen = Seen()
    settings = worker_settings(database_url, redis_url, observer=seen.observer(), **options)
    running = asyncio.create_task(run_worker(settings))
    try:
        yield seen
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def notifier(redis_url: str) -> AsyncIterator[ProjectionNotifier]:
    queue = connect_queue(redis_url)
    bell = ProjectionNotifier(queue)
    running = asyncio.create_task(bell.run())
    try:
        yield bell
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await queue.aclose()


def without_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave all to rings: the sweep, which comes every two seconds, would hide that one was lost."""

    async def nothing(_context: object) -> None:
        pass

    monkeypatch.setattr(worker, "sweep_journal", nothing)


async def until_projected(projector: Projector, position: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await projector.position() < position:
            await asyncio.sleep(0.002)


@pytest.fixture
async def journal(database_url: str) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(database_url)
    yield journal
    await journal.close()


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    projector = Projector(database_url)
    yield projector
    await projector.close()


@pytest.fixture
async def story(database_url: str) -> Story:
    story = Story()
    connection = await asyncpg.connect(database_url)
    await add_owners(connection, [story])
    await connection.close()
    return story


async def test_a_ring_projects_what_was_written(
    database_url: str,
    redis_url: str,
    redis: Redis,
    journal: PostgresJournal,
    projector: Projector,
    story: Story,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_sweep(monkeypatch)
    async with working(database_url, redis_url) as seen, notifier(redis_url) as bell:
        await until(lambda: redis.exists(HEALTH_KEY))
        for _ in range(30):
            position = await journal.append([story.deposit(1)])
            bell.notify()
            await until_projected(projector, position)
        await until(lambda: seen.projected == 30)

    assert ("project_journal", "success") in seen.jobs


async def test_a_worker_hears_rings_and_asks_seldom(
    database_url: str,
    redis_url: str,
    redis: Redis,
    journal: PostgresJournal,
    projector: Projector,
    story: Story,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever looks for jobs only now and then still begins at once: what it waits for is the ring."""
    without_sweep(monkeypatch)
    monkeypatch.setattr(worker, "LONGEST_WAIT_SECONDS", 4.0)
    heard: list[object] = []
    wait = ArqRedis.bzpopmin

    async def listening(queue: ArqRedis, *arguments: Any, **options: Any) -> Any:
        ring = await wait(queue, *arguments, **options)
        heard.append(ring)
        return ring

    monkeypatch.setattr(ArqRedis, "bzpopmin", listening)
    async with working(database_url, redis_url) as seen, notifier(redis_url) as bell:
        await until(lambda: redis.exists(HEALTH_KEY))
        began = time.monotonic()
        before = int((await redis.info("commandstats")).get("cmdstat_zrangebyscore", {"calls": 0})["calls"])
        for _ in range(10):
            position = await journal.append([story.deposit(1)])
            bell.notify()
            await until_projected(projector, position)
        asked = int((await redis.info("commandstats"))["cmdstat_zrangebyscore"]["calls"]) - before

    rings, waits = len([one for one in heard if one]), len([one for one in heard if not one])
    assert rings > 0
    # No job began because somebody happened to look, unless nothing had come for seconds; and nobody looked without a reason: a
    # ring, the end of a job (also of the sweep, which nobody rings for), or that.
    sweeps = (time.monotonic() - began) / worker.SWEEP_SECONDS + 2
    assert len([name for name, _ in seen.jobs if name == "project_journal"]) <= rings + waits
    assert asked <= 2 * rings + waits + sweeps


async def test_many_rings_are_few_jobs_and_nothing_is_left(
    database_url: str,
    redis_url: str,
    redis: Redis,
    journal: PostgresJournal,
    projector: Projector,
    story: Story,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Entries keep coming while jobs finish: the ring that a finishing job swallows must not be lost."""
    without_sweep(monkeypatch)
    async with working(database_url, redis_url) as seen, notifier(redis_url) as bell:
        for number in range(300):
            position = await journal.append([story.deposit(1)])
            for _ in range(10):
                bell.notify()
            if number % 10 == 0:
                await until_projected(projector, position)
        await until_projected(projector, position)
        await until(lambda: seen.projected == 300)

    assert bell.sent < 300


async def test_an_endless_burst_rings_now_and_then(redis_url: str, redis: Redis) -> None:
    async with notifier(redis_url) as bell:
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while bell.sent < 4:
                bell.notify()
                await asyncio.sleep(0.005)
        during, took_seconds = bell.sent, time.monotonic() - began
        bell.notify()
        await until(lambda: bell.sent > during)

    # Never silent, and never without the moment of quiet that may be the end of the burst.
    assert during <= took_seconds / QUIET_SECONDS + 1
    # One more may have been under way when it ended.
    assert int(await redis.get(BELL_KEY)) - bell.sent in {0, 1}


async def test_the_sweep_finds_what_nobody_rang_for(
    database_url: str,
    redis_url: str,
    redis: Redis,
    journal: PostgresJournal,
    projector: Projector,
    story: Story,
) -> None:
    async with working(database_url, redis_url) as seen:
        await until(lambda: bool(seen.lags))
        position = await journal.append([story.deposit(1)])
        await until_projected(projector, position)

    assert 1 in seen.lags
    assert seen.depths


async def test_a_mark_of_a_killed_worker_does_not_block_the_next_one(
    database_url: str,
    redis_url: str,
    redis: Redis,
    journal: PostgresJournal,
    projector: Projector,
    story: Story,
) -> None:
    async with notifier(redis_url) as bell:
        position = await journal.append([story.deposit(1)])
        bell.notify()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await redis.exists(job_key_prefix + PROJECT_JOB_ID):
                await asyncio.sleep(0.005)
        await redis.set(in_progress_key_prefix + PROJECT_JOB_ID, "1", ex=60)

        async with working(database_url, redis_url) as seen:
            await until_projected(projector, position)
            await until(lambda: ("project_journal", "success") in seen.jobs)


async def test_two_workers_share_the_work_without_harm(
    database_url: str,
    redis_url: str,
    redis: Redis,
    journal: PostgresJournal,
    projector: Projector,
    story: Story,
) -> None:
    async with (
        working(database_url, redis_url) as first,
        working(database_url, redis_url) as second,
        notifier(redis_url) as bell,
    ):
        for _ in range(100):
            position = await journal.append([story.deposit(1)])
            bell.notify()
        await until_projected(projector, position)
        await until(lambda: first.projected + second.projected >= 100)

    assert first.projected + second.projected == 100
    assert await redis.zcard(QUEUE_NAME) <= 2


async def test_a_job_whose_mark_another_worker_took_away_is_not_begun_again_by_the_one_that_has_it(
    database_url: str, redis_url: str, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    begun, passed_by, go_on = 0, asyncio.Event(), asyncio.Event()

    async def long(_context: object) -> None:
        nonlocal begun
        begun += 1
        await go_on.wait()

    async def next_one(_context: object) -> None:
        passed_by.set()

    jobs: dict[str, Any] = {"long": long, "next_one": next_one}
    functions = tuple(func(job, name=name) for name, job in jobs.items())
    caplog.set_level(logging.INFO, "arq.worker")
    queue = connect_queue(redis_url)
    async with working(database_url, redis_url, functions=functions):
        await queue.enqueue_job("long", _job_id="long")
        await until(lambda: begun == 1)

        # What a worker does that starts: the mark may be one of a worker that was killed.
        assert await redis.delete(in_progress_key_prefix + "long") == 1
        # Jobs are looked at in the order they came in, so the first one has been looked at again when this one runs.
        await queue.enqueue_job("next_one")
        await asyncio.wait_for(passed_by.wait(), PATIENCE_SECONDS)
        assert begun == 1
        go_on.set()

        async def done() -> bool:
            return not await redis.exists(job_key_prefix + "long")

        await until(done)
    await queue.aclose()
    assert begun == 1
    assert "KeyError" not in caplog.text
    assert "failed" not in caplog.text


async def test_jobs_travel_as_json(redis_url: str, redis: Redis) -> None:
    async with notifier(redis_url) as bell:
        bell.notify()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (document := await redis.get(job_key_prefix + PROJECT_JOB_ID)) is None:
                await asyncio.sleep(0.005)

    assert document.startswith(b'{"t":')


async def test_rings_wait_for_a_redis_that_is_away() -> None:
    with capture_logs() as logs:
        async with notifier("unix:///nonexistent/redis.sock") as bell:
            for _ in range(1_000):
                bell.notify()
            await until(
                lambda: len([line for line in logs if line["event"] == "projection.not_notified"]) >= 2
            )
            assert bell.sent == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/redis.sock?db=3", {"unix_socket_path": "/run/redis.sock", "database": 3, "ssl": False}),
        (
            "rediss://user:p%40ss@cache.example:7000/2",
            {
                "host": "cache.example",
                "port": 7000,
                "username": "user",
                "password": "p@ss",
                "database": 2,
                "ssl": True,
            },
        ),
        ("redis://localhost", {"host": "localhost", "port": 6379, "database": 0, "unix_socket_path": None}),
    ],
)
def test_addresses_of_all_kinds_are_understood(url: str, expected: dict[str, object]) -> None:
    settings = arq_settings(url)

    assert {name: getattr(settings, name) for name in expected} == expected
