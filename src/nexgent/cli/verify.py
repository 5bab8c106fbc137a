"""`nexgent verify`: the books, recomputed from the first entry of the journal."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from rich.console import Console
from rich.table import Table

from nexgent.cli import exit_codes
from nexgent.cli.books import existing_books
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings
from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, connect_redis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.database.journal.verify import VerifyReport, verify
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.epilog = (
        "Exit code 0: everything agrees. 1: there are differences, listed. 3: there is nothing to verify."
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare journal, tables and Redis."""
    settings = load_settings(level="error")
    report = run_async(_verify(settings))
    if arguments.json:
        print(json.dumps({"clean": report.is_clean, **dataclasses.asdict(report)}, default=str))
    else:
        _show(report)
    return exit_codes.OK if report.is_clean else exit_codes.FAILURE


async def _verify(settings: Settings) -> VerifyReport:
    async with existing_books(settings.storage) as storage:
        redis = connect_redis(storage.redis_url)
        keys = CacheKeys(settings.storage.redis_key_prefix)

        async def cached(agent: AgentId, wallet: WalletAddress, mint: TokenAddress) -> bytes | None:
            document: bytes | None = await redis.get(keys.balance(agent, wallet, mint))
            return document

        try:
            return await verify(storage.database_url, cached_balance=cached)
        except REDIS_OUTAGES:
            print("Redis does not answer; its copies are not compared.", file=sys.stderr)
            return await verify(storage.database_url)
        finally:
            await redis.aclose()


def _show(report: VerifyReport) -> None:
    console = Console()
    facts = {
        name: value
        for name, value in dataclasses.asdict(report).items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
    console.print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()))
    if report.is_clean:
        console.print("The books balance: journal, tables and Redis agree.")
        return
    table = Table(title=f"{len(report.differences)} differences")
    columns = [field.name for field in dataclasses.fields(report.differences[0])]
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for difference in report.differences:
        table.add_row(*(str(getattr(difference, column) or "") for column in columns))
    console.print(table)
