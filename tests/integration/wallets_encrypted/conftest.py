"""A pool on a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg
import pytest

from nexgent.infrastructure.database.pool import PoolUse, create_pool
from tests.builders import USER

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(database_url, PoolUse(most=8))
    await pool.execute("INSERT INTO users (id, email) VALUES ($1, 'owner@example.com')", USER)
    yield pool
    await pool.close()
