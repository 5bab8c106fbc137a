"""The fixtures that other tests stand on: databases are migrated, fresh and separate, Redis is empty."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis


async def _connect(url: str) -> asyncpg.Connection[Any]:
    return await asyncpg.connect(url)


@pytest.mark.parametrize("run", [1, 2])
async def test_each_test_has_a_migrated_database_of_its_own(database_url: str, run: int) -> None:
    connection = await _connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
        assert await connection.fetchval("SELECT to_regclass('left_by_a_test')") is None
        await connection.execute("CREATE TABLE left_by_a_test (n int)")
    finally:
        await connection.close()


@pytest.mark.parametrize("run", [1, 2])
async def test_each_test_has_an_empty_redis(redis: Redis, run: int) -> None:
    assert await redis.dbsize() == 0
    await redis.set("left_by_a_test", run)


async def test_a_module_shares_a_database_on_request(module_database_url: str, database_url: str) -> None:
    assert module_database_url != database_url
    connection = await _connect(module_database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    finally:
        await connection.close()
