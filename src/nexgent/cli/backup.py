"""`nexgent backup FILE`: everything the database holds, of one moment, as one file."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from nexgent.cli import exit_codes
from nexgent.cli.books import existing_books
from nexgent.cli.passphrases import new_passphrase
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings
from nexgent.infrastructure.backup import remote
from nexgent.infrastructure.backup.archive import Manifest
from nexgent.infrastructure.backup.dump import back_up
from nexgent.infrastructure.backup.sealed import SealedWriter
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import InvalidInputError

STANDARD_OUTPUT = "-"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="where to: a file, or an address such as s3://bucket/name; it must not exist yet. - for standard output",
    )
    parser.add_argument(
        "--encrypt",
        action="store_true",
        help="encrypt with a passphrase, which is asked for, or a line of standard input",
    )
    parser.add_argument("--json", action="store_true", help="print what the backup holds as JSON")
    parser.epilog = (
        "Users, agents, rules, the whole journal, all tables, charts, and the encrypted wallet keys: as they are at the "
        "moment the command begins, while the service trades on. Not in it: settings and secrets of the environment "
        "(.env; keep JWT_SECRET and wallets given there apart), sessions, and what Redis holds, which are copies. "
        "An address needs the extra nexgent[s3] (others: fsspec and what the store needs) and takes keys from the environment "
        "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL). "
        "`nexgent restore --check FILE` reads a backup once and tells what it holds. Exit code 3: the database or the "
        "file cannot be used; an unfinished file is removed."
    )


def run(arguments: argparse.Namespace) -> int:
    """Take the backup and say what is in it."""
    passphrase = new_passphrase() if arguments.encrypt else None
    settings = load_settings(level="error")
    with target_file(arguments.file) as file, ExitStack() as ends:
        target = file
        if passphrase is not None:
            target = cast("IO[bytes]", ends.enter_context(SealedWriter(file, passphrase)))
        manifest = run_async(_back_up(settings, target))
    # Standard output may be the backup itself.
    where = sys.stderr if arguments.file == STANDARD_OUTPUT else sys.stdout
    if arguments.json:
        print(json.dumps(document_of(manifest)), file=where)
    else:
        print(f"Backed up {contents(manifest)}.", file=where)
    return exit_codes.OK


async def _back_up(settings: Settings, target: IO[bytes]) -> Manifest:
    async with existing_books(settings.storage) as storage:
        return await back_up(
            storage.database_url,
            target,
            now=SystemClock().now(),
            progress=told if sys.stderr.isatty() else None,
        )


@contextmanager
def target_file(name: str) -> Iterator[IO[bytes]]:
    """Yield where to write. A file appears under its name when it is whole and on the disk, readable by its owner only."""
    if name == STANDARD_OUTPUT:
        if sys.stdout.isatty():
            raise InvalidInputError("A backup is not for a terminal: name a file, or send it on with | or >.")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if remote.is_address(name):
        with remote.written(name) as file:
            yield file
        return
    path = Path(name).expanduser()
    if path.exists():
        raise InvalidInputError(f"{path} exists already; choose another name. Nothing was done.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def told(table: str, rows: int) -> None:
    """Say that a table is done."""
    print(f"  {table}: {rows:,} rows".replace(",", " "), file=sys.stderr)


def contents(manifest: Manifest) -> str:
    """Return in words what a backup holds."""
    moment = manifest.taken_at.isoformat(timespec="seconds")
    return (
        f"{len(manifest.tables)} tables with {manifest.rows} rows as of {moment} "
        f"(schema {manifest.schema_revision}, nexgent {manifest.version})"
    )


def document_of(manifest: Manifest) -> dict[str, object]:
    """Return the document of `--json`."""
    return {
        "takenAt": manifest.taken_at.isoformat(),
        "version": manifest.version,
        "schemaRevision": manifest.schema_revision,
        "rows": manifest.rows,
        "tables": {table.name: table.rows for table in manifest.tables},
    }
