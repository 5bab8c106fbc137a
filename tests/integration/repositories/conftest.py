"""A pool on a fresh database, and rows to start with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg
import pytest

from nexgent.infrastructure.database.pool import PoolUse, create_pool
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(database_url, PoolUse(most=8))
    yield pool
    await pool.close()


@pytest.fixture
async def user_id(pool: Pool) -> UserId:
    return await add_user(pool)


async def add_user(pool: Pool) -> UserId:
    user_id = UserId(new_id())
    await pool.execute("INSERT INTO users (id, email) VALUES ($1, $2)", user_id, f"{user_id}@example.com")
    return user_id
