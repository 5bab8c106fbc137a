"""Tried passwords and known networks in PostgreSQL.

A row stands for an account and a network; the one without a network is for all strangers together. Statements that touch both
take the strangers' row first, so that no two wait for each other.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg

from nexgent.domain.users.login_guard import (
    FORGET_AFTER,
    KNOWN_NETWORKS_PER_USER,
    LONGEST_LOCK,
    OF_NETWORK,
    OF_STRANGERS,
    STRANGERS,
    Attempt,
    LockRule,
)
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import login_attempts as sql
from nexgent.shared.types import UserId


class _Refused(Exception):
    """Undo what was counted: the attempt is not allowed."""


class PostgresLoginAttempts:
    """Implements `LoginAttempts`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def claim(
        self, account: bytes, network: str, user_id: UserId | None, now: datetime
    ) -> Attempt | datetime:
        """Count an attempt, or return until when none is allowed."""
        until: datetime | None = None
        with translated_errors("count a login"):
            async with self._pool.acquire() as connection:
                known = bool(await connection.fetchval(sql.KNOWN, user_id, network))
                try:
                    async with connection.transaction():
                        if not known:
                            until = await _claim(connection, account, STRANGERS, OF_STRANGERS, now)
                        until = await _claim(connection, account, network, OF_NETWORK, now) or until
                        if until is not None:
                            raise _Refused
                except _Refused:
                    assert until is not None
                    return until
        return Attempt(account, network, known)

    async def withdraw(self, attempt: Attempt) -> None:
        """Count an attempt no more."""
        with translated_errors("count a login"):
            async with self._pool.acquire() as connection, connection.transaction():
                if not attempt.known:
                    await _take_back(connection, attempt.account, STRANGERS, OF_STRANGERS, 1)
                await _take_back(connection, attempt.account, attempt.network, OF_NETWORK, 1)

    async def succeeded(self, attempt: Attempt, user_id: UserId, now: datetime) -> None:
        """Forget what this network got wrong before, and know it from now on."""
        with translated_errors("note a login"):
            async with self._pool.acquire() as connection, connection.transaction():
                if not attempt.known:
                    mine = await connection.fetchval(sql.ATTEMPTS, attempt.account, attempt.network)
                    await _take_back(connection, attempt.account, STRANGERS, OF_STRANGERS, mine or 0)
                await connection.execute(sql.FORGET, attempt.account, attempt.network)
                await connection.execute(sql.REMEMBER, user_id, attempt.network, now)
                await connection.execute(sql.KEEP_NEWEST, user_id, KNOWN_NETWORKS_PER_USER)

    async def unlock(self, account: bytes, now: datetime) -> bool:
        """Forget all attempts on an account; tell whether it was locked for anybody."""
        with translated_errors("lift a lock"):
            return bool(await self._pool.fetchval(sql.UNLOCK, account, now))


async def forget_old_attempts(pool: asyncpg.Pool[asyncpg.Record], now: datetime) -> int:
    """Delete counts that nothing depends on any more; return how many."""
    with translated_errors("delete old login attempts"):
        done = await pool.execute(sql.FORGET_OLD, now - FORGET_AFTER - LONGEST_LOCK)
    return int(done.split()[-1])


async def _claim(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
    account: bytes,
    network: str,
    rule: LockRule,
    now: datetime,
) -> datetime | None:
    """Count an attempt under one row; return until when there is a lock, if there is one."""
    growth = float(rule.growth)
    counted = await connection.fetchval(
        sql.CLAIM, account, network, now, FORGET_AFTER, rule.limit, rule.lock, growth, LONGEST_LOCK
    )
    if counted is not None:
        return None
    until: datetime | None = await connection.fetchval(sql.LOCKED_UNTIL, account, network)
    # Lifted between the two statements: the next try will tell.
    return until or now + timedelta(seconds=1)


async def _take_back(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
    account: bytes,
    network: str,
    rule: LockRule,
    count: int,
) -> None:
    await connection.execute(sql.TAKE_BACK, account, network, count, rule.limit)
    await connection.execute(sql.DROP_EMPTY, account, network)
