"""Servers are killed while the worker and the mirror are at work."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from nexgent.infrastructure.cache.connect import connect_redis
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.embedded import EmbeddedServers
from nexgent.shared.errors import UnavailableError
from tests.e2e.cluster import lay_out_empty_cluster
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.integration.cache.test_mirror import dump, mirroring
from tests.integration.database.story import Story, add_owners
from tests.integration.queue.test_worker import notifier, until_projected, working
from tests.patience import PATIENCE_SECONDS


async def _append(journal: PostgresJournal, story: Story) -> int:
    """Append one entry, however long PostgreSQL is away."""
    entry = story.deposit(1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await journal.append([entry])
            except UnavailableError:
                await asyncio.sleep(0.02)
                try:
                    if await journal.find([entry]):
                        return await journal.head_position()
                except UnavailableError:
                    continue


async def _answers(redis: Redis) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await redis.ping()
            except Exception:
                await asyncio.sleep(0.01)
            else:
                return


@pytest.mark.slow
async def test_projection_resumes_by_itself_after_either_server_is_killed(data_dir: Path) -> None:
    await lay_out_empty_cluster(data_dir, ADMIN_EMAIL, ADMIN_PASSWORD)
    async with EmbeddedServers(data_dir) as servers:
        story = Story()
        connection = await asyncpg.connect(servers.database_url)
        await add_owners(connection, [story])
        await connection.close()
        journal, projector = PostgresJournal(servers.database_url), Projector(servers.database_url)
        probe = connect_redis(servers.redis_url, retries=0)
        async with (
            working(servers.database_url, servers.redis_url) as seen,
            notifier(servers.redis_url) as bell,
        ):
            await until_projected(projector, await _rung(journal, story, bell.notify))
            for victims in (["redis"], ["postgres"], ["redis", "postgres"], ["redis"]):
                # Something is always under way when the server dies.
                await _rung(journal, story, bell.notify)
                for victim in victims:
                    pid = servers.redis_pid if victim == "redis" else servers.postgres_pid
                    assert pid is not None
                    os.kill(pid, signal.SIGKILL)
                position = await _rung(journal, story, bell.notify)
                await _answers(probe)

                started = time.perf_counter()
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while True:
                        try:
                            if await projector.position() >= position:
                                break
                        except UnavailableError:
                            pass
                        await asyncio.sleep(0.01)
                print(f"{' and '.join(victims)} killed: resumed after {time.perf_counter() - started:.2f} s")
        assert seen.projected <= position
        await probe.aclose()
        await projector.close()
        await journal.close()


async def _rung(journal: PostgresJournal, story: Story, ring: object) -> int:
    position = await _append(journal, story)
    assert callable(ring)
    ring()
    return position


@pytest.mark.slow
async def test_the_mirror_fills_a_killed_redis_again(data_dir: Path) -> None:
    async with EmbeddedServers(data_dir, postgres=False) as servers:
        client = connect_redis(servers.redis_url, retries=0)
        async with mirroring(client) as memory:
            agent = memory.add_agent()
            await memory.settled()
            for _ in range(2):
                assert servers.redis_pid is not None
                os.kill(servers.redis_pid, signal.SIGKILL)
                position = memory.open_position(agent)
                await memory.settled()
                await _answers(client)
                assert f"nexgent:position:{position.id}" in await dump(client)
                assert len([key for key in await dump(client) if ":position:" in key]) == len(
                    memory.positions
                )
        await client.aclose()
