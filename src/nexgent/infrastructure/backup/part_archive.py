"""Put a part of the journal into a file, and bring it back: a ZIP file as a backup is one, with the rows of one table.

Rows stand wallet by wallet in the order of their streams, so that a file is folded as it is read, in constant memory.
The part leaves the database when its file was read again from end to end and is, to the byte, what the table holds. That it is
gone and that it is archived are one transaction; so are that it is back and that it is archived no longer.
"""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.metadata import version
from itertools import groupby
from typing import IO, Any

import asyncpg
import msgspec
import structlog

from nexgent.infrastructure.backup.archive import (
    FORMAT,
    MANIFEST,
    Manifest,
    TableRows,
    blocks_of,
    is_part_archive,
)
from nexgent.infrastructure.backup.dump import COMPRESSION, SESSION, rows_of
from nexgent.infrastructure.backup.errors import DamagedBackupError, ForeignSchemaError
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import first_connection, quoted
from nexgent.infrastructure.database.journal.checked import Checked
from nexgent.infrastructure.database.journal.lines import LINE_COLUMNS, Line, fields_of, line_of
from nexgent.infrastructure.database.journal.part_check import read_ends, read_starts
from nexgent.infrastructure.database.journal.parts import end_position, label_of, present_parts
from nexgent.infrastructure.database.journal.quick_fold import DoubtfulError, QuickFold
from nexgent.infrastructure.database.journal.stream_fold import Difference, StreamFold
from nexgent.shared.errors import ConflictError, InvalidInputError, UnavailableError
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

STAYS_FOR = timedelta(days=8)
"""So long after its last entry a part stays: hours without a snapshot, and swaps that land late, are looked up there."""
LOCK_SECONDS = 0.1
"""So long whoever appends may have to wait for a part to leave; it is tried again when somebody reads the journal meanwhile."""
LOCK_ATTEMPTS = 100
_LOCK_PAUSE_SECONDS = 0.5
_ARCHIVE_LOCK = 6_271_830_009
COLUMNS = (
    "id",
    "entry_id",
    "wallet_address",
    "agent_id",
    "seq",
    "at",
    "kind",
    "intent_id",
    "position_id",
    "postings",
    "body",
    "epoch",
)
_WALLET = COLUMNS.index("wallet_address")
_LINE = tuple(map(COLUMNS.index, LINE_COLUMNS))
_FIGURES = """
SELECT count(*) AS entries, count(DISTINCT wallet_address) AS streams, min(at) AS first_at, max(at) AS last_at,
       coalesce(max(id), 0) AS last_position, pg_total_relation_size('{part}') AS bytes,
       clock_timestamp() AS now,
       (SELECT last_value FROM journal_id_seq) AS drawn,
       (SELECT position FROM journal_watermark) AS projected,
       (SELECT journal_position FROM notification_progress WHERE EXISTS (SELECT FROM notification_targets)) AS told,
       (SELECT count(*) FROM projection_failures) AS failures,
       EXISTS (SELECT FROM journal WHERE id >= $1) AS goes_on,
       EXISTS (SELECT FROM {part} p JOIN trade_intents i ON i.id = p.intent_id
               WHERE i.status IN ('intended', 'submitted')) AS trades
FROM {part}
"""
_ROWS = f'SELECT {", ".join(COLUMNS)} FROM {{part}} ORDER BY wallet_address COLLATE "C", seq'  # noqa: S608  # nosec B608
_ARCHIVES = "SELECT * FROM journal_archives ORDER BY end_position"
_NOTE = """
INSERT INTO journal_archives (end_position, part, entries, streams, first_at, last_at, digest, file, bytes, archived_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp())
ON CONFLICT (end_position) DO UPDATE SET
    entries = excluded.entries, streams = excluded.streams, first_at = excluded.first_at, last_at = excluded.last_at,
    digest = excluded.digest, file = excluded.file, bytes = excluded.bytes, archived_at = excluded.archived_at
"""
_GONE = "UPDATE journal_archives SET dropped_at = clock_timestamp() WHERE end_position = $1"
_BACK = "UPDATE journal_archives SET dropped_at = NULL WHERE end_position = $1"


class PartStaysError(ConflictError):
    """A part cannot be archived now, or not before another one; or it cannot be brought back before another one."""

    code = "PART_STAYS"


