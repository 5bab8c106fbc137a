"""The engine lease: one engine at a time runs the price loop and signals, also when it hangs.

A row of `engine_lease` says who holds it, until when by the database's clock, and by which session of the database. Only the
price loop renews it (`alive`): an engine whose loop is stuck, whose process stands still or whose database is out of reach loses
it. It is free when it has expired, and half-way when the holder's session has ended: a killed engine is followed sooner, and one
that only lost a connection has the time to renew over another. One that is started again where it was killed need not wait: it
sees that the process is gone.

Its epoch grows with every holder. Whoever appends to the journal or posts a swap says under which epoch, and the database
compares (`journal.py`, `confirm`): what an old holder still does, when it wakes up, is refused. So is what a new one does before
it has read everything (`enable`).

Row 1 is the right to everything. Engines that share the work have a row each, 2 to 64, whose `shards` say for which agents; the
statements that check a row's epoch check that as well. A shard leaves a row when its engine takes it out, after everything of it
has ended (`give_up`), or when the row has ended as above: whoever takes shards ends it for good first, so that it can neither be
renewed nor written under. All that changes who has which shards takes turns (`SHARING_LOCK`), so no two rows ever have the same.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.infrastructure.database.connection import (
    DatabaseUnavailableError,
    DedicatedConnection,
    translated_errors,
)
from nexgent.infrastructure.database.pool import LEASE_CHECKS, STOPPED_IN_TURN, LazyPool
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, SHARDS, lowest

log = structlog.get_logger(__name__)

WHOLE = 1
"""The row of an engine that does everything by itself."""
FIRST_SHARER, LAST_SHARER = 2, 64
"""The rows of engines that share the work."""
SHARING_LOCK = 6_271_830_005
"""Taken by whoever changes which engines there are and which shards they have. A trigger takes it as well (migration 0028)."""
RENEWALS_PER_LEASE = 5
"""Renewing more often would not make it safer."""
CONFIRM_SECONDS = 1.5
"""The longest a swap waits for the answer whether it may still be posted."""
_POLL_SECONDS = 0.25
_RETRY_SECONDS = 0.1
_REPLY_TIMEOUT_SECONDS = 3.0
# How fast the server notices that the holder's machine is gone (TCP only): 3 + 3 × 2 seconds.
_SERVER_SETTINGS = {
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": STOPPED_IN_TURN,
}

_OLDER_ENGINE_LOCK = 6_271_830_004
"""What an engine older than this kind of lease holds, by its session, for as long as it lives."""
_READ = """
SELECT epoch, owner, extract(epoch FROM clock_timestamp() - renewed_at)::float8 AS age, EXISTS (
    SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted
          AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = $2
) AS older
FROM engine_lease WHERE id = $1
"""
# All that there is to know of every row.
ROWS = """
SELECT id, epoch, owner, version, shards, moves, acquired_at, expires_at > clock_timestamp() AS live,
       extract(epoch FROM clock_timestamp() - renewed_at)::float8 AS age
FROM engine_lease WHERE owner IS NOT NULL ORDER BY id
"""
# Another epoch, so that its holder can neither renew it nor write under it, whenever it wakes up.
_END_OVER = """
UPDATE engine_lease SET
    epoch = (SELECT max(epoch) + 1 FROM engine_lease), session = NULL, shards = CASE WHEN id = 1 THEN shards ELSE 0 END,
    renewed_at = statement_timestamp(), expires_at = statement_timestamp()
WHERE id = ANY($1::int[]) AND owner IS NOT NULL AND renewed_at < expires_at AND (
    expires_at <= clock_timestamp()
    OR (owner = ANY($2::text[]) OR renewed_at + (expires_at - renewed_at) / 2 <= clock_timestamp())
       AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.application_name = engine_lease.session)
)
RETURNING id
"""
_SIGN_ON = """
INSERT INTO engine_lease (id, epoch, owner, session, acquired_at, renewed_at, expires_at, shards, moves, version)
SELECT $1, (SELECT coalesce(max(epoch), 0) + 1 FROM engine_lease), $2, $3, clock_timestamp(), statement_timestamp(),
       statement_timestamp() + make_interval(secs => $4), 0, 0, $5
