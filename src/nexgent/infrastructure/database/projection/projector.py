"""Apply the journal to the read tables: in order, in batches, as often and in as many processes as anybody likes."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

import asyncpg
import structlog

from nexgent.domain.ledger.models import Entry
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.journal.archived import baseline, entries_for
from nexgent.infrastructure.database.journal.codec import CorruptEntryError, decode_entry
from nexgent.infrastructure.database.journal.parts import POSITIONS_A_MONTH
from nexgent.infrastructure.database.pool import PROJECTOR, LazyPool
from nexgent.infrastructure.database.projection.project import Projection, project
from nexgent.infrastructure.database.projection.sql import (
    Connection,
    Prepared,
    lock_owners,
    prepared,
    write_changes,
    write_streams,
)
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import AgentId, WalletAddress

log = structlog.get_logger(__name__)

PROJECTOR_LOCK = 6_271_830_003
DEFAULT_LIMIT = 1_000
"""How many entries are a batch at most. With a quarter of it each takes a third longer: what comes between is written as well."""
FIRST_LIMIT = 250
"""How many are the first batch at most: tables are behind by at least as long as a batch takes."""
CATCH_UP_SECONDS = 30.0
_BATCH_TIMEOUT_SECONDS = 60.0
_REBUILD_TIMEOUT_SECONDS = 600.0
_BUSY_PAUSE_SECONDS = 0.005
_MAX_ERROR_LENGTH = 2_000
# What is written meanwhile waits for a share of it between two statements.
_SHARE = 20

NEXT = """
SELECT id, entry_id, wallet_address, agent_id, seq, at, kind, postings, body FROM journal
WHERE id > $1 ORDER BY id LIMIT $2
"""
"""Reads the lines behind a position, in order. Arguments: the position, how many at most."""
_HISTORY = """
SELECT id, entry_id, wallet_address, agent_id, seq, at, kind, postings, body FROM journal
WHERE wallet_address = $1 AND id <= $2 ORDER BY seq
"""
# Of what happened before the journal begins the rows are all there is.
_EMPTIED = "UPDATE agent_balances SET balance_raw = 0, balance = '0' WHERE wallet_address = $1"
_FAILED = """
INSERT INTO projection_failures (journal_id, wallet_address, agent_id, seq, kind, error)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (journal_id) DO NOTHING
"""
_STRAY_INTENTS = "DELETE FROM trade_intents WHERE wallet_address = $1 AND id <> ALL($2)"
_STRAY_OPEN_INTENTS = f"{_STRAY_INTENTS} AND status IN ('intended', 'submitted')"
# Within a month positions follow each other, but for those that were drawn and not written; from one to the next they jump.
_BACKLOG = """
SELECT mark.position, newest.head,
       CASE WHEN newest.head / $1::bigint = mark.position / $1::bigint THEN greatest(newest.head - mark.position, 0)
            ELSE (SELECT count(*) FROM journal WHERE id > mark.position) END AS entries,
       (SELECT at FROM journal WHERE id > mark.position ORDER BY id LIMIT 1) AS oldest_at,
       (SELECT count(*) FROM projection_failures) AS failures,
       (SELECT coalesce(array_agg(DISTINCT wallet_address ORDER BY wallet_address), '{}') FROM projection_failures) AS failed
FROM journal_watermark AS mark, (SELECT coalesce(max(id), 0) AS head FROM journal) AS newest
"""


# What the tables do not take.
_REFUSED = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, asyncpg.SyntaxOrAccessError)


class _Way(Enum):
    """How a batch is written, the quickest first."""

    COPIED = auto()
    """Its rows are new, and what they refer to is there: nearly always."""
    MERGED = auto()
    """An intent that failed is tried again under its id, or a transaction was removed that a closed trade refers to."""
    ONE_BY_ONE = auto()
    """There is an entry the tables do not take."""


class TablesBehindError(UnavailableError):
    """The tables do not contain what is in the journal yet."""

    code = "TABLES_BEHIND"


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far the tables are behind the journal. `oldest_at` is the time of the oldest entry not in the tables yet."""

    position: int
    head: int
    entries: int
    """How many are not in the tables yet, about: positions that were drawn for nothing may be among them."""
    oldest_at: datetime | None
    failures: int
    failed: tuple[WalletAddress, ...] = ()
    """Wallets whose rows lack an entry or cannot be read, until they are rebuilt."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the journal; `entry` is None when it cannot be read, for the reason `problem`."""

    row: asyncpg.Record
    entry: Entry | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Batch:
    """The lines that follow the position `after`. Lines never change, so a batch stays right as long as that is the watermark.

    `ready` is what they change, with nobody's lines left out.
    """

    after: int
    rows: Sequence[asyncpg.Record]
    lines: Sequence[_Line]
    ready: Prepared


