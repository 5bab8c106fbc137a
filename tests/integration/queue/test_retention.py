"""What the hourly clean-up deletes, and what it leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from arq import Retry

from nexgent.infrastructure.queue.retention import retention_cron
from nexgent.shared.clock import SystemClock
from nexgent.shared.ids import new_id

_AUDIT = """
INSERT INTO audit_log (at, action, outcome, actor, target, address, details) VALUES ($1, 'x', 'ok', $2, '', '', '{}')
"""
_ADD = """
INSERT INTO idempotency_keys (user_id, key_hash, fingerprint, owner, created_at) VALUES ($1, $2, $2, $3, $4)
"""
_TRAIL = """
INSERT INTO position_marks (position_id, position_version, peak_price_sol, lowest_price_sol, updated_at)
VALUES ($1, 1, 1, 1, $2)
"""


async def test_keys_of_yesterday_are_deleted_and_todays_stay(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    user_id, now = new_id(), SystemClock().now()
    await connection.execute("INSERT INTO users (id, email) VALUES ($1, 'a@example.com')", user_id)
    for name, hours in ((b"old", 25), (b"new", 23)):
        await connection.execute(_ADD, user_id, name, new_id(), now - timedelta(hours=hours))
    for days in (31, 29):
        await connection.execute(_AUDIT, now - timedelta(days=days), str(days))
    clean: Any = retention_cron(database_url, audit_days=30).coroutine

    assert await clean({}) == 2
    assert await clean({}) == 0

    assert await connection.fetchval("SELECT key_hash FROM idempotency_keys") == b"new"
    assert await connection.fetchval("SELECT actor FROM audit_log") == "29"
    await connection.close()


async def test_trails_of_positions_that_are_gone_are_deleted(database_url: str) -> None:
    """One may be saved just after its position was closed; every start would read it for ever."""
    connection = await asyncpg.connect(database_url)
    for hours in (2, 0):
        await connection.execute(_TRAIL, new_id(), SystemClock().now() - timedelta(hours=hours))
    clean: Any = retention_cron(database_url, audit_days=30).coroutine

    assert await clean({}) == 1
    assert await connection.fetchval("SELECT count(*) FROM position_marks") == 1
    await connection.close()


async def test_a_database_that_is_away_is_asked_again() -> None:
    clean: Any = retention_cron("postgresql://nexgent@127.0.0.1:1/absent", audit_days=30).coroutine

    with pytest.raises(Retry):
        await clean({})
