"""`nexgent restore FILE`: a backup into an empty database, and the books verified."""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, cast

from nexgent.bootstrap.storage import open_storage
from nexgent.cli import exit_codes
from nexgent.cli.backup import contents, document_of, told
from nexgent.cli.passphrases import typed
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings
from nexgent.infrastructure.backup import remote
from nexgent.infrastructure.backup.archive import Manifest, checked, opened
from nexgent.infrastructure.backup.errors import DamagedBackupError
from nexgent.infrastructure.backup.restore import restore
from nexgent.infrastructure.backup.sealed import SealedReader, is_sealed
from nexgent.infrastructure.database.journal.comparison import VerifyReport
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.shared.errors import InvalidInputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", metavar="FILE", help="a file or an address of `nexgent backup`")
    parser.add_argument(
        "--check", action="store_true", help="only read the backup from end to end and tell what it holds"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = (
        "Into the database of DATABASE_URL, or a new data folder (NEXGENT_DATA_DIR), while no service runs on it: it must "
        "be empty. Everything is restored or nothing; then the schema is brought up to date and the books are verified. "
        "The passphrase of an encrypted backup is asked for, or a line of standard input. Stop the service that the "
        "backup was taken of for good before another one trades with the same live wallets; API keys, webhooks and "
        "passwords are those of the backup, also what was revoked since; everybody logs in again. Exit code 1: the backup "
        "is damaged, or the restored books do not balance. 2: the file is not there, or the passphrase is wrong. 3: the "
        "database cannot be used, is not empty, or the backup is of a newer nexgent."
    )


def run(arguments: argparse.Namespace) -> int:
    """Check or restore, and say what was done."""
    settings = load_settings(level="error")
    try:
        with opened_backup(arguments.file) as (archive, manifest):
            if arguments.check:
                checked(archive, manifest)
                return _say(arguments, manifest, f"The backup is whole: {contents(manifest)}.", None)
            report = run_async(_restore(settings, archive, manifest))
    except DamagedBackupError as error:
        print(error.message, file=sys.stderr)
        return exit_codes.FAILURE
    if report.is_clean:
        return _say(arguments, manifest, f"Restored {contents(manifest)}. The books balance.", report)
    _say(arguments, manifest, f"Restored {contents(manifest)}.", report)
    print("The books do not balance; `nexgent verify` shows the differences.", file=sys.stderr)
    return exit_codes.FAILURE


async def _restore(settings: Settings, archive: zipfile.ZipFile, manifest: Manifest) -> VerifyReport:
    async with open_storage(settings.storage, join_running=True) as storage:
        progress = told if sys.stderr.isatty() else None
        await restore(storage.database_url, archive, manifest, progress=progress)
        return await verify(storage.database_url, everything=True)


@contextmanager
def opened_backup(name: str, passphrase: str | None = None) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """Yield what is in a file; the passphrase of one that is encrypted is asked for where it is not given."""
    with _source(name) as file:
        source: IO[bytes] = file
        if is_sealed(file):
            source = cast("IO[bytes]", SealedReader(file, passphrase or typed("Passphrase: ")))
        archive, manifest = opened(source)
        with archive:
            yield archive, manifest


def _source(name: str) -> AbstractContextManager[IO[bytes]]:
    if remote.is_address(name):
        return remote.read(name)
    path = Path(name).expanduser()
    if not path.is_file():
        raise InvalidInputError(f"There is no file {path}.")
    return path.open("rb")


def _say(arguments: argparse.Namespace, manifest: Manifest, words: str, report: VerifyReport | None) -> int:
    if arguments.json:
        clean = {} if report is None else {"clean": report.is_clean}
        print(json.dumps({**document_of(manifest), **clean}))
    else:
        print(words)
    return exit_codes.OK