class Projector:
    """Keeps the read tables up to date.

    A batch is one transaction: lock, watermark, rows, new watermark. So nothing is applied twice and nothing left out,
    however often `project` is called. Raises `UnavailableError` when PostgreSQL is away; the next call carries on.
    """

    def __init__(self, database_url: str) -> None:
        self._pool = LazyPool(database_url, PROJECTOR)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    async def project(self, limit: int = DEFAULT_LIMIT, read_before: _Batch | None = None) -> int:
        """Apply the next entries, at most `limit`; return how many. 0 when there are none or another process is at it.

        `read_before` is what `project_all` has read ahead; it is used if it is still what comes next.
        """
        pool = await self._pool.get()
        with translated_errors("project the journal"):
            async with asyncio.timeout(_BATCH_TIMEOUT_SECONDS), pool.acquire() as connection:
                try:
                    return await self._project(connection, limit, read_before, _Way.COPIED)
                except _REFUSED as error:
                    log.debug("projector.batch_not_new", error=type(error).__name__)
                try:
                    return await self._project(connection, limit, read_before, _Way.MERGED)
                except _REFUSED as error:
                    log.warning("projector.batch_failed", error=type(error).__name__)
                return await self._project(connection, limit, read_before, _Way.ONE_BY_ONE)

    async def project_in(
        self, connection: asyncpg.Connection[asyncpg.Record], limit: int = DEFAULT_LIMIT
    ) -> int:
        """Apply the next entries inside the caller's transaction, its own ones among them; return how many.

        The caller holds `PROJECTOR_LOCK`, so that nobody else is at it. Raises what asyncpg raises: an entry the tables do not
        take is not set apart, as the caller has only to give up.
        """
        return await self._project(connection, limit, None, _Way.MERGED)

    async def project_all(self, limit: int = DEFAULT_LIMIT, within_seconds: float = math.inf) -> int:
        """Apply batch after batch until nothing is left, beginning none after `within_seconds`; return how many entries.

        It also ends while another process is at it: whoever needs what is in the tables afterwards calls `catch_up`.

        Batches begin small and double as long as they are full: what has just come is there soon, and a long backlog takes few
        of them. The next one is read, decoded and made ready to be written while PostgreSQL writes the present one.
        """
        deadline = time.monotonic() + within_seconds
        total = 0
        size = min(limit, FIRST_LIMIT)
        ahead = asyncio.create_task(self._read_ahead(None, size))
        try:
            while True:
                batch = await ahead
                if not batch.rows:
                    return total
                if len(batch.rows) == size:
                    size = min(limit, 2 * size)
                ahead = asyncio.create_task(self._read_ahead(batch.rows[-1]["id"], size))
                count = await self.project(limit, batch)
                if count == 0:
                    return total
                total += count
                if time.monotonic() >= deadline:
                    return total
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def project_until(self, position: int, timeout_seconds: float = 2.0) -> bool:
        """Return True as soon as the tables contain the journal up to `position`, False when time runs out.

        Does the work itself unless another process is already doing it.
        """
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            try:
                if await self.position() >= position:
                    return True
                worked = await self.project() > 0
            except UnavailableError:
                worked = False
            if asyncio.get_running_loop().time() >= deadline:
                return False
            if not worked:
                await asyncio.sleep(_BUSY_PAUSE_SECONDS)

    async def catch_up(self, timeout_seconds: float = CATCH_UP_SECONDS) -> None:
        """Return when the tables contain everything that is in the journal now, whichever process writes it.

        Raises `TablesBehindError` when time runs out, `UnavailableError` when PostgreSQL is away.
        """
        head = (await self.backlog()).head
        if not await self.project_until(head, timeout_seconds):
            raise TablesBehindError("The tables are behind the journal; try again shortly")

    async def position(self) -> int:
        """Return the position up to which the tables contain the journal."""
        pool = await self._pool.get()
        with translated_errors("read the watermark"):
            position: int = await pool.fetchval("SELECT position FROM journal_watermark")
            return position

    async def backlog(self) -> Backlog:
        """Return how far the tables are behind."""
        pool = await self._pool.get()
        with translated_errors("read the watermark"):
            row = await pool.fetchrow(_BACKLOG, POSITIONS_A_MONTH)
        if row is None:
            raise AssertionError("there is always one watermark")
        return Backlog(
            row["position"],
            row["head"],
            row["entries"],
            row["oldest_at"],
            row["failures"],
            tuple(row["failed"]),
        )

    async def rebuild(self, wallet: WalletAddress) -> int:
        """Write a wallet's rows anew from its history and forget its failures; return the number of entries.

        Repairs a wallet one of whose entries could not be projected, or whose rows somebody has changed. Whoever projects
        waits meanwhile; the engine decides from memory, and marks of positions stay. Raises `CorruptEntryError` for an entry
        that cannot be read and the driver's error for one the tables do not take: then nothing is changed. Where the first
        entries are archived, balances, positions and open intents are written from what they had come to, and rows of
        what happened there stay as they are. Raises `JournalArchivedError` where that cannot be read.
        """
        pool = await self._pool.get()
        with translated_errors("rebuild a wallet"):
            async with (
                asyncio.timeout(_REBUILD_TIMEOUT_SECONDS),
                pool.acquire() as connection,
                connection.transaction(),
            ):
                await connection.execute("SELECT pg_advisory_xact_lock($1)", PROJECTOR_LOCK)
                position = await connection.fetchval("SELECT position FROM journal_watermark")
                rows = await connection.fetch(_HISTORY, wallet, position)
                entries = [decode_entry(row) for row in rows]
                known = await baseline(connection, wallet)
                before = entries_for(known.folded.state) if known is not None and known.folded.state else []
                live = await lock_owners(
                    connection, {(e.wallet_address, e.agent_id) for e in (*before, *entries)}
                )
                await connection.execute(
                    "DELETE FROM agent_balances WHERE wallet_address = $1" if known is None else _EMPTIED,
                    wallet,
                )
                await connection.execute("DELETE FROM agent_positions WHERE wallet_address = $1", wallet)
                await connection.execute("DELETE FROM projection_failures WHERE wallet_address = $1", wallet)
                changes = project(
                    entry for entry in (*before, *entries) if (entry.wallet_address, entry.agent_id) in live
                )
                await connection.execute(
                    _STRAY_INTENTS if known is None else _STRAY_OPEN_INTENTS, wallet, list(changes.intents)
                )
                await write_changes(connection, prepared(changes, merged=True), again=True)
        log.info("projector.wallet_rebuilt", wallet_address=wallet, entries=len(entries))
        return len(entries)

    async def _project(
        self, connection: Connection, limit: int, read_before: _Batch | None, way: _Way
    ) -> int:
        async with connection.transaction():
            # The watermark is read by a statement of its own: one that began before the lock was granted would see the
            # state before the last holder's commit.
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", PROJECTOR_LOCK):
                return 0
            position = await connection.fetchval("SELECT position FROM journal_watermark")
            batch = read_before
            if batch is None or batch.after != position:
                batch = await _read_batch(connection, position, limit)
            rows, lines = batch.rows, batch.lines
            if not rows:
                return 0
            owners = {(WalletAddress(row["wallet_address"]), AgentId(row["agent_id"])) for row in rows}
            live = await lock_owners(connection, owners)
            for wallet, agent_id in owners - live:
                log.info("projector.owner_gone", wallet_address=wallet, agent_id=str(agent_id))
            current = [line for line in lines if (line.row["wallet_address"], line.row["agent_id"]) in live]
            broken = [line for line in current if line.entry is None]
            if way is _Way.ONE_BY_ONE:
                await self._write_each(connection, current)
            else:
                ready = batch.ready
                if len(current) != len(lines) or way is _Way.MERGED:
                    changes = project(line.entry for line in current if line.entry is not None)
                    ready = prepared(changes, merged=way is _Way.MERGED)
                await write_changes(connection, ready)
                for line in broken:
                    await _record_failure(connection, line, line.problem)
            await write_streams(
                connection,
                {
                    WalletAddress(row["wallet_address"]): (AgentId(row["agent_id"]), row["seq"])
                    for row in rows
                },
            )
            await connection.execute("UPDATE journal_watermark SET position = $1", rows[-1]["id"])
            return len(rows)

    async def _read_ahead(self, after: int | None, limit: int) -> _Batch:
        pool = await self._pool.get()
        with translated_errors("project the journal"):
            async with pool.acquire() as connection:
                if after is None:
                    after = await connection.fetchval("SELECT position FROM journal_watermark")
                return await _read_batch(connection, after, limit)

    async def _write_each(self, connection: Connection, lines: Sequence[_Line]) -> None:
        for line in lines:
            if line.entry is None:
                await _record_failure(connection, line, line.problem)
                continue
            try:
                async with connection.transaction():
                    await write_changes(connection, prepared(project([line.entry]), merged=True))
            except _REFUSED as error:
                await _record_failure(connection, line, f"{type(error).__name__}: {error}")


