"""Closing a pool while somebody's statement is still running."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest

from nexgent.infrastructure.database import engine
from tests.patience import PATIENCE_SECONDS


async def test_an_endless_statement_does_not_delay_the_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CLOSE_TIMEOUT_SECONDS", 0.2)
    started = asyncio.Event()

    async def endless(pool: asyncpg.Pool[asyncpg.Record]) -> None:
        async with pool.acquire() as connection:
            started.set()
            await connection.execute("SELECT pg_sleep(600)")

    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(engine.opened_pool(database_url, max_size=2))
        task = asyncio.create_task(endless(pool))
        await started.wait()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await stack.aclose()
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
        await task
