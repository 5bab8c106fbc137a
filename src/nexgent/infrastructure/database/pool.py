"""Pools of connections: what each is for, how many it may hold, and the one way to open them.

The service holds five: requests, reading the journal, trails, projecting, and asking for the lease. They are apart on purpose. A
crowd of requests that takes every connection must not keep the engine from asking the journal whether a trade was written, nor a
stop from being saved; and what projects does not wait for the disk, which is a property of its sessions. Most are empty until
somebody needs them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog
from asyncpg.pool import PoolAcquireContext, PoolConnectionProxy

from nexgent.infrastructure.database.engine import normalise_url

log = structlog.get_logger(__name__)

CLOSE_TIMEOUT_SECONDS = 5.0
WAIT_SECONDS = 10.0
"""How long anybody waits for a connection: for one to become free, and for a new one to be answered."""
CALLERS_TIMEOUT = math.inf
LET_GO_SECONDS = 1.0
"""How long a statement that was given up may take to end, before its connection is cut."""


@dataclass(frozen=True, slots=True)
class PoolUse:
    """What a pool is for. Without a name its sessions have that of the database URL."""

    most: int
    least: int = 0
    wait_seconds: float = WAIT_SECONDS
    application_name: str | None = None
    server_settings: Mapping[str, str] = field(default_factory=dict)


# All sizes are here: a service has at most 20 connections of pools, two of its own besides (the journal's writer, the lease), and
# its worker at most 14. A PostgreSQL as it comes takes 100.
REQUESTS = PoolUse(most=10, least=1)
JOURNAL_READS = PoolUse(most=3, application_name="nexgent-journal-read")
TRAILS = PoolUse(most=2, application_name="nexgent-trails")
# Rows and watermark are one transaction, so what a crash of the server takes back is simply projected again: no need to
# wait for the disk.
PROJECTOR = PoolUse(
    most=3, application_name="nexgent-projector", server_settings={"synchronous_commit": "off"}
)
STOPPED_IN_TURN = "3s"
"""How long an engine that stands still or is cut off may keep others from changing who has which shards."""
# Live swaps ask before each post; nobody else's work may make them wait.
LEASE_CHECKS = PoolUse(
    most=2,
    application_name="nexgent-lease-checks",
    server_settings={"idle_in_transaction_session_timeout": STOPPED_IN_TURN},
)
# What is lost of a chart when a server crashes is not worth waiting for the disk every few seconds.
PRICE_HISTORY = PoolUse(
    most=1, application_name="nexgent-price-history", server_settings={"synchronous_commit": "off"}
)
RETENTION = PoolUse(most=1, application_name="nexgent-retention")
SHADOWS = PoolUse(most=1, application_name="nexgent-shadows")
NOTIFICATIONS = PoolUse(most=3, application_name="nexgent-notifications")
SUMS = PoolUse(most=1, application_name="nexgent-sums")
SNAPSHOTS = PoolUse(most=1, application_name="nexgent-snapshots")
COMMAND = PoolUse(most=1, least=1)


class _Pool(asyncpg.Pool):
    """A pool in which nobody waits for a server that has fallen silent.

    asyncpg waits without end for a connection, and half a minute for the server to confirm that a statement was given up.
    """

    __slots__ = ("_wait_seconds",)

    def __init__(self, use: PoolUse, **connect_kwargs: Any) -> None:
        super().__init__(
            min_size=use.least,
            max_size=use.most,
            reset=_leave_as_is,
            max_queries=50_000,
            max_inactive_connection_lifetime=300.0,
            loop=None,
            connection_class=asyncpg.Connection,
            record_class=asyncpg.Record,
            **connect_kwargs,
        )
        self._wait_seconds = use.wait_seconds

    def acquire(self, *, timeout: float | None = None) -> PoolAcquireContext[asyncpg.Record]:
        """Return a connection, to be awaited or entered. Raises `TimeoutError`.

        `CALLERS_TIMEOUT` leaves the deadline to a caller who has one already: one more costs a task and turns of the event loop.
        """
        if timeout == CALLERS_TIMEOUT:
            return super().acquire()
        return super().acquire(timeout=self._wait_seconds if timeout is None else timeout)

    async def release(
        self, connection: PoolConnectionProxy[asyncpg.Record], *, timeout: float | None = None
    ) -> None:
        """Give a connection back. One that does not come to rest is cut, which is nobody's error."""
        with suppress(TimeoutError):
            await super().release(connection, timeout=LET_GO_SECONDS if timeout is None else timeout)


class LazyPool:
    """A pool that opens when somebody first asks for it, and again after it was closed."""

    def __init__(self, database_url: str, use: PoolUse) -> None:
        self._database_url = database_url
        self._use = use
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def get(self) -> asyncpg.Pool[asyncpg.Record]:
        """Return the pool. Raises what asyncpg raises."""
        async with self._opening:
            if self._pool is None:
                self._pool = await create_pool(self._database_url, self._use)
            return self._pool

    async def close(self) -> None:
        """Close the connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await close_pool(pool)


async def _leave_as_is(_connection: object) -> None:
    """Replace asyncpg's reset of returned connections, a round trip that only sessions with leftovers need."""


async def create_pool(database_url: str, use: PoolUse) -> asyncpg.Pool[asyncpg.Record]:
    """Open an asyncpg pool for code that never leaves session state behind. Without a least size it connects on first use."""
    kwargs = dict(normalise_url(database_url).connect_kwargs)
    named = {"application_name": use.application_name} if use.application_name is not None else {}
    kwargs["server_settings"] = {**kwargs["server_settings"], **named, **use.server_settings}
    return await _Pool(use, **kwargs)


async def close_pool(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    """Close a pool; connections that are still in use after a moment are cut, so that nobody's statement delays an end."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await pool.close()
    except TimeoutError:
        # Cancelling `close` has cut them.
        log.warning("database.connections_cut", seconds=CLOSE_TIMEOUT_SECONDS)


@asynccontextmanager
async def opened_pool(database_url: str, use: PoolUse) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    """Open a pool and close it at the end."""
    pool = await create_pool(database_url, use)
    try:
        yield pool
    finally:
        await close_pool(pool)
