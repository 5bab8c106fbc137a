"""The engine lease: one engine at a time runs the price loop and signals.

The lease is a session lock of PostgreSQL on a connection of its own. It ends with the connection, however the process ends;
its epoch grows with every holder, so that what an old holder still does can be told apart.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg
import structlog

from nexgent.infrastructure.database.connection import (
    DatabaseUnavailableError,
    DedicatedConnection,
    translated_errors,
)

log = structlog.get_logger(__name__)

LEASE_LOCK = 6_271_830_004
_WAIT_SECONDS = 5.0
_RETRY_SECONDS = 0.5
_REPLY_TIMEOUT_SECONDS = 3.0
# How fast the server notices that the holder's machine is gone (TCP only): 3 + 3 × 2 seconds.
_SERVER_SETTINGS = {
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "idle_session_timeout": "0",
}

_TAKE_EPOCH = """
INSERT INTO engine_lease (id, epoch, owner, acquired_at) VALUES (1, 1, $1, now())
ON CONFLICT (id) DO UPDATE SET epoch = engine_lease.epoch + 1, owner = excluded.owner, acquired_at = excluded.acquired_at
RETURNING epoch
"""


class EngineLease:
    """The right to be the engine. `owner` is a name for people (host and process)."""

    def __init__(self, database_url: str, *, owner: str, heartbeat_seconds: float = 2.0) -> None:
        self._session = DedicatedConnection(
            database_url, application_name="nexgent-lease", server_settings=_SERVER_SETTINGS
        )
        self._owner = owner
        self._heartbeat_seconds = heartbeat_seconds
        self._epoch: int | None = None
        self._lost = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    @property
    def is_held(self) -> bool:
        """Tell whether the lease is ours as far as this process knows."""
        return self._epoch is not None

    @property
    def epoch(self) -> int:
        """The epoch of the held lease, 0 without it."""
        return self._epoch or 0

    async def try_acquire(self) -> int | None:
        """Take the lease if it is free; return its epoch, or None. Raises `DatabaseUnavailableError`."""
        return await self._acquire("SELECT pg_try_advisory_lock($1)")

    async def acquire(self) -> int:
        """Wait for the lease as long as it takes, through outages of the server as well; return its epoch."""
        while True:
            try:
                epoch = await self._acquire(
                    "SELECT pg_advisory_lock($1) IS NOT NULL", wait_seconds=_WAIT_SECONDS
                )
            except DatabaseUnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if epoch is not None:
                return epoch

    async def wait_lost(self) -> None:
        """Return when the lease is lost or released; at once when it is not held."""
        if self.is_held:
            await self._lost.wait()

    async def release(self) -> None:
        """Give the lease up; the next engine gets it at once."""
        async with self._changing:
            watch, self._watch = self._watch, None
            if watch is not None:
                watch.cancel()
                with suppress(asyncio.CancelledError):
                    await watch
            self._forget(released=True)
            await self._session.close()

    async def _acquire(self, statement: str, *, wait_seconds: float = 0.0) -> int | None:
        async with self._changing:
            if self._epoch is not None:
                return self._epoch
            try:
                with translated_errors("acquire the engine lease"):
                    async with asyncio.timeout(_REPLY_TIMEOUT_SECONDS + wait_seconds):
                        connection = await self._session.get()
                        # Waiting ends now and then, so that a server that went away without a word is noticed.
                        await connection.execute(f"SET lock_timeout = '{int(wait_seconds * 1000)}ms'")
                        try:
                            if not await connection.fetchval(statement, LEASE_LOCK, timeout=None):
                                return None
                        except asyncpg.LockNotAvailableError:
                            return None
                        epoch: int = await connection.fetchval(_TAKE_EPOCH, self._owner)
            except BaseException:
                # Whether the lock was granted is unknown: only the end of the session surely gives it back.
                self._session.abandon()
                raise
            self._epoch = epoch
            self._lost = asyncio.Event()
            connection.add_termination_listener(self._on_terminated)
            self._watch = asyncio.create_task(self._keep_watching(connection, epoch), name="lease.watch")
        log.info("lease.acquired", epoch=epoch, owner=self._owner)
        return epoch

    async def _keep_watching(self, connection: asyncpg.Connection[asyncpg.Record], epoch: int) -> None:
        """Ask the server for a sign of life: a network that swallows packets closes no connection."""
        while self._epoch == epoch:
            await asyncio.sleep(self._heartbeat_seconds)
            try:
                with translated_errors("check the engine lease"):
                    await connection.fetchval("SELECT 1", timeout=_REPLY_TIMEOUT_SECONDS)
            except DatabaseUnavailableError:
                if self._epoch == epoch:
                    self._session.abandon()
                    self._forget()

    def _on_terminated(self, _connection: object) -> None:
        self._forget()

    def _forget(self, *, released: bool = False) -> None:
        if self._epoch is not None:
            tell = log.info if released else log.warning
            tell("lease.released" if released else "lease.lost", epoch=self._epoch, owner=self._owner)
            self._epoch = None
            self._lost.set()
