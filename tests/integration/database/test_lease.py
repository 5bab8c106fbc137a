"""The engine lease against a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from nexgent.infrastructure.database.connection import DatabaseUnavailableError
from nexgent.infrastructure.database.lease import EngineLease
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
async def first(database_url: str) -> AsyncIterator[EngineLease]:
    lease = EngineLease(database_url, owner="first", heartbeat_seconds=0.05)
    yield lease
    await lease.release()


@pytest.fixture
async def second(database_url: str) -> AsyncIterator[EngineLease]:
    lease = EngineLease(database_url, owner="second", heartbeat_seconds=0.05)
    yield lease
    await lease.release()


async def test_one_holds_it_and_epochs_grow(first: EngineLease, second: EngineLease) -> None:
    assert await first.try_acquire() == 1
    assert await first.try_acquire() == 1
    assert await second.try_acquire() is None
    assert (first.is_held, second.is_held) == (True, False)

    await first.release()

    assert not first.is_held
    assert await second.try_acquire() == 2
    assert (first.epoch, second.epoch) == (0, 2)


async def test_a_waiting_engine_takes_over_at_once(first: EngineLease, second: EngineLease) -> None:
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done

    await first.release()

    assert await asyncio.wait_for(waiting, PATIENCE_SECONDS) == 2


async def test_a_lost_connection_ends_it(first: EngineLease, second: EngineLease, database_url: str) -> None:
    await first.acquire()
    lost = asyncio.create_task(first.wait_lost())
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE application_name LIKE 'nexgent-lease-%'"
    )
    await connection.close()

    await asyncio.wait_for(lost, PATIENCE_SECONDS)

    assert not first.is_held
    assert await second.acquire() == 2
    assert await first.try_acquire() is None
    await first.wait_lost()


async def test_no_server_is_unavailable() -> None:
    lease = EngineLease("postgresql://nobody@127.0.0.1:1/nothing", owner="x")

    with pytest.raises(DatabaseUnavailableError):
        await lease.try_acquire()
    assert not lease.is_held
