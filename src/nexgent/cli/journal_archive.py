"""`nexgent journal archive | verify | restore`: parts of the journal that are over, in files."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from nexgent.cli import exit_codes
from nexgent.cli.backup import target_file
from nexgent.cli.books import existing_books
from nexgent.cli.passphrases import new_passphrase
from nexgent.cli.restore import opened_backup
from nexgent.cli.tables import line_width, table
from nexgent.config.settings import Settings
from nexgent.infrastructure.backup import remote
from nexgent.infrastructure.backup.errors import DamagedBackupError
from nexgent.infrastructure.backup.part_archive import (
    Archive,
    PartStaysError,
    Plan,
    bring_back,
    check_file,
    part_in,
    plan,
    put_away,
    write_part,
)
from nexgent.infrastructure.backup.sealed import SealedWriter
from nexgent.infrastructure.database.journal.part_check import check_parts
from nexgent.infrastructure.database.journal.parts import label_of
from nexgent.infrastructure.database.journal.stream_fold import Difference
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import InvalidInputError


async def archive_command(arguments: argparse.Namespace, settings: Settings) -> int:
    """Put a part into a file, read that again, and remove the part; say what was done."""
    async with existing_books(settings.storage) as storage:
        url, part = storage.database_url, arguments.part
        planned = await plan(url, part)
        file = file_for(arguments.to, part)
        if arguments.dry_run:
            _show_plan(planned, file, as_json=arguments.json)
            return exit_codes.OK if planned.obstacle is None else exit_codes.FAILURE
        if planned.obstacle is not None:
            raise PartStaysError(planned.obstacle)
        (report,) = await check_parts(url, [part])
        if report.differences:
            return _told(part, report.differences)
        passphrase = new_passphrase() if arguments.encrypt else None
        # What a command left that was ended meanwhile is as good as what it would write now: it is read all the same.
        if size_of(file) is None:
            with target_file(file) as opened, ExitStack() as ends:
                target = opened
                if passphrase is not None:
                    target = cast("IO[bytes]", ends.enter_context(SealedWriter(opened, passphrase)))
                await write_part(url, part, target, now=SystemClock().now())
        try:
            with opened_backup(file, passphrase) as (archive, manifest):
                if part_in(manifest) != part:
                    raise DamagedBackupError(f"{remote.shown(file)} holds another part.")
                checked = await check_file(url, archive, manifest)
            if checked.differences:
                return _told(part, checked.differences)
            done = await put_away(
                url, checked, file=remote.shown(file), size=size_of(file) or 0, keep=arguments.keep
            )
        except DamagedBackupError as error:
            return _damaged(error)
    if arguments.json:
        print(json.dumps(document_of(done, planned), default=str))
    else:
        left = (
            "It is still in the database as well."
            if arguments.keep
            else f"{size_text(planned.bytes)} are free."
        )
        print(
            f"{label_of(part)}: {done.entries} entries of {done.streams} wallets are in {done.file} ({size_text(done.bytes)}), "
            f"which was read again and is in order. {left}"
        )
    return exit_codes.OK


async def verify_command(arguments: argparse.Namespace, settings: Settings) -> int:
    """Check a file against what is kept of its part, and say what was found."""
    async with existing_books(settings.storage) as storage:
        try:
            with opened_backup(arguments.file) as (archive, manifest):
                found = await check_file(storage.database_url, archive, manifest)
        except DamagedBackupError as error:
            return _damaged(error)
    if found.differences:
        return _told(found.part, found.differences)
    if arguments.json:
        print(json.dumps({"part": label_of(found.part), "entries": found.entries, "wallets": found.streams}))
    else:
        print(f"{label_of(found.part)}: {found.entries} entries of {found.streams} wallets, in order")
    return exit_codes.OK


async def restore_command(arguments: argparse.Namespace, settings: Settings) -> int:
    """Check a file and attach its part again, check that, and say what was done."""
    async with existing_books(settings.storage) as storage:
        url = storage.database_url
        try:
            with opened_backup(arguments.file) as (archive, manifest):
                found = await check_file(url, archive, manifest)
                if found.differences:
                    return _told(found.part, found.differences)
                back = await bring_back(url, archive, manifest)
        except DamagedBackupError as error:
            return _damaged(error)
        (report,) = await check_parts(url, [back.part])
        if report.differences:
            return _told(back.part, report.differences)
    if arguments.json:
        print(json.dumps(document_of(back), default=str))
    else:
        print(
            f"{label_of(back.part)}: {back.entries} entries are in the journal again, and in order. The file stays."
        )
    return exit_codes.OK


def file_for(place: str, part: str) -> str:
    """Return where a part goes to. Raises `InvalidInputError` for a folder that is not there."""
    name = f"journal-{label_of(part)}.zip"
    if remote.is_address(place):
        return f"{place.rstrip('/')}/{name}"
    folder = Path(place).expanduser().resolve()
    if not folder.is_dir():
        raise InvalidInputError(f"There is no folder {folder}.")
    return str(folder / name)


def size_of(file: str) -> int | None:
    """Return how many bytes a file has, None where there is none."""
    if remote.is_address(file):
        return remote.size(file)
    path = Path(file)
    return path.stat().st_size if path.exists() else None


def archive_rows(archives: Sequence[Archive]) -> list[str]:
    """Return the parts that are in files, for people."""
    rows = [
        (
            label_of(one.part),
            one.entries,
            one.streams,
            size_text(one.bytes),
            f"{one.archived_at:%Y-%m-%d %H:%M}",
            "there as well" if one.dropped_at is None else "archived",
            one.file,
        )
        for one in archives
    ]
    columns = ("part", "entries", "wallets", "file", "written", "state", "where")
    return table(columns, rows, width=line_width())


def document_of(archive: Archive, planned: Plan | None = None) -> dict[str, object]:
    """Return what `--json` says of an archived part."""
    document = dataclasses.asdict(archive)
    document.update(part=label_of(archive.part), digest=archive.digest.hex())
    del document["end_position"]
    if planned is not None:
        document["freed"] = planned.bytes if archive.dropped_at is not None else 0
    return document


def _show_plan(planned: Plan, file: str, *, as_json: bool) -> None:
    if as_json:
        document = {**dataclasses.asdict(planned), "part": label_of(planned.part), "file": remote.shown(file)}
        print(json.dumps(document, default=str))
        return
    span = (
        f", {planned.first_at:%Y-%m-%d} to {planned.last_at:%Y-%m-%d}"
        if planned.first_at and planned.last_at
        else ""
    )
    print(f"{label_of(planned.part)}: {planned.entries} entries of {planned.streams} wallets{span}")
    print(f"would go to {remote.shown(file)} and free {size_text(planned.bytes)}. Nothing was done.")
    if planned.obstacle is not None:
        print(planned.obstacle, file=sys.stderr)


def _told(part: str, differences: Sequence[Difference]) -> int:
    rows = [(one.wallet_address, one.subject, one.problem) for one in differences]
    print(f"{label_of(part)} is not in order; nothing was changed:", file=sys.stderr)
    print("\n".join(table(("wallet", "what", "problem"), rows, width=line_width())), file=sys.stderr)
    return exit_codes.FAILURE


def _damaged(error: DamagedBackupError) -> int:
    print(error.message, file=sys.stderr)
    return exit_codes.FAILURE


def size_text(count: int) -> str:
    """Return a number of bytes for people."""
    return f"{count / 1e6:.1f} MB"
