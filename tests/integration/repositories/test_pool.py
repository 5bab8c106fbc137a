"""Closing a pool while somebody's statement is still running."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from nexgent.infrastructure.database import engine


async def test_an_endless_statement_does_not_delay_the_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CLOSE_TIMEOUT_SECONDS", 0.2)
    started = asyncio.Event()

    async def endless(pool: asyncpg.Pool[asyncpg.Record]) -> None:
        async with pool.acquire() as connection:
            started.set()
            await connection.execute("SELECT pg_sleep(600)")

    async with engine.opened_pool(database_url, max_size=2) as pool:
        task = asyncio.create_task(endless(pool))
        await started.wait()
        closing = time.monotonic()
    assert time.monotonic() - closing < 5.0
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
        await task
