"""A database that neither answers nor closes: whoever asks hears of it in time, whatever was under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from nexgent.infrastructure.database.connection import DatabaseUnavailableError, translated_errors
from nexgent.infrastructure.database.engine import COMMAND_TIMEOUT_SECONDS
from nexgent.infrastructure.database.pool import PoolUse, opened_pool
from tests.e2e.cable import DatabaseCable, opened
from tests.patience import until

ONE = PoolUse(most=1, least=1, wait_seconds=1.0)
"""The only connection, which is waited for no longer than a moment."""


@pytest.fixture
async def cable(module_database_url: str) -> AsyncIterator[DatabaseCable]:
    async with opened(DatabaseCable(module_database_url)) as cable:
        yield cable


@pytest.fixture
async def pool(cable: DatabaseCable) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    async with opened_pool(cable.url, ONE) as pool:
        yield pool
        cable.mend()


async def ask(pool: asyncpg.Pool[asyncpg.Record], seconds: float | None = 0.2) -> bool:
    """Ask for something, and hear of it when nobody answers, long before the driver gives up."""
    async with asyncio.timeout(COMMAND_TIMEOUT_SECONDS):
        with translated_errors("ask"):
            return bool(await pool.fetchval("SELECT TRUE", timeout=seconds))


async def answered(pool: asyncpg.Pool[asyncpg.Record]) -> bool:
    """Tell whether somebody answers again."""
    try:
        return await ask(pool, None)
    except DatabaseUnavailableError:
        return False


async def test_a_deadline_is_the_end_of_it(pool: asyncpg.Pool[asyncpg.Record], cable: DatabaseCable) -> None:
    cable.swallow()
    # The first one finds the connection dead, the second one opens one that nobody answers on.
    for _ in range(2):
        with pytest.raises(DatabaseUnavailableError):
            await ask(pool)
    cable.mend()
    await until(lambda: answered(pool), "somebody answers again")


async def test_nobody_waits_for_ever_behind_somebody_else(
    pool: asyncpg.Pool[asyncpg.Record], cable: DatabaseCable
) -> None:
    async with pool.acquire():
        with pytest.raises(DatabaseUnavailableError):
            await ask(pool)
    await until(lambda: answered(pool), "somebody answers again")


async def test_who_is_told_to_stop_stops(pool: asyncpg.Pool[asyncpg.Record], cable: DatabaseCable) -> None:
    cable.swallow()
    asking = asyncio.create_task(ask(pool, None))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    cable.mend()
    await until(lambda: answered(pool), "somebody answers again")