async def _read_batch(connection: Connection, after: int, limit: int) -> _Batch:
    """Read what follows a position and make it ready to be written, with pauses for whoever shares the event loop."""
    rows = await connection.fetch(NEXT, after, limit)
    lines: list[_Line] = []
    projection = Projection()
    for start in range(0, len(rows), _SHARE):
        for line in map(_read, rows[start : start + _SHARE]):
            lines.append(line)
            if line.entry is not None:
                projection.add(line.entry)
        await asyncio.sleep(0)
    return _Batch(after, rows, lines, prepared(projection.changes(), merged=False))


def _read(row: asyncpg.Record) -> _Line:
    try:
        return _Line(row, decode_entry(row))
    except CorruptEntryError as error:
        return _Line(row, None, error.message)


async def _record_failure(connection: Connection, line: _Line, problem: str) -> None:
    """Note an entry the tables cannot take. From now on the wallet's state is folded from its journal, until `rebuild`."""
    row = line.row
    log.error(
        "projector.entry_failed",
        journal_id=row["id"],
        wallet_address=row["wallet_address"],
        kind=row["kind"],
        error=problem,
    )
    await connection.execute(
        _FAILED,
        row["id"],
        row["wallet_address"],
        row["agent_id"],
        row["seq"],
        row["kind"],
        problem[:_MAX_ERROR_LENGTH],
    )
