"""`nexgent verify`: the books, recomputed from the journal, and held against the chain."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from nexgent.bootstrap.chain_findings import DIFFERS, WalletCheck, is_clean
from nexgent.bootstrap.storage import Storage
from nexgent.cli import exit_codes
from nexgent.cli.books import existing_books
from nexgent.cli.options import whole_number
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.screen import Screen
from nexgent.cli.tables import line_width, table
from nexgent.config.settings import Settings
from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, connect_redis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.database.journal.comparison import VerifyReport
from nexgent.infrastructure.database.journal.repair import Repaired, repair
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.shared.money import from_raw, plain
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--chain",
        action="store_true",
        help="compare every live wallet with the chain as well; nothing is written",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        dest="everything",
        help="check every wallet from its first entry, not from where it was in order last",
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="write the tables of wallets that differ anew from the journal, and verify again",
    )
    parser.add_argument(
        "--processes",
        type=whole_number(1, 64),
        metavar="N",
        help="how many processes check side by side where there is much to check (as many as cores, at most 4)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.epilog = (
        "Each wallet is checked from where it was found in order last; that place is kept in the database, with a digest "
        "of all entries up to it and what they came to. --all folds every entry anew, compares every row and finds "
        "entries that were changed since. Exit code 0: everything agrees, with --repair afterwards. 1: there are "
        "differences, listed; with --repair those that are left. 3: there is nothing to verify, or with --chain a wallet "
        "could not be compared. Tokens that no position accounts for are listed and are no difference. --repair changes "
        "tables only, never the journal, and may run beside a service that trades: who writes tables waits for it, a "
        "transaction a wallet. Copies in Redis are written anew by `nexgent cache --warm`."
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare journal, tables and Redis."""
    settings = load_settings(level="error")
    return run_async(verify_command(arguments, settings))


async def verify_command(arguments: argparse.Namespace, settings: Settings) -> int:
    """Compare, with `--repair` write anew what differs and compare again, and print; return the exit code."""
    async with existing_books(settings.storage) as storage:
        report, wallets = await compare_books(
            settings,
            storage,
            chain=arguments.chain,
            everything=arguments.everything,
            processes=arguments.processes,
        )
        repaired: list[Repaired] | None = None
        if arguments.repair:
            for line in plan_lines(report):
                print(line, file=sys.stderr)
            repaired = await repair(storage.database_url, report.repairable)
            for one in repaired:
                print(repaired_line(one), file=sys.stderr)
            if repaired:
                report, wallets = await compare_books(
                    settings,
                    storage,
                    chain=arguments.chain,
                    everything=arguments.everything,
                    processes=arguments.processes,
                )
    code, document = report_of(report, wallets)
    if repaired is not None:
        document["repaired"] = [dataclasses.asdict(one) for one in repaired]
    if arguments.json:
        print(json.dumps(document, default=str))
    else:
        _show(report)
        if wallets is not None:
            print("\n".join(chain_lines(wallets, line_width())))
    return code


def plan_lines(report: VerifyReport) -> list[str]:
    """Return what `--repair` is about to do."""
    if not report.repairable:
        return ["There is no wallet whose tables differ from the journal; nothing is repaired."]
    count = len(report.repairable)
    return [
        f"The tables of {count} wallet{'' if count == 1 else 's'} are written anew from the journal, which stays as it is:",
        *(f"  {wallet}" for wallet in report.repairable),
    ]


def repaired_line(one: Repaired) -> str:
    """Return what became of a wallet."""
    if one.problem is not None:
        return f"{one.wallet_address} could not be rebuilt and is left as it was: {one.problem}"
    return f"{one.wallet_address} is rebuilt from {one.entries} entr{'y' if one.entries == 1 else 'ies'}."


def report_of(report: VerifyReport, wallets: Sequence[WalletCheck] | None) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the document of `--json`."""
    document = {"clean": report.is_clean and is_clean(wallets or []), **_figures(report)}
    if wallets is not None:
        document["chain"] = [_wallet_document(one) for one in wallets]
    if not report.is_clean or any(one.state == DIFFERS for one in wallets or ()):
        return exit_codes.FAILURE, document
    return exit_codes.OK if is_clean(wallets or []) else exit_codes.CANNOT_START, document


async def compare_books(
    settings: Settings, storage: Storage, *, chain: bool, everything: bool, processes: int | None = None
) -> tuple[VerifyReport, list[WalletCheck] | None]:
    """Hold the books against the journal, and with `chain` every live wallet against the chain."""
    redis = connect_redis(storage.redis_url)
    keys = CacheKeys(settings.storage.redis_key_prefix)

    async def cached(
        agent: AgentId, wallet: WalletAddress, mints: Sequence[TokenAddress]
    ) -> Sequence[bytes | None]:
        documents: list[bytes | None] = await redis.mget(
            [keys.balance(agent, wallet, mint) for mint in mints]
        )
        return documents

    try:
        report = await verify(
            storage.database_url, cached_balances=cached, everything=everything, processes=processes
        )
    except REDIS_OUTAGES:
        print("Redis does not answer; its copies are not compared.", file=sys.stderr)
        report = await verify(storage.database_url, everything=everything, processes=processes)
    finally:
        await redis.aclose()
    if not chain:
        return report, None
    # Whoever asks nodes imports as much as all the rest of this command, and it is seldom wanted.
    from nexgent.bootstrap.chain_check import check_live_wallets  # noqa: PLC0415

    return report, await check_live_wallets(settings.market, storage)


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


def _figures(report: VerifyReport) -> dict[str, Any]:
    """Return what a report says. Its entries are all that the journal has, those that were checked before too."""
    return {**dataclasses.asdict(report), "entries": report.entries + report.entries_checked_before}


def _show(report: VerifyReport) -> None:
    console = Screen()
    facts = {
        name: value
        for name, value in _figures(report).items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
    console.print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()))
    if report.is_clean:
        console.print("The books balance: journal, tables and Redis agree.")
        return
    if report.projection_failures:
        console.print(f"{report.projection_failures} entries of the journal are not in the tables.")
    if report.repairable:
        console.print("`nexgent verify --repair` writes the tables of these wallets anew from the journal:")
        console.print("\n".join(f"  {wallet}" for wallet in report.repairable))
    if not report.differences:
        return
    differences = Table(title=f"{len(report.differences)} differences")
    columns = [field.name for field in dataclasses.fields(report.differences[0])]
    for column in columns:
        differences.add_column(column.replace("_", " "), overflow="fold")
    for difference in report.differences:
        differences.add_row(*(str(getattr(difference, column) or "") for column in columns))
    console.print(differences)
