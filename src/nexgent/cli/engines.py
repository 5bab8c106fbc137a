"""`nexgent engines`: who trades, for which share of the agents."""

from __future__ import annotations

import argparse
import json

from nexgent.cli import exit_codes
from nexgent.cli.books import existing_books
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.tables import line_width, table
from nexgent.config.settings import Settings
from nexgent.infrastructure.database.engines import EngineSeen, list_engines, unheld
from nexgent.shared.shards import SHARDS, numbers_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print the engines as JSON")
    parser.epilog = (
        "Agents are spread over 64 shards; an engine trades for those it has. With ENGINES=one one engine has them all. "
        "Exit code 0: every shard has an engine. 1: some have none, and nobody trades for their agents; that is so for a "
        "moment when an engine has ended."
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask the database, and print."""
    return run_async(engines_command(arguments, load_settings(level="error")))


async def engines_command(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the engines; return the exit code."""
    async with existing_books(settings.storage) as storage:
        engines = await list_engines(storage.database_url)
    nobodys = unheld(engines)
    if arguments.json:
        document = {"engines": [_document(one) for one in engines], "unheld": list(numbers_of(nobodys))}
        print(json.dumps(document))
    else:
        columns = ("ENGINE", "SHARDS", "EPOCH", "TAKEN", "RENEWED", "VERSION", "NUMBERS")
        print("\n".join(table(columns, [_row(one) for one in engines], width=line_width())))
        if nobodys:
            print(f"\nNobody trades for {nobodys.bit_count()} of {SHARDS} shards: {ranges(nobodys)}")
    return exit_codes.FAILURE if nobodys else exit_codes.OK


def ranges(shards: int) -> str:
    """Return a set of shards as people write it: `0-3 8`."""
    parts: list[str] = []
    numbers = list(numbers_of(shards))
    start = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            first, last = numbers[start], numbers[at - 1]
            parts.append(str(first) if first == last else f"{first}-{last}")
            start = at
    return " ".join(parts)


def _row(engine: EngineSeen) -> tuple[object, ...]:
    if not engine.lives:
        return engine.owner, "ended", engine.epoch, None, None, engine.version, None
    count = engine.shards.bit_count()
    return (
        engine.owner,
        count,
        engine.epoch,
        engine.moves,
        f"{engine.age_seconds:.1f} s ago",
        engine.version,
        ranges(engine.shards),
    )


def _document(engine: EngineSeen) -> dict[str, object]:
    return {
        "owner": engine.owner,
        "version": engine.version,
        "epoch": engine.epoch,
        "lives": engine.lives,
        "shards": list(numbers_of(engine.shards)),
        "moves": engine.moves,
        "ageSeconds": round(engine.age_seconds, 3),
    }
