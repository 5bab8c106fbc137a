"""`nexgent journal`: the parts of the journal, and checking one by itself."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime

from nexgent.cli import exit_codes
from nexgent.cli.books import existing_books
from nexgent.cli.journal_archive import (
    archive_command,
    archive_rows,
    document_of,
    restore_command,
    size_text,
    verify_command,
)
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.tables import line_width, table
from nexgent.config.settings import Settings
from nexgent.infrastructure.backup.part_archive import Archive, list_archives
from nexgent.infrastructure.database.journal.part_check import Part, PartReport, check_parts, list_parts
from nexgent.infrastructure.database.journal.parts import label_of

_LABEL = re.compile(r"(before-)?\d{4}-\d{2}")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--check",
        nargs="*",
        metavar="PART",
        type=part_name,
        help="check parts by themselves (2026-12), or all that are over",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    _add_actions(parser)
    parser.epilog = (
        "Every month of the journal is a part of its own; what was there before there were parts is one, before-YYYY-MM. A "
        "check folds the entries of a part from what every wallet had come to at the end of the one before, so it takes as long "
        "as the part is large, and keeps what they had come to at its end with a digest of all entries up to there. The next "
        "check finds whatever was changed, added or taken away since. A part that is over is checked after those before it; "
        "the one that entries are written to is `nexgent verify`'s alone, and tables are as well. Changes nothing else. Exit "
        "code 0: what was checked is in order. 1: it is not, and the differences are listed. 2: there is no such part, or it "
        "is not over. "
        "`archive` puts the oldest part into a file, reads that again and then removes the part; `verify` and `restore` take "
        "such a file: see `nexgent journal archive --help`."
    )


def _add_actions(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    archive = actions.add_parser("archive", help="put the oldest part, which is over, into a file")
    archive.add_argument("part", metavar="PART", type=part_name, help="2026-12, or before-2026-12")
    archive.add_argument(
        "--to",
        default=".",
        metavar="PLACE",
        help="a folder, or an address such as s3://bucket/folder (the present folder)",
    )
    archive.add_argument(
        "--encrypt",
        action="store_true",
        help="encrypt with a passphrase, which is asked for, or a line of standard input",
    )
    archive.add_argument("--keep", action="store_true", help="leave the part in the database as well")
    archive.add_argument(
        "--dry-run", action="store_true", help="only say what would go, and how much room that makes"
    )
    archive.epilog = (
        "The file is called journal-PART.zip. It is read again from end to end, folded and held against what is kept of the "
        "part and against the table; only then does the part leave. Killed at any moment it leaves the part, or the part and "
        "a file: the same command goes on from there. What stays in the database is what every wallet had come to, with a "
        "digest of all its entries. A part stays for 8 days after its last entry, and as long as the tables do not contain it "
        "or a trade of it is under way. Transactions of an archived part can be listed, exported and explained; they cannot "
        "be edited until it is restored. Exit code 0: done, or it could be. 1: the part or the file is not in order, or with "
        "--dry-run it cannot be archived now. 2: there is no such part. 3: the database or the place cannot be used, or the "
        "part has to stay."
    )
    verify = actions.add_parser("verify", help="check a file of `archive` by itself")
    restore = actions.add_parser("restore", help="check a file of `archive` and attach its part again")
    restore.epilog = "Parts come back from the newest on. All of it comes back, or nothing; the file stays."
    for action in (verify, restore):
        action.add_argument("file", metavar="FILE", help="a file or an address of `nexgent journal archive`")
    for action in (archive, verify, restore):
        action.add_argument("--json", action="store_true", help="print JSON")


def part_name(label: str) -> str:
    """Return the name of a part as people write it (`2026-12`). Raises `ArgumentTypeError`."""
    if _LABEL.fullmatch(label) is None:
        raise argparse.ArgumentTypeError(
            f"{label!r} is no part of the journal; they are called 2026-12 or before-2026-12"
        )
    return f"journal_{label.replace('-', '_')}"


def run(arguments: argparse.Namespace) -> int:
    """List the parts, check some, or put them into files and back."""
    settings = load_settings(level="error")
    match arguments.action:
        case "archive":
            return run_async(archive_command(arguments, settings))
        case "verify":
            return run_async(verify_command(arguments, settings))
        case "restore":
            return run_async(restore_command(arguments, settings))
    return run_async(journal_command(arguments, settings))


async def journal_command(arguments: argparse.Namespace, settings: Settings) -> int:
    """List or check, and print; return the exit code."""
    async with existing_books(settings.storage) as storage:
        if arguments.check is None:
            parts, archives = (
                await list_parts(storage.database_url),
                await list_archives(storage.database_url),
            )
            _show_parts(parts, archives, as_json=arguments.json)
            return exit_codes.OK
        reports = await check_parts(storage.database_url, arguments.check or None)
    _show_reports(reports, as_json=arguments.json)
    return exit_codes.FAILURE if any(one.differences for one in reports) else exit_codes.OK


def _show_parts(parts: Sequence[Part], archives: Sequence[Archive], *, as_json: bool) -> None:
    if as_json:
        files = {one.part: document_of(one) for one in archives}
        documents = [
            {**dataclasses.asdict(part), "name": label_of(part.name), "archive": files.get(part.name)}
            for part in parts
        ]
        documents += [
            {"name": label_of(one.part), "archive": document_of(one)}
            for one in archives
            if one.dropped_at is not None
        ]
        print(json.dumps(documents, default=str))
        return
    rows = [
        (
            label_of(part.name),
            part.entries,
            part.streams,
            size_text(part.bytes),
            _moment(part.first_at),
            _moment(part.last_at),
            "over" if part.is_over else "written to" if part.entries else "to come",
            _moment(part.checked_at),
        )
        for part in parts
    ]
    columns = ("part", "entries", "wallets", "on disk", "first", "last", "state", "in order")
    print("\n".join(table(columns, rows, width=line_width())))
    if archives:
        print()
        print("\n".join(archive_rows(archives)))


def _show_reports(reports: Sequence[PartReport], *, as_json: bool) -> None:
    if as_json:
        documents = [{**dataclasses.asdict(one), "name": label_of(one.name)} for one in reports]
        print(json.dumps(documents, default=str))
        return
    if not reports:
        print("No part is over yet; `nexgent verify` checks the whole journal.")
    for one in reports:
        state = f"{len(one.differences)} differences" if one.differences else "in order"
        print(f"{label_of(one.name)}: {one.entries} entries of {one.streams} wallets, {state}")
        if one.differences:
            rows = [
                (found.wallet_address, found.subject, found.problem, found.journal)
                for found in one.differences
            ]
            print("\n".join(table(("wallet", "what", "problem", "journal"), rows, width=line_width())))
            print("What follows stands on it and was not checked.", file=sys.stderr)


def _moment(at: object) -> str | None:
    return at.isoformat(sep=" ", timespec="minutes") if isinstance(at, datetime) else None
