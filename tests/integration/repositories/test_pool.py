"""Closing a pool while somebody's statement is still running; a pool that opens when it is needed; who may open one."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

import nexgent
from nexgent.infrastructure.database import pool as pools
from nexgent.infrastructure.database.pool import LazyPool, PoolUse
from tests.patience import PATIENCE_SECONDS


async def test_an_endless_statement_does_not_delay_the_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "CLOSE_TIMEOUT_SECONDS", 0.2)
    started = asyncio.Event()

    async def endless(pool: asyncpg.Pool[asyncpg.Record]) -> None:
        async with pool.acquire() as connection:
            started.set()
            await connection.execute("SELECT pg_sleep(600)")

    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(pools.opened_pool(database_url, PoolUse(most=2)))
        task = asyncio.create_task(endless(pool))
        await started.wait()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await stack.aclose()
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
        await task


async def test_a_lazy_pool_opens_once_and_again_after_it_was_closed(database_url: str) -> None:
    lazy = LazyPool(
        database_url,
        PoolUse(most=2, application_name="nexgent-test", server_settings={"synchronous_commit": "off"}),
    )
    await lazy.close()
    first, same = await asyncio.gather(lazy.get(), lazy.get())
    assert first is same
    assert await first.fetchval("SELECT current_setting('application_name')") == "nexgent-test"
    assert await first.fetchval("SHOW synchronous_commit") == "off"
    assert (first.get_min_size(), first.get_max_size()) == (0, 2)
    await lazy.close()
    second = await lazy.get()
    assert second is not first
    assert await second.fetchval("SELECT 1") == 1
    await lazy.close()


def test_there_is_one_place_that_opens_pools() -> None:
    root = Path(nexgent.__file__).parent
    openers = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(
            r"asyncpg\.create_pool|asyncpg\.(pool\.)?Pool\(|\(asyncpg\.(pool\.)?Pool\b.*\):", path.read_text()
        )
    }
    assert openers == {"infrastructure/database/pool.py"}
