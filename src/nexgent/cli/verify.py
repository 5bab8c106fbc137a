"""`nexgent verify`: the books, recomputed from the first entry of the journal, and held against the chain."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from nexgent.bootstrap.chain_check import DIFFERS, WalletCheck, check_live_wallets, is_clean
from nexgent.cli import exit_codes
from nexgent.cli.books import existing_books
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.tables import line_width, table
from nexgent.config.settings import Settings
from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, connect_redis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.database.journal.verify import VerifyReport, verify
from nexgent.shared.money import from_raw, plain
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--chain",
        action="store_true",
        help="compare every live wallet with the chain as well; nothing is written",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.epilog = (
        "Exit code 0: everything agrees. 1: there are differences, listed. 3: there is nothing to verify, or with --chain "
        "a wallet could not be compared. Tokens that no position accounts for are listed and are no difference."
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare journal, tables and Redis."""
    settings = load_settings(level="error")
    report, wallets = run_async(verify_books(settings, chain=arguments.chain))
    code, document = report_of(report, wallets)
    if arguments.json:
        print(json.dumps(document, default=str))
    else:
        _show(report)
        if wallets is not None:
            print("\n".join(chain_lines(wallets, line_width())))
    return code


def report_of(report: VerifyReport, wallets: Sequence[WalletCheck] | None) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the document of `--json`."""
    document = {"clean": report.is_clean and is_clean(wallets or []), **dataclasses.asdict(report)}
    if wallets is not None:
        document["chain"] = [_wallet_document(one) for one in wallets]
    if not report.is_clean or any(one.state == DIFFERS for one in wallets or ()):
        return exit_codes.FAILURE, document
    return exit_codes.OK if is_clean(wallets or []) else exit_codes.CANNOT_START, document


async def verify_books(settings: Settings, *, chain: bool) -> tuple[VerifyReport, list[WalletCheck] | None]:
    """Hold the books against the journal, and with `chain` every live wallet against the chain."""
    async with existing_books(settings.storage) as storage:
        redis = connect_redis(storage.redis_url)
        keys = CacheKeys(settings.storage.redis_key_prefix)

        async def cached(agent: AgentId, wallet: WalletAddress, mint: TokenAddress) -> bytes | None:
            document: bytes | None = await redis.get(keys.balance(agent, wallet, mint))
            return document

        try:
            report = await verify(storage.database_url, cached_balance=cached)
        except REDIS_OUTAGES:
            print("Redis does not answer; its copies are not compared.", file=sys.stderr)
            report = await verify(storage.database_url)
        finally:
            await redis.aclose()
        return report, await check_live_wallets(settings.market, storage) if chain else None


def _wallet_document(check: WalletCheck) -> dict[str, object]:
    document = dataclasses.asdict(check)
    document["findings"] = [
        {**dataclasses.asdict(one), "difference_raw": one.difference_raw, "orphaned_raw": one.orphaned_raw}
        for one in check.findings
    ]
    return document


def chain_lines(wallets: Sequence[WalletCheck], width: int | None) -> list[str]:
    """Return how the live wallets stand, for people."""
    if not wallets:
        return ["There are no live wallets to compare with the chain."]
    rows: list[tuple[object, ...]] = []
    for one in wallets:
        if not one.findings:
            rows.append((one.wallet_address, one.state, one.slot, one.reason, None, None, None))
        for found in one.findings:
            ledger, chain = (
                plain(from_raw(raw, found.decimals)) for raw in (found.ledger_raw, found.chain_raw)
            )
            rows.append(
                (one.wallet_address, one.state, one.slot, found.kind.value, found.mint, ledger, chain)
            )
    return table(("wallet", "state", "slot", "what", "token", "ledger", "chain"), rows, width=width)


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
    differences = Table(title=f"{len(report.differences)} differences")
    columns = [field.name for field in dataclasses.fields(report.differences[0])]
    for column in columns:
        differences.add_column(column.replace("_", " "), overflow="fold")
    for difference in report.differences:
        differences.add_row(*(str(getattr(difference, column) or "") for column in columns))
    console.print(differences)