ON CONFLICT (id) DO UPDATE SET
    epoch = excluded.epoch, owner = excluded.owner, session = excluded.session, acquired_at = excluded.acquired_at,
    renewed_at = excluded.renewed_at, expires_at = excluded.expires_at, shards = 0, moves = 0, version = excluded.version
RETURNING epoch
"""
# The row of somebody who trades; of several the first.
_FIRST = """
SELECT coalesce((SELECT min(id) FROM engine_lease WHERE owner IS NOT NULL AND expires_at > clock_timestamp()), $1)
"""
_CREATE = "INSERT INTO engine_lease (id) VALUES ($1) ON CONFLICT DO NOTHING"
# Whether it is free is decided in the statement that takes it: of several that try, the others find the row as the first one
# leaves it, and so does whoever comes at the same instant as a renewal.
_TAKE = """
UPDATE engine_lease SET
    epoch = greatest(epoch, (SELECT max(epoch) FROM engine_lease)) + 1, owner = $2, session = $3,
    acquired_at = clock_timestamp(), renewed_at = statement_timestamp(),
    expires_at = statement_timestamp() + make_interval(secs => $4), version = $7
WHERE id = $1 AND (
    expires_at IS NULL OR expires_at <= clock_timestamp() OR session = $5
    OR (owner = $6 OR renewed_at + (expires_at - renewed_at) / 2 <= clock_timestamp())
       AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.application_name = engine_lease.session)
)
RETURNING epoch
"""
# One that nobody has taken meanwhile may be renewed late: nothing has been done in its name. Time spent waiting for the row is
# not added to the lease. A renewal that was given up still waits for the row on the server, and may get it after a newer one over
# another session: it would undo that one, and name a session that has ended.
_RENEW = """
UPDATE engine_lease SET
    session = $3, renewed_at = statement_timestamp(), expires_at = statement_timestamp() + make_interval(secs => $4)
WHERE id = $1 AND epoch = $2 AND (renewed_at <= statement_timestamp() OR session = $3)
RETURNING epoch
"""
_RELEASE = """
UPDATE engine_lease SET expires_at = clock_timestamp(), session = NULL, shards = CASE WHEN id = 1 THEN shards ELSE 0 END
WHERE id = $1 AND epoch = $2
"""
_SET_SHARDS = """
UPDATE engine_lease SET shards = $3, moves = moves + $4 WHERE id = $1 AND epoch = $2 AND expires_at > clock_timestamp()
RETURNING id
"""
_NEWEST_SIGNAL = "SELECT coalesce(max(id), 0) FROM trading_signals"
_REMAINING = """
SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 FROM engine_lease WHERE id = $1 AND epoch = $2
"""


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """What a process knows of the lease: who has it, under which epoch, and how long ago (seconds) it was renewed."""

    held: bool
    holder: str | None
    epoch: int
    age_seconds: float | None
    older_engine: bool = False
    """Whether an engine of a version that knows no such lease trades: this process waits until it is stopped."""


@dataclass(frozen=True, slots=True)
class Balance:
    """How the shards are spread: how many engines there are, and by how many shards this one has too many."""

    engines: int
    shards: int
    """The set that is this engine's by the database, which is what it may write for."""
    surplus: int


