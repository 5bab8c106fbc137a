"""Put a backup into an empty database: all of it, or nothing."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator
from graphlib import TopologicalSorter

import asyncpg

from nexgent.infrastructure.backup.archive import Manifest, TableRows, blocks_of, checked, is_part_archive
from nexgent.infrastructure.backup.dump import LEFT_OUT, SESSION, TABLES, Progress, rows_of
from nexgent.infrastructure.backup.errors import DamagedBackupError, ForeignSchemaError, NotEmptyError
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import first_connection, quoted
from nexgent.infrastructure.database.journal.parts import is_part, lay_parts
from nexgent.infrastructure.database.schema.migration import (
    SCHEMA_REVISION,
    current_revision,
    known_revisions,
    migrate,
)

_BORN_WITH_ROWS = frozenset({"engine_lease", "journal_watermark", "notification_progress"})
"""Migrations put a row into them: they say nothing about whether a database is used."""
_REFERENCES = """
SELECT DISTINCT c.relname AS name, p.relname AS referred
FROM pg_constraint JOIN pg_class c ON c.oid = conrelid JOIN pg_class p ON p.oid = confrelid
WHERE contype = 'f' AND c.relnamespace = current_schema()::regnamespace AND conrelid <> confrelid
"""


async def restore(
    database_url: str, archive: zipfile.ZipFile, manifest: Manifest, *, progress: Progress | None = None
) -> None:
    """Read the backup once from end to end, then put it into the database, and bring that to the present schema.

    Raises `DamagedBackupError`, `ForeignSchemaError`, `NotEmptyError` (nothing is changed then but that an empty database may
    have got its tables) and `UnavailableError`.
    """
    if is_part_archive(manifest):
        raise ForeignSchemaError(
            "The file holds one part of the journal: `nexgent journal restore` takes it."
        )
    if manifest.schema_revision not in known_revisions():
        raise ForeignSchemaError(
            f"The backup has schema {manifest.schema_revision} and this nexgent knows those up to {SCHEMA_REVISION}: "
            f"use the nexgent it was taken with ({manifest.version}) or a newer one."
        )
    checked(archive, manifest)
    revision = await current_revision(database_url)
    if revision is None:
        await migrate(database_url, manifest.schema_revision)
    await _fill(database_url, archive, manifest, progress)
    await migrate(database_url)


async def _fill(
    database_url: str, archive: zipfile.ZipFile, manifest: Manifest, progress: Progress | None
) -> None:
    connection = await first_connection(database_url, command_timeout=None)
    try:
        with translated_errors("restore the backup"):
            async with connection.transaction():
                for setting in SESSION:
                    await connection.execute(setting)
                columns = {row["name"]: tuple(row["columns"]) for row in await connection.fetch(TABLES)}
                # Whoever writes waits, and finds it full or empty, never in between.
                await connection.execute(f"LOCK TABLE {quoted(*columns)} IN ACCESS EXCLUSIVE MODE")
                await _require_empty(connection, columns)
                if any(map(is_part, columns)):
                    await lay_parts(connection, [t.name for t in manifest.tables if is_part(t.name)])
                    columns = {row["name"]: tuple(row["columns"]) for row in await connection.fetch(TABLES)}
                await _require_schema(connection, manifest, columns)
                await _copy_all(connection, archive, manifest, progress)
    finally:
        connection.terminate()


async def _require_empty(
    connection: asyncpg.Connection[asyncpg.Record], columns: dict[str, tuple[str, ...]]
) -> None:
    used = [
        name
        for name in columns
        if name not in _BORN_WITH_ROWS
        and name != "alembic_version"
        and await connection.fetchval(f"SELECT EXISTS (TABLE {quoted(name)})")
    ]
    if used:
        raise NotEmptyError(
            f"The database is not empty: there are rows in {', '.join(used[:5])}{' and others' if len(used) > 5 else ''}. "
            "A backup is restored into an empty database only; nothing was changed."
        )


async def _require_schema(
    connection: asyncpg.Connection[asyncpg.Record], manifest: Manifest, columns: dict[str, tuple[str, ...]]
) -> None:
    revision = await connection.fetchval("SELECT version_num FROM alembic_version")
    if revision != manifest.schema_revision:
        raise ForeignSchemaError(
            f"The database is empty and has tables of schema {revision}, the backup those of {manifest.schema_revision}: "
            "restore into a database without tables."
        )
    expected = {table.name: set(table.columns) for table in manifest.tables}
    present = {name: set(names) for name, names in columns.items() if name not in LEFT_OUT}
    if expected != present:
        odd = sorted(
            name for name in expected.keys() | present.keys() if expected.get(name) != present.get(name)
        )
        raise DamagedBackupError(f"The backup and schema {revision} differ in tables: {', '.join(odd)}.")


async def _copy_all(
    connection: asyncpg.Connection[asyncpg.Record],
    archive: zipfile.ZipFile,
    manifest: Manifest,
    progress: Progress | None,
) -> None:
    tables = {table.name: table for table in manifest.tables}
    # Sums are in the backup as well: the triggers that keep them would add everything up a second time.
    for name in tables:
        await connection.execute(f"ALTER TABLE {quoted(name)} DISABLE TRIGGER USER")
    # An older schema does not have all of them.
    born = _BORN_WITH_ROWS & (tables.keys() | LEFT_OUT)
    await connection.execute(f"TRUNCATE {quoted(*sorted(born))}")
    for name in await _in_order(connection, tables):
        await _copy(connection, archive, tables[name])
        if progress is not None:
            progress(name, tables[name].rows)
    for name, last in manifest.sequences.items():
        await connection.execute("SELECT setval(quote_ident($1)::regclass, $2)", name, last)
    for name in tables:
        await connection.execute(f"ALTER TABLE {quoted(name)} ENABLE TRIGGER USER")


async def _copy(
    connection: asyncpg.Connection[asyncpg.Record], archive: zipfile.ZipFile, table: TableRows
) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        for block in blocks_of(archive, table):
            yield block
            await asyncio.sleep(0)

    try:
        status = await connection.copy_to_table(
            table.name, source=blocks(), columns=list(table.columns), encoding="utf-8"
        )
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        raise DamagedBackupError(
            f"The rows of {table.name} in the backup do not fit ({type(error).__name__}); nothing was changed."
        ) from error
    if rows_of(status) != table.rows:
        raise DamagedBackupError(
            f"{table.name} has {rows_of(status)} rows in the backup and should have {table.rows}; nothing was changed."
        )


async def _in_order(
    connection: asyncpg.Connection[asyncpg.Record], tables: dict[str, TableRows]
) -> list[str]:
    """Return the tables, those that others refer to first."""
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(tables, ()))
    for row in await connection.fetch(_REFERENCES):
        if row["name"] in tables and row["referred"] in tables:
            order.add(row["name"], row["referred"])
    return list(order.static_order())