@dataclass(frozen=True, slots=True)
class Archive:
    """A part that was archived. `digest` is of its rows in the file; `dropped_at` is None while it is there as well."""

    end_position: int
    part: str
    entries: int
    streams: int
    first_at: datetime
    last_at: datetime
    digest: bytes
    file: str
    bytes: int
    archived_at: datetime
    dropped_at: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What archiving a part would put away: `bytes` are those of the table with its indexes. `obstacle` says why it cannot be."""

    part: str
    entries: int
    streams: int
    bytes: int
    first_at: datetime | None
    last_at: datetime | None
    obstacle: str | None


@dataclass(slots=True)
class PartFile:
    """What a file was found to hold, and what is not right about it."""

    part: str
    entries: int
    digest: bytes
    streams: int = 0
    differences: list[Difference] = field(default_factory=list)


async def list_archives(database_url: str) -> list[Archive]:
    """Return all parts that were archived, in order. Raises `UnavailableError`."""
    async with _connected(database_url, "read what is archived") as connection:
        return await _archives(connection)


async def plan(database_url: str, part: str) -> Plan:
    """Return what archiving a part would do. Raises `InvalidInputError` for a part that is not there, `UnavailableError`."""
    async with _connected(database_url, "look at a part of the journal") as connection:
        return await _planned(connection, part)


async def write_part(database_url: str, part: str, target: IO[bytes], *, now: datetime) -> bytes:
    """Write the rows of a part into a file; return their digest. Raises `UnavailableError`, and `OSError` of the file."""
    hashed = hashlib.sha256()
    async with _connected(database_url, "archive a part of the journal") as connection:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
            table = TableRows(part, COLUMNS, 0)
            with archive.open(table.member, "w", force_zip64=True) as member:

                async def keep(data: bytes) -> None:
                    hashed.update(data)
                    member.write(data)
                    await asyncio.sleep(0)

                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    revision = await connection.fetchval("SELECT version_num FROM alembic_version")
                    rows = await _copy_out(connection, part, keep)
            table = msgspec.structs.replace(table, rows=rows)
            manifest = Manifest(FORMAT, version("nexgent"), revision, now, (table,), {})
            archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return hashed.digest()


def part_in(manifest: Manifest) -> str:
    """Return the part that a file holds. Raises `DamagedBackupError` for a file that is no archive of a part."""
    if not is_part_archive(manifest):
        raise DamagedBackupError("The file is no archived part of the journal.")
    return manifest.tables[0].name


async def check_file(database_url: str, archive: zipfile.ZipFile, manifest: Manifest) -> PartFile:
    """Fold what a file holds from what streams had come to before it, and hold it against what is kept of its part.

    Raises `DamagedBackupError`, `ForeignSchemaError`, `InvalidInputError` for a part that was never checked here, and
    `UnavailableError`.
    """
    part = part_in(manifest)
    _require_columns(manifest)
    async with _connected(database_url, "check an archived part") as connection:
        starts, ends = await read_starts(connection, part), await read_ends(connection, part)
        known = {one.part: one for one in await _archives(connection)}.get(part)
    if not ends:
        raise InvalidInputError(
            f"Nothing is kept here of the part {label_of(part)}: it is of another database."
        )
    report = PartFile(part, 0, b"")
    hashed = hashlib.sha256()
    rows = (fields_of(row.decode()) for row in _rows_in(archive, manifest, hashed.update))
    try:
        for wallet, of_wallet in groupby(rows, key=lambda row: row[_WALLET]):
            address = WalletAddress(wallet)
            lines = _counted(report, of_wallet)
            report.differences += _differences(address, lines, starts.get(address), ends.pop(address, None))
            report.streams += 1
            await asyncio.sleep(0)
    except (UnicodeDecodeError, IndexError, ValueError):
        raise DamagedBackupError("The rows in the file cannot be read.") from None
    for wallet, end in ends.items():
        report.differences.append(_difference(wallet, end.seq, "none of its entries is in the file"))
    report.digest = hashed.digest()
    if report.entries != manifest.tables[0].rows:
        raise DamagedBackupError(
            f"The file has {report.entries} entries and should have {manifest.tables[0].rows}."
        )
    if known is not None and known.digest != report.digest and not report.differences:
        raise DamagedBackupError("The rows in the file are not those that were archived.")
    return report


async def put_away(
    database_url: str, checked: PartFile, *, file: str, size: int, keep: bool, attempts: int = LOCK_ATTEMPTS
) -> Archive:
    """Note that a part is in a file, which was checked, and have it leave the database unless it is to be kept.

    Raises `PartStaysError` when it may not leave (any more), `DamagedBackupError` when the table holds something else than the
    file, `UnavailableError`, also when somebody reads the journal all the time.
    """
    part, end = checked.part, end_position(checked.part)
    async with _connected(database_url, "archive a part of the journal") as connection, _alone(connection):
        found = await _planned(connection, part)
        if found.obstacle is not None:
            raise PartStaysError(found.obstacle)
        hashed = hashlib.sha256()

        async def take(data: bytes) -> None:
            hashed.update(data)

        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await _copy_out(connection, part, take)
        if hashed.digest() != checked.digest:
            raise DamagedBackupError("The file is not what the part holds; nothing was removed.")
        await connection.execute(
            _NOTE,
            end,
            part,
            found.entries,
            found.streams,
            found.first_at,
            found.last_at,
            checked.digest,
            file,
            size,
        )
        if not keep:
            await _drop(connection, part, end, attempts)
            log.info("journal.part_archived", part=part, entries=found.entries, file=file)
        return next(one for one in await _archives(connection) if one.part == part)


async def bring_back(database_url: str, archive: zipfile.ZipFile, manifest: Manifest) -> Archive:
    """Attach a part again that was archived, from a file that was checked. All of it, or nothing.

    Raises `PartStaysError` for one that is there, or whose turn it is not, `DamagedBackupError` and `UnavailableError`.
    """
    part = part_in(manifest)
    async with _connected(database_url, "restore a part of the journal") as connection, _alone(connection):
        gone = [one for one in await _archives(connection) if one.dropped_at is not None]
        known = next((one for one in gone if one.part == part), None)
        if known is None:
            raise PartStaysError(f"{label_of(part)} is not archived here: there is nothing to restore.")
        if gone[-1].part != part:
            raise PartStaysError(
                f"Parts come back from the newest on: restore {label_of(gone[-1].part)} first, from {gone[-1].file}."
            )
        hashed = hashlib.sha256()

        async def blocks() -> AsyncIterator[bytes]:
            for block in blocks_of(archive, manifest.tables[0]):
                hashed.update(block)
                yield block
                await asyncio.sleep(0)

        async with connection.transaction():
            for setting in SESSION:
                await connection.execute(setting)
            await connection.execute("SELECT nexgent_add_journal_part($1)", part)
            # Streams end where they do, whatever comes before.
            await connection.execute(f"ALTER TABLE {quoted(part)} DISABLE TRIGGER USER")
            try:
                status = await connection.copy_to_table(
                    part, source=blocks(), columns=list(COLUMNS), encoding="utf-8"
                )
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                raise DamagedBackupError(
                    f"The rows in the file do not fit ({type(error).__name__}); nothing was changed."
                ) from error
            # It may be another file by now than the one that was checked.
            if hashed.digest() != known.digest or rows_of(status) != known.entries:
                raise DamagedBackupError(
                    "The rows in the file are not those that were archived; nothing was changed."
                )
            await connection.execute(f"ALTER TABLE {quoted(part)} ENABLE TRIGGER USER")
            await connection.execute(_BACK, known.end_position)
        await connection.execute(f"ANALYZE {quoted(part)}")
        log.info("journal.part_restored", part=part, entries=known.entries)
        return replace(known, dropped_at=None)


@asynccontextmanager
async def _connected(database_url: str, what: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await first_connection(database_url, command_timeout=None)
    try:
        with translated_errors(what):
            yield connection
    except asyncpg.InsufficientPrivilegeError as error:
        raise PartStaysError(
            "The database's user may not make or remove tables; nothing was changed."
        ) from error
    finally:
        connection.terminate()


@asynccontextmanager
async def _alone(connection: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[None]:
    """Let nobody else archive or restore meanwhile. The lock ends with the connection."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _ARCHIVE_LOCK):
        raise PartStaysError("Another command is archiving or restoring a part.")
    yield


