"""Take a backup: every table of one moment, while everybody goes on writing.

All is read in one transaction that sees the database as it is when it begins. Nobody waits for it.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from typing import IO

import asyncpg
import msgspec

from nexgent.infrastructure.backup.archive import FORMAT, MANIFEST, Manifest, TableRows
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import first_connection

LEFT_OUT = frozenset({"alembic_version", "user_sessions"})
"""The schema has a place of its own. Sessions end with a restore: one that was revoked since would be good again."""

# A table that has parts is its parts.
TABLES = """
SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY c.relname ORDER BY c.relname
"""
_SEQUENCES = """
SELECT sequencename AS name, last_value FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL
"""
# Texts that mean the same wherever they are read.
SESSION = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
)
COMPRESSION = 3
"""Of 9: beyond it a file is a twentieth smaller and takes twice as long."""

Progress = Callable[[str, int], None]
"""Told the name of a table and its rows, when it is done."""


async def back_up(
    database_url: str, target: IO[bytes], *, now: datetime, progress: Progress | None = None
) -> Manifest:
    """Write everything the database holds into a file; return what that is.

    Raises `UnavailableError`, and `OSError` of the file.
    """
    connection = await first_connection(database_url, command_timeout=None)
    try:
        with (
            translated_errors("take a backup"),
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive,
        ):
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                manifest = await _everything(connection, archive, now, progress)
            archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    finally:
        connection.terminate()
    return manifest


async def _everything(
    connection: asyncpg.Connection[asyncpg.Record],
    archive: zipfile.ZipFile,
    now: datetime,
    progress: Progress | None,
) -> Manifest:
    for setting in SESSION:
        await connection.execute(setting)
    revision = await connection.fetchval("SELECT version_num FROM alembic_version")
    tables: list[TableRows] = []
    for row in await connection.fetch(TABLES):
        if row["name"] in LEFT_OUT:
            continue
        table = TableRows(row["name"], tuple(row["columns"]), 0)
        with archive.open(table.member, "w", force_zip64=True) as member:

            async def keep(data: bytes, write: Callable[[bytes], int] = member.write) -> None:
                write(data)
                # Whoever asked for the backup can still end it.
                await asyncio.sleep(0)

            status = await connection.copy_from_table(
                table.name, columns=list(table.columns), output=keep, encoding="utf-8"
            )
        tables.append(msgspec.structs.replace(table, rows=rows_of(status)))
        if progress is not None:
            progress(table.name, tables[-1].rows)
    sequences = {row["name"]: row["last_value"] for row in await connection.fetch(_SEQUENCES)}
    return Manifest(FORMAT, version("nexgent"), revision, now, tuple(tables), sequences)


def rows_of(status: str) -> int:
    """Return how many rows a COPY says it has copied."""
    return int(status.rpartition(" ")[2])
