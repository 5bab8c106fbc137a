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
from nexgent.shared.types import UserId

_KNOWN = "SELECT EXISTS (SELECT FROM login_networks WHERE user_id = $1 AND network = $2)"
# One step: attempts at the same moment each see the count of the one before. Gives no row while there is a lock.
_CLAIM = """
INSERT INTO login_attempts AS a (account, network, attempts, locks, updated_at) VALUES ($1, $2, 1, 0, $3)
ON CONFLICT (account, network) DO UPDATE SET
  attempts = CASE WHEN a.locked_until IS NOT NULL OR a.updated_at < $3 - $4::interval THEN 1 ELSE a.attempts + 1 END,
  locks = CASE
    WHEN a.updated_at < $3 - $4::interval AND coalesce(a.locked_until, a.updated_at) < $3 - $4::interval THEN 0
    WHEN a.locked_until IS NULL AND a.attempts + 1 >= $5 THEN a.locks + 1
    ELSE a.locks END,
  locked_until = CASE
    WHEN a.locked_until IS NULL AND a.updated_at >= $3 - $4::interval AND a.attempts + 1 >= $5
    THEN $3 + least($6::interval * power($7::float8, least(a.locks, 16)), $8::interval) END,
  updated_at = $3
WHERE a.locked_until IS NULL OR a.locked_until <= $3
RETURNING attempts
"""
_LOCKED_UNTIL = "SELECT locked_until FROM login_attempts WHERE account = $1 AND network = $2"
# An attempt that was none takes a lock back with it when it made the difference.
_TAKE_BACK = """
UPDATE login_attempts SET
  attempts = greatest(0, attempts - $3),
  locked_until = CASE WHEN attempts - $3 >= $4 THEN locked_until END,
  locks = CASE WHEN locked_until IS NOT NULL AND attempts - $3 < $4 THEN greatest(0, locks - 1) ELSE locks END
WHERE account = $1 AND network = $2
"""
_DROP_EMPTY = "DELETE FROM login_attempts WHERE account = $1 AND network = $2 AND attempts = 0"
_ATTEMPTS = "SELECT attempts FROM login_attempts WHERE account = $1 AND network = $2"
_FORGET = "DELETE FROM login_attempts WHERE account = $1 AND network = $2"
_REMEMBER = """
INSERT INTO login_networks (user_id, network, last_seen_at) SELECT id, $2, $3 FROM users WHERE id = $1
ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at = greatest(login_networks.last_seen_at, excluded.last_seen_at)
"""
_KEEP_NEWEST = """
DELETE FROM login_networks WHERE user_id = $1 AND network IN (
  SELECT network FROM login_networks WHERE user_id = $1 ORDER BY last_seen_at DESC OFFSET $2)
"""
_UNLOCK = """
WITH gone AS (DELETE FROM login_attempts WHERE account = $1 RETURNING locked_until)
SELECT coalesce(bool_or(locked_until > $2), false) FROM gone
"""
_FORGET_OLD = """
DELETE FROM login_attempts WHERE updated_at < $1 AND (locked_until IS NULL OR locked_until < $1)
"""


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
                known = bool(await connection.fetchval(_KNOWN, user_id, network))
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
                    mine = await connection.fetchval(_ATTEMPTS, attempt.account, attempt.network)
                    await _take_back(connection, attempt.account, STRANGERS, OF_STRANGERS, mine or 0)
                await connection.execute(_FORGET, attempt.account, attempt.network)
                await connection.execute(_REMEMBER, user_id, attempt.network, now)
                await connection.execute(_KEEP_NEWEST, user_id, KNOWN_NETWORKS_PER_USER)

    async def unlock(self, account: bytes, now: datetime) -> bool:
        """Forget all attempts on an account; tell whether it was locked for anybody."""
        with translated_errors("lift a lock"):
            return bool(await self._pool.fetchval(_UNLOCK, account, now))


async def forget_old_attempts(pool: asyncpg.Pool[asyncpg.Record], now: datetime) -> int:
    """Delete counts that nothing depends on any more; return how many."""
    with translated_errors("delete old login attempts"):
        done = await pool.execute(_FORGET_OLD, now - FORGET_AFTER - LONGEST_LOCK)
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
        _CLAIM, account, network, now, FORGET_AFTER, rule.limit, rule.lock, growth, LONGEST_LOCK
    )
    if counted is not None:
        return None
    until: datetime | None = await connection.fetchval(_LOCKED_UNTIL, account, network)
    # Lifted between the two statements: the next try will tell.
    return until or now + timedelta(seconds=1)


async def _take_back(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
    account: bytes,
    network: str,
    rule: LockRule,
    count: int,
) -> None:
    await connection.execute(_TAKE_BACK, account, network, count, rule.limit)
    await connection.execute(_DROP_EMPTY, account, network)