async def _archives(connection: asyncpg.Connection[asyncpg.Record]) -> list[Archive]:
    return [Archive(**row) for row in await connection.fetch(_ARCHIVES)]


async def _planned(connection: asyncpg.Connection[asyncpg.Record], part: str) -> Plan:
    present = sorted(await present_parts(connection), key=end_position)
    if part not in present:
        raise InvalidInputError(f"There is no part {label_of(part)} of the journal.")
    row = await connection.fetchrow(_FIGURES.format(part=quoted(part)), end_position(part))
    assert row is not None
    before = [
        name
        for name in present[: present.index(part)]
        if await connection.fetchval(f"SELECT EXISTS (TABLE {quoted(name)})")
    ]
    return Plan(
        part,
        row["entries"],
        row["streams"],
        row["bytes"],
        row["first_at"],
        row["last_at"],
        _obstacle(part, row, before),
    )


def _obstacle(part: str, row: asyncpg.Record, before: Sequence[str]) -> str | None:
    """Return why a part has to stay, None if it need not."""
    if row["drawn"] < end_position(part):
        return f"{label_of(part)} is not over: entries are written to it."
    if not row["entries"]:
        return f"{label_of(part)} has no entries: there is nothing to archive."
    if before:
        return f"Parts are archived from the oldest on: archive {label_of(before[0])} first."
    if not row["goes_on"]:
        return f"{label_of(part)} has the newest entry, and stays until there is another one."
    if row["now"] - row["last_at"] < STAYS_FOR:
        return (
            f"{label_of(part)} has entries of the last {STAYS_FOR.days} days, which are still looked up: try again on "
            f"{row['last_at'] + STAYS_FOR:%Y-%m-%d}."
        )
    if row["failures"]:
        return "Entries could not be written to the tables: `nexgent verify --repair` first."
    if row["projected"] < row["last_position"]:
        return f"The tables do not contain all of {label_of(part)} yet: does a worker run?"
    if row["told"] is not None and row["told"] < row["last_position"]:
        return f"Notifications have not been made of all of {label_of(part)} yet: does a worker run?"
    if row["trades"]:
        return f"Trades that begin in {label_of(part)} are still under way."
    return None


