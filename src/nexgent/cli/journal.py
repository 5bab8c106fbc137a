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
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.tables import line_width, table
from nexgent.config.settings import Settings
from nexgent.infrastructure.database.journal.part_check import (
    Part,
    PartReport,
    check_parts,
    label_of,
    list_parts,
)

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
    parser.epilog = (
        "Every month of the journal is a part of its own; what was there before there were parts is one, before-YYYY-MM. A "
        "check folds the entries of a part from what every wallet had come to at the end of the one before, so it takes as long "
        "as the part is large, and keeps what they had come to at its end with a digest of all entries up to there. The next "
        "check finds whatever was changed, added or taken away since. A part that is over is checked after those before it; "
        "the one that entries are written to is `nexgent verify`'s alone, and tables are as well. Changes nothing else. Exit "
        "code 0: what was checked is in order. 1: it is not, and the differences are listed. 2: there is no such part, or it "
        "is not over."
    )


def part_name(label: str) -> str:
    """Return the name of a part as people write it (`2026-12`). Raises `ArgumentTypeError`."""
    if _LABEL.fullmatch(label) is None:
        raise argparse.ArgumentTypeError(
            f"{label!r} is no part of the journal; they are called 2026-12 or before-2026-12"
        )
    return f"journal_{label.replace('-', '_')}"


def run(arguments: argparse.Namespace) -> int:
    """List the parts, or check some."""
    return run_async(journal_command(arguments, load_settings(level="error")))


async def journal_command(arguments: argparse.Namespace, settings: Settings) -> int:
    """List or check, and print; return the exit code."""
    async with existing_books(settings.storage) as storage:
        if arguments.check is None:
            _show_parts(await list_parts(storage.database_url), as_json=arguments.json)
            return exit_codes.OK
        reports = await check_parts(storage.database_url, arguments.check or None)
    _show_reports(reports, as_json=arguments.json)
    return exit_codes.FAILURE if any(one.differences for one in reports) else exit_codes.OK


def _show_parts(parts: Sequence[Part], *, as_json: bool) -> None:
    if as_json:
        documents = [{**dataclasses.asdict(part), "name": label_of(part.name)} for part in parts]
        print(json.dumps(documents, default=str))
        return
    rows = [
        (
            label_of(part.name),
            part.entries,
            part.streams,
            f"{part.bytes / 1e6:.1f} MB",
            _moment(part.first_at),
            _moment(part.last_at),
            "over" if part.is_over else "written to" if part.entries else "to come",
            _moment(part.checked_at),
        )
        for part in parts
    ]
    columns = ("part", "entries", "wallets", "on disk", "first", "last", "state", "in order")
    print("\n".join(table(columns, rows, width=line_width())))


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
