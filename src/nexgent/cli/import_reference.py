"""`nexgent import-reference URL`: an installation of the reference moves in; what will happen is shown first."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict

from nexgent.bootstrap.moving_in import move_in
from nexgent.bootstrap.storage import open_storage
from nexgent.cli import exit_codes
from nexgent.cli.books import require_schema
from nexgent.cli.passphrases import typed
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.tables import line_width, paragraph, table
from nexgent.config.settings import Settings
from nexgent.infrastructure.database.schema.migration import current_revision, migrate
from nexgent.infrastructure.takeover.decimals import MOST_DECIMALS
from nexgent.infrastructure.takeover.report import Effect, Finding, Report
from nexgent.infrastructure.takeover.take_over import Outcome, require_apart
from nexgent.shared.mints import is_mint
from nexgent.shared.types import TokenAddress

STANDARD_INPUT = "-"
_SHOWN_LETTERS = 400


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "url",
        metavar="URL",
        help="the reference's DATABASE_URL; - asks for it, or reads a line of standard input (it holds a password)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--dry-run", action="store_true", help="only show what would happen; so it is without --yes, too"
    )
    how.add_argument("--yes", action="store_true", help="carry it out")
    parser.add_argument(
        "--leave-out",
        action="store_true",
        help="carry it out although some things cannot be taken over: those are left out",
    )
    parser.add_argument(
        "--decimals",
        metavar="MINT=NUMBER",
        type=_scale,
        action="append",
        default=[],
        help="how many decimals a token has, where neither a recorded swap nor the chain tells; may be repeated",
    )
    parser.add_argument("--offline", action="store_true", help="do not ask the chain for decimals of tokens")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = (
        "From the reference's PostgreSQL, which is read in one snapshot and not changed, into the database of DATABASE_URL or "
        "the data folder, while no service trades on it: everything or nothing. The database gets its tables if it has none; "
        "nothing else stays of a dry run. A second run leaves agents alone that are here, and writes only what is new. "
        "docs/moving-in.md has the steps. Exit code 0: done, or all of it can be done. 1: something cannot be taken over, "
        "listed (with --yes nothing was written then, unless --leave-out is given), or the books do not balance afterwards. "
        "2: wrong usage, or an address that cannot be read. 3: one of the databases cannot be used, or a service runs."
    )


def _scale(text: str) -> tuple[TokenAddress, int]:
    mint, _, number = text.partition("=")
    if not (is_mint(mint) and number.isascii() and number.isdigit() and int(number) <= MOST_DECIMALS):
        raise argparse.ArgumentTypeError(
            f"a mint, = and a number up to {MOST_DECIMALS} are required, not {text!r}"
        )
    return TokenAddress(mint), int(number)


def run(arguments: argparse.Namespace) -> int:
    """Show what would happen, or do it and verify the books."""
    settings = load_settings(level="error")
    address = (
        typed("Address of the reference's database: ") if arguments.url == STANDARD_INPUT else arguments.url
    )
    outcome, clean = run_async(_move_in(arguments, settings, address))
    if arguments.json:
        print(json.dumps(document_of(outcome, arguments.yes, clean), indent=2))
    else:
        print(
            "\n".join([*report_lines(outcome.report, line_width()), "", *_verdict(outcome, arguments, clean)])
        )
    if clean is False:
        print("The books do not balance; `nexgent verify` shows the differences.", file=sys.stderr)
        return exit_codes.FAILURE
    return exit_codes.OK if outcome.report.is_complete or outcome.written else exit_codes.FAILURE


async def _move_in(
    arguments: argparse.Namespace, settings: Settings, address: str
) -> tuple[Outcome, bool | None]:
    async with open_storage(settings.storage, join_running=True) as storage:
        await require_apart(address, storage.database_url)
        revision = await current_revision(storage.database_url)
        if revision is None:
            await migrate(storage.database_url)
        else:
            require_schema(revision)
        return await move_in(
            settings,
            storage.database_url,
            address,
            carry_out=arguments.yes,
            leave_out=arguments.leave_out,
            decimals=dict(arguments.decimals),
            offline=arguments.offline,
        )


def report_lines(report: Report, width: int | None) -> list[str]:
    """Return what is taken over, what is not, and why."""
    rows = [
        (thing.value, tally.there, tally.taken, tally.here, tally.left_out)
        for thing, tally in report.tallies.items()
    ]
    lines = table(("what", "there", "taken over", "here already", "left out"), rows, width=width)
    for effect, title in (
        (Effect.LEFT_OUT, "Cannot be taken over"),
        (Effect.CHANGED, "Taken over, and not quite as it was"),
    ):
        findings = [one for one in report.findings if one.effect is effect]
        if findings:
            lines += ["", f"{title}:"]
            for finding in findings:
                lines += paragraph(_words(finding), width, first="  - ", rest="    ")
    if report.notes:
        lines.append("")
        for note in report.notes:
            lines += paragraph(printable(note), width, first="! ")
    return lines


def _words(finding: Finding) -> str:
    named = ", ".join(printable(name) for name in finding.named)
    more = f" and {finding.count - len(finding.named)} more" if finding.count > len(finding.named) else ""
    return f"{finding.thing.value}: {named}{more}: {printable(finding.why)}"


def printable(text: str) -> str:
    """Return a text of somebody else's database without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in text[:_SHOWN_LETTERS])


def _verdict(outcome: Outcome, arguments: argparse.Namespace, clean: bool | None) -> list[str]:
    report = outcome.report
    if outcome.written:
        return ["Taken over. The books balance." if clean else "Taken over."]
    if report.is_empty and report.is_complete:
        return ["Everything is here already: there is nothing to take over."]
    if arguments.yes and not report.is_complete and not arguments.leave_out:
        return [
            "Nothing was written, as something cannot be taken over. With --leave-out the rest is; the reference keeps it all."
        ]
    if arguments.yes:
        return ["Nothing was written: there is nothing to take over."]
    more = "" if report.is_complete else " --leave-out"
    return [f"Nothing was written. The same command with --yes{more} carries it out."]


def document_of(outcome: Outcome, carry_out: bool, clean: bool | None) -> Mapping[str, object]:
    """Return the document of `--json`. `clean` is null where nothing was written."""
    report = outcome.report
    return {
        "dryRun": not carry_out,
        "written": outcome.written,
        "complete": report.is_complete,
        "clean": clean,
        "tablesOf": outcome.generation,
        "things": {
            thing.name.lower(): {
                "there": tally.there,
                "taken": tally.taken,
                "here": tally.here,
                "leftOut": tally.left_out,
            }
            for thing, tally in report.tallies.items()
        },
        "findings": [
            {**asdict(one), "effect": one.effect.name.lower(), "thing": one.thing.name.lower()}
            for one in report.findings
        ],
        "notes": report.notes,
    }
