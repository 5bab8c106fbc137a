"""The daily job that sums up what wallets have done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from arq import Retry

from nexgent.infrastructure.queue.sums import sums_cron
from tests.builders import T0
from tests.fakes.clock import FakeClock
from tests.integration.database.story import Story, add_owners


async def test_it_finds_something_to_do_once_a_day(database_url: str) -> None:
    stories, clock = [Story(), Story()], FakeClock(T0)
    connection = await asyncpg.connect(database_url)
    await add_owners(connection, stories)
    sum_up: Any = sums_cron(database_url, clock=clock).coroutine

    assert [await sum_up({}) for _ in range(2)] == [2, 0]
    clock.advance(timedelta(days=1).total_seconds())
    assert [await sum_up({}) for _ in range(2)] == [2, 0]

    before = await connection.fetchval("SELECT DISTINCT before FROM protection_sums")
    await connection.close()
    # What is sold today is not among it, wherever today began.
    assert timedelta(days=1) <= clock.now() - before < timedelta(days=2)


async def test_a_database_that_is_away_is_asked_again() -> None:
    sum_up: Any = sums_cron("postgresql://nexgent@127.0.0.1:1/absent").coroutine

    with pytest.raises(Retry):
        await sum_up({})