async def _copy_out(
    connection: asyncpg.Connection[asyncpg.Record],
    part: str,
    take: Callable[[bytes], Coroutine[Any, Any, None]],
) -> int:
    """Hand on the rows of a part as they stand in a file; return how many."""
    for setting in SESSION:
        await connection.execute(setting)
    status = await connection.copy_from_query(_ROWS.format(part=quoted(part)), output=take, encoding="utf-8")
    return rows_of(status)


async def _drop(connection: asyncpg.Connection[asyncpg.Record], part: str, end: int, attempts: int) -> None:
    """Remove a part. Whoever appends waits behind whoever is waited for, so nobody is waited for long."""
    for _ in range(attempts):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {int(LOCK_SECONDS * 1000)}")
                await connection.execute(f"DROP TABLE {quoted(part)}")
                await connection.execute(_GONE, end)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return
    raise UnavailableError(
        f"The journal is being read (a backup, a check?): {label_of(part)} is in its file and has not left the database. "
        "The same command goes on from there."
    )


def _require_columns(manifest: Manifest) -> None:
    if manifest.tables[0].columns != COLUMNS:
        raise ForeignSchemaError(
            f"The file was archived by nexgent {manifest.version} (schema {manifest.schema_revision}), whose entries have other "
            "columns: use that version."
        )


def _rows_in(archive: zipfile.ZipFile, manifest: Manifest, seen: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield the rows of the file, each without the end of its line."""
    rest = b""
    for block in blocks_of(archive, manifest.tables[0]):
        seen(block)
        *rows, rest = (rest + block).split(b"\n")
        yield from rows
    if rest:
        raise DamagedBackupError("The last row of the file is cut off.")


def _counted(report: PartFile, rows: Iterator[list[str]]) -> Iterator[Line]:
    for row in rows:
        report.entries += 1
        yield line_of([row[at] for at in _LINE])


def _differences(
    wallet: WalletAddress, lines: Iterator[Line], start: Checked | None, end: Checked | None
) -> list[Difference]:
    """Fold a wallet's lines; return what is not as it was when the part was checked."""
    if end is None:
        last = [line[2] for line in lines][-1]
        return [_difference(wallet, last, "it had no entries in this part when that was checked")]
    if end.agent_id is not None and (start is None or start.agent_id == end.agent_id):
        fold = QuickFold(wallet, end.agent_id, end)
        try:
            if start is not None:
                fold.go_on_from(start)
            for line in lines:
                fold.add([line])
            state = fold.followed().state
        except DoubtfulError:
            for _ in lines:
                pass
            return [_difference(wallet, end.seq, "entries up to this one are not those that were checked")]
        if state != end.folded.state:
            return [
                _difference(wallet, end.seq, "the entries come to something else than what is kept of them")
            ]
        return []
    closely = StreamFold(wallet, end.agent_id, end.seq)
    closely.checked = end
    if start is not None:
        closely.go_on_behind(start)
    for line in lines:
        closely.add_line(line)
    closely.compare_sums()
    if closely.last_seq != end.seq:
        closely.report(f"entry {closely.last_seq}", "the stream did not end here when it was checked")
    return closely.differences


def _difference(wallet: WalletAddress, seq: int, problem: str) -> Difference:
    return Difference(wallet, f"entry {seq}", problem, None, None, None)