class EngineLease:
    """The right to be the engine. `owner` names host and process, `seconds` is how long it lives unrenewed.

    With `shared` it is the right to be one of several: `balance` and `give_up` say for which shards. Whoever is not `eligible`
    never gets it, and only sees who has it.
    """

    def __init__(
        self,
        database_url: str,
        *,
        owner: str,
        seconds: float,
        shared: bool = False,
        eligible: bool = True,
        version: str | None = None,
    ) -> None:
        self._session = DedicatedConnection(
            database_url, application_name="nexgent-lease", server_settings=_SERVER_SETTINGS
        )
        self._checks = LazyPool(database_url, LEASE_CHECKS)
        self.shared = shared
        self.eligible = eligible
        self._version = version
        self._row = WHOLE
        self._shards = NO_SHARDS if shared else ALL_SHARDS
        self._owner = owner
        self._seconds = seconds
        self._epoch: int | None = None
        self._enabled = False
        """Whether anything may be done under the epoch."""
        self._last_epoch = 0
        self._known = LeaseStatus(False, None, 0, None)
        self._known_at = time.monotonic()
        self._renewed = 0.0
        """When (monotonic) the last renewal that succeeded was sent."""
        self._round = 0.0
        """When (monotonic) the trading loop last made a round. The lease ends so long after that, whenever it is renewed."""
        self._until = 0.0
        """When (monotonic) the lease ends that was last obtained."""
        self._unsure = ""
        """The session in which the lease may have been taken without this process learning of it."""
        self._lost = asyncio.Event()
        self._alive = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self.taken = asyncio.Event()
        """Set when somebody else is seen to have held the lease since this process did."""

    @property
    def is_held(self) -> bool:
        """Tell whether the lease is ours as far as this process knows."""
        return self._epoch is not None

    @property
    def row(self) -> int:
        """The number of the row that is or was last held."""
        return self._row

    @property
    def shards(self) -> int:
        """The set of shards that may be written for, while the lease is held."""
        return self._shards

    @property
    def epoch(self) -> int:
        """The epoch to trade under: that of the held lease once it is enabled, 0 before and without it."""
        return self._epoch or 0 if self._enabled else 0

    @property
    def held_epoch(self) -> int:
        """The epoch of the held lease, enabled or not; 0 without it."""
        return self._epoch or 0

    @property
    def in_time(self) -> bool:
        """Tell whether the lease is enabled and has not ended by this process's own clock, which is never later than theirs.

        For what is asked often and undone easily. A process that stood still learns from it at once that it did.
        """
        return self.epoch != 0 and time.monotonic() < self._until

    @property
    def status(self) -> LeaseStatus:
        """What is known of the lease, by this process or from its last look at the row."""
        if self._epoch is not None:
            return LeaseStatus(True, self._owner, self._epoch, time.monotonic() - self._renewed)
        known = self._known
        age = known.age_seconds
        since = time.monotonic() - self._known_at
        return replace(known, age_seconds=age + since if age is not None else None)

    def alive(self) -> None:
        """Note that the trading loop has made a round. Nothing else renews the lease."""
        self._round = time.monotonic()
        self._alive.set()

    def enable(self) -> None:
        """Let trades be written and posted under the held lease: everything has been read.

        What was traded while the holder still reads would be missing from what it has read, and nobody would watch it.
        """
        self._enabled = self._epoch is not None

    async def try_acquire(self) -> int | None:
        """Take the lease if it is free; return its epoch, or None. Raises `DatabaseUnavailableError`."""
        async with self._changing:
            if self._epoch is not None:
                return self._epoch
            asked = time.monotonic()
            try:
                with translated_errors("acquire the engine lease"):
                    async with asyncio.timeout(_REPLY_TIMEOUT_SECONDS):
                        epoch = await self._take(await self._session.get())
            except BaseException:
                # Whether it was taken is unknown. Nobody acts under it, so it is free for the next attempt.
                self._unsure = self._session.abandon()
                raise
            if epoch is None:
                return None
            self._epoch = self._last_epoch = epoch
            self._unsure = ""
            self._renewed = self._round = asked
            self._until = asked + self._seconds
            self._lost = asyncio.Event()
            self.taken.clear()
            self._alive.clear()
            self._renewing = asyncio.create_task(self._keep(epoch), name="lease.renew")
        log.info("lease.acquired", epoch=epoch, owner=self._owner, seconds=self._seconds)
        return epoch

    async def acquire(self) -> int:
        """Wait for the lease as long as it takes, through outages of the server as well; return its epoch."""
        if self._last_epoch:
            # Whoever has just lost it lets others go first: there was a reason.
            await asyncio.sleep(2 * _POLL_SECONDS)
        while True:
            with suppress(DatabaseUnavailableError):
                if (epoch := await self.try_acquire()) is not None:
                    return epoch
            await asyncio.sleep(_POLL_SECONDS)

    async def wait_lost(self) -> None:
        """Return when the lease is lost or released; at once when it is not held."""
        if self.is_held:
            await self._lost.wait()

    async def confirm(self) -> None:
        """Ask the database whether the lease is still ours, at most `CONFIRM_SECONDS`.

        Raises `NotTheEngineError` when it is not or is not enabled yet, `DatabaseUnavailableError` when nobody can say.
        """
        epoch = self.epoch
        if not epoch:
            raise self.refusal()
        asked = time.monotonic()
        with translated_errors("confirm the engine lease"):
            async with asyncio.timeout(CONFIRM_SECONDS):
                pool = await self._checks.get()
                remaining = await pool.fetchval(_REMAINING, self._row, epoch)
        # The answer may have been read long after it was given: a process that stood still does not notice by itself.
        if remaining is None or time.monotonic() - asked >= remaining:
            self.refused(epoch)
            raise self.refusal()

    def refusal(self) -> NotTheEngineError:
        """Return the error that says who trades instead, as far as is known."""
        status = self.status
        if status.held or status.holder is None:
            return NotTheEngineError()
        return NotTheEngineError(
            f"This process is a replica and trades nothing; {status.holder} is the engine"
        )

    def refused(self, epoch: int) -> None:
        """Note that the database does not take this epoch (any more)."""
        if self._epoch == epoch:
            self._forget()

    async def release(self) -> None:
        """Give the lease up; the next engine gets it at once."""
        async with self._changing:
            epoch = self._epoch
            renewing, self._renewing = self._renewing, None
            if renewing is not None:
                renewing.cancel()
                with suppress(asyncio.CancelledError):
                    await renewing
            self._forget(released=True)
            if epoch is not None:
                # Should it fail, the end of the session says the same.
                with suppress(DatabaseUnavailableError), translated_errors("release the engine lease"):
                    async with asyncio.timeout(_REPLY_TIMEOUT_SECONDS):
                        await (await self._session.get()).execute(_RELEASE, self._row, epoch)
            await self._session.close()
        await self._checks.close()

    async def balance(self) -> Balance:
        """End what is over, take an even share of what is free then, and say how the shards are spread.

        Raises `NotTheEngineError` when this process is none any more, `DatabaseUnavailableError`.
        """
        epoch = self.epoch
        if not epoch:
            raise self.refusal()
        with translated_errors("spread the shards"):
            async with asyncio.timeout(_REPLY_TIMEOUT_SECONDS):
                pool = await self._checks.get()
                async with pool.acquire() as connection, connection.transaction():
                    rows = await _rows_after_ending_what_is_over(connection, besides=self._row)
                    own = next(
                        (row for row in rows if row["id"] == self._row and row["epoch"] == epoch), None
                    )
                    if own is None or not own["live"]:
                        found = None
                    else:
                        found, free = _spread(rows, own)
                        taken = lowest(free, -found.surplus)
                        if taken:
                            shards = found.shards | taken
                            found = replace(found, shards=shards, surplus=found.surplus + taken.bit_count())
                            arguments = self._row, epoch, signed(shards), taken.bit_count()
                            if await connection.fetchval(_SET_SHARDS, *arguments) is None:
                                found = None
        if found is None:
            self.refused(epoch)
            raise self.refusal()
        if self._epoch == epoch:
            self._shards = found.shards
        return found

    async def give_up(self, shards: int) -> None:
        """Leave shards to other engines: everything of them has ended here.

        Raises `NotTheEngineError`, `DatabaseUnavailableError`: then `balance` tells whether they were left.
        """
        epoch = self.epoch
        if not epoch:
            raise self.refusal()
        # Whatever comes of it, nothing is written for them any more.
        self._shards &= ~shards
        with translated_errors("give up shards"):
            async with asyncio.timeout(_REPLY_TIMEOUT_SECONDS):
                pool = await self._checks.get()
                async with pool.acquire() as connection, connection.transaction():
                    await connection.execute("SELECT pg_advisory_xact_lock($1)", SHARING_LOCK)
                    left = await connection.fetchval(_SET_SHARDS, self._row, epoch, signed(self._shards), 0)
        if left is None:
            self.refused(epoch)
            raise self.refusal()

    async def newest_signal(self) -> int:
        """Return the number of the newest signal there is. Raises `DatabaseUnavailableError`."""
        with translated_errors("look for the newest signal"):
            async with asyncio.timeout(_REPLY_TIMEOUT_SECONDS):
                pool = await self._checks.get()
                newest: int = await pool.fetchval(_NEWEST_SIGNAL)
                return newest

    async def _take(self, connection: asyncpg.Connection[asyncpg.Record]) -> int | None:
        if not self.eligible:
            await self._look(connection)
            return None
        if self.shared:
            return await self._sign_on(connection)
        row = await connection.fetchrow(_READ, WHOLE, _OLDER_ENGINE_LOCK)
        if row is None:
            await connection.execute(_CREATE, WHOLE)
            row = await connection.fetchrow(_READ, WHOLE, _OLDER_ENGINE_LOCK)
        if row is None:
            return None
        if not row["older"]:
            epoch: int | None = await connection.fetchval(
                _TAKE,
                WHOLE,
                self._owner,
                self._session.name,
                self._seconds,
                self._unsure,
                _gone(row["owner"]),
                self._version,
            )
            if epoch is not None:
                return epoch
        self._see(row)
        return None

    async def _look(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """See who trades."""
        first = await connection.fetchval(_FIRST, WHOLE)
        if (row := await connection.fetchrow(_READ, first, _OLDER_ENGINE_LOCK)) is not None:
            self._see(row)

    async def _sign_on(self, connection: asyncpg.Connection[asyncpg.Record]) -> int | None:
        """Be one of the engines, as yet without shards, unless one does everything by itself."""
        whole = await connection.fetchrow(_READ, WHOLE, _OLDER_ENGINE_LOCK)
        if whole is not None and whole["older"]:
            self._see(whole)
            return None
        async with connection.transaction():
            rows = await _rows_after_ending_what_is_over(connection)
            taken = {row["id"] for row in rows if row["live"]}
            if WHOLE in taken:
                if whole is not None:
                    self._see(whole)
                return None
            free = next(
                (number for number in range(FIRST_SHARER, LAST_SHARER + 1) if number not in taken), None
            )
            if free is None:
                log.warning("lease.no_room", engines=len(taken))
                return None
            epoch: int = await connection.fetchval(
                _SIGN_ON, free, self._owner, self._session.name, self._seconds, self._version
            )
        self._row, self._shards = free, NO_SHARDS
        return epoch

    def _see(self, row: asyncpg.Record) -> None:
        older: bool = row["older"]
        if older and not self._known.older_engine:
            log.warning(
                "lease.older_engine",
                holder=row["owner"],
                hint="an engine of an older version trades; stop it, and this one goes on in its place",
            )
        self._known = LeaseStatus(False, row["owner"], row["epoch"], None if older else row["age"], older)
        self._known_at = time.monotonic()
        if self._last_epoch and row["epoch"] != self._last_epoch:
            self.taken.set()

    async def _keep(self, epoch: int) -> None:
        """Renew after rounds of the trading loop; without one in time the lease is lost."""
        while self._epoch == epoch:
            left = self._until - time.monotonic()
            try:
                async with asyncio.timeout(max(0.0, left)):
                    await self._alive.wait()
            except TimeoutError:
                if not self._alive.is_set():
                    self._end(epoch)
                    return
            self._alive.clear()
            while self._epoch == epoch and not await self._renew(epoch):
                # There is time left, or the loop goes on and nobody has taken it: another session may get through.
                await asyncio.sleep(_RETRY_SECONDS)
            await asyncio.sleep(self._seconds / RENEWALS_PER_LEASE)

    async def _renew(self, epoch: int) -> bool:
        """Tell whether it was renewed, or lost: False is to be tried again."""
        asked = time.monotonic()
        # It ends where it would have ended had the database been asked right after the round.
        seconds = self._seconds - (asked - self._round)
        if seconds <= 0:
            self._end(epoch)
            return True
        try:
            with translated_errors("renew the engine lease"):
                async with asyncio.timeout(min(_REPLY_TIMEOUT_SECONDS, self._seconds / 3)):
                    connection = await self._session.get()
                    renewed = await connection.fetchval(_RENEW, self._row, epoch, self._session.name, seconds)
        except Exception as error:
            if not isinstance(error, DatabaseUnavailableError):
                log.exception("lease.renewal_failed", epoch=epoch)
            self._session.abandon()
            return False
        if self._epoch != epoch:
            return True
        if renewed is None:
            self.taken.set()
            self._forget()
        else:
            self._renewed, self._until = asked, asked + seconds
        return True

    def _end(self, epoch: int) -> None:
        """Give up a lease that the trading loop did not keep."""
        log.error("lease.not_renewed", epoch=epoch, hint="the price loop did not come round in time")
        self._forget()

    def _forget(self, *, released: bool = False) -> None:
        if self._epoch is not None:
            tell = log.info if released else log.warning
            tell("lease.released" if released else "lease.lost", epoch=self._epoch, owner=self._owner)
            self._epoch = None
            self._enabled = False
            if self.shared:
                self._shards = NO_SHARDS
            self._known = LeaseStatus(False, None, self._last_epoch, None)
            self._lost.set()


async def _rows_after_ending_what_is_over(
    connection: asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record], *, besides: int = 0
) -> list[asyncpg.Record]:
    """Take the turn, end the other rows that are over for good, and return all rows. In a transaction, which keeps the turn."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", SHARING_LOCK)
    rows = await connection.fetch(ROWS)
    gone = [owner for row in rows if (owner := _gone(row["owner"])) is not None]
    others = [row["id"] for row in rows if row["id"] != besides]
    if others and await connection.fetch(_END_OVER, others, gone):
        rows = await connection.fetch(ROWS)
    return rows


def _spread(rows: Sequence[asyncpg.Record], own: asyncpg.Record) -> tuple[Balance, int]:
    """Return how the shards are spread, and which are free. A negative surplus is what is missing."""
    live = [row for row in rows if row["live"]]
    mine, held = unsigned(own["shards"]), NO_SHARDS
    for row in live:
        held |= unsigned(row["shards"])
    share = -(-SHARDS // len(live))
    return Balance(len(live), mine, mine.bit_count() - share), ALL_SHARDS & ~held


def signed(shards: int) -> int:
    """Return a set of shards as PostgreSQL's bigint."""
    return shards - (1 << SHARDS) if shards >> SHARDS - 1 else shards


def unsigned(number: int) -> int:
    """Return PostgreSQL's bigint as a set of shards."""
    return number & ALL_SHARDS


def _gone(owner: str | None) -> str | None:
    """Return an owner that was a process of this host and is none any more, or None.

    Two machines of one name could take each other for that. Their sessions and epochs keep them apart all the same.
    """
    host, _, pid = (owner or "").rpartition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return owner
    except (OSError, OverflowError):
        return None
    return None
