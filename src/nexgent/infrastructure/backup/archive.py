"""What a backup looks like: a ZIP file with `tables/NAME.copy` as PostgreSQL's COPY writes them, and `manifest.json` at its end.

Everybody can look into it with tools they have. The manifest says what has to be there, to the row.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import IO

import msgspec

from nexgent.infrastructure.backup.errors import DamagedBackupError, ForeignSchemaError
from nexgent.infrastructure.database.journal.parts import is_part

FORMAT = 1
_BLOCK_BYTES = 1 << 18
# What zipfile raises of a damaged file, depending on where it is damaged.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
)
MANIFEST = "manifest.json"


class TableRows(msgspec.Struct, frozen=True, rename="camel"):
    """What a backup has of one table: its columns in the order of the rows, and how many rows."""

    name: str
    columns: tuple[str, ...]
    rows: int

    @property
    def member(self) -> str:
        """The name of its rows in the archive."""
        return f"tables/{self.name}.copy"


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What a backup holds."""

    format: int
    version: str
    """Of nexgent."""
    schema_revision: str
    taken_at: datetime
    tables: tuple[TableRows, ...]
    sequences: dict[str, int]
    """The last number each has given; those that have given none are not named."""

    @property
    def rows(self) -> int:
        """How many there are in all."""
        return sum(table.rows for table in self.tables)


def is_part_archive(manifest: Manifest) -> bool:
    """Tell whether a file holds one part of the journal and nothing else."""
    return len(manifest.tables) == 1 and is_part(manifest.tables[0].name)


def opened(source: IO[bytes]) -> tuple[zipfile.ZipFile, Manifest]:
    """Return the archive in a file, and what it holds. Raises `DamagedBackupError`, `ForeignSchemaError`."""
    try:
        archive = zipfile.ZipFile(source)
        document = archive.read(MANIFEST)
    except (KeyError, *_UNREADABLE):
        raise DamagedBackupError("The file is not a backup of nexgent, or it is cut off.") from None
    try:
        kind = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
        if kind.get("format", msgspec.Raw()) != msgspec.Raw(str(FORMAT).encode()):
            raise ForeignSchemaError(
                "The backup was written by a newer nexgent, in a format this one does not know."
            )
        return archive, msgspec.json.decode(document, type=Manifest)
    except msgspec.DecodeError:
        raise DamagedBackupError("What the backup says about itself cannot be read.") from None


def checked(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Read everything once and compare it with what was written. Raises `DamagedBackupError`."""
    missing = [table.name for table in manifest.tables if table.member not in archive.NameToInfo]
    if missing:
        raise DamagedBackupError(f"The backup lacks tables: {', '.join(missing)}.")
    for table in manifest.tables:
        for _ in blocks_of(archive, table):
            pass


def blocks_of(archive: zipfile.ZipFile, table: TableRows) -> Iterator[bytes]:
    """Yield the rows of a table as they stand in a file, in pieces. Raises `DamagedBackupError`."""
    try:
        with archive.open(table.member) as member:
            while block := member.read(_BLOCK_BYTES):
                yield block
    except (KeyError, *_UNREADABLE):
        raise DamagedBackupError(f"The backup is damaged: {table.member} cannot be read.") from None
