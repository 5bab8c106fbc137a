"""`nexgent wallets`: list wallets, unlock and lock encrypted ones."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from typing import Any
from urllib.parse import quote

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.options import whole_number
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings
from nexgent.shared.errors import InvalidInputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--unlock", metavar="ADDRESS", help="unlock an encrypted wallet; asks for its passphrase"
    )
    action.add_argument("--lock", metavar="ADDRESS", help="wipe an encrypted wallet's key from memory")
    parser.add_argument(
        "--ttl",
        type=whole_number(60, 86_400),
        metavar="SECONDS",
        help="with --unlock: lock again after 60 to 86400 seconds",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = (
        "A passphrase is never an argument, where other users of the machine could read it: it is asked for, "
        "or read from standard input when that is a pipe."
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked and print the answer."""
    if arguments.ttl is not None and arguments.unlock is None:
        raise InvalidInputError("--ttl belongs to --unlock")
    settings = load_settings(level="error")
    passphrase = _passphrase(arguments.unlock) if arguments.unlock is not None else None
    answer = run_async(_act(arguments, settings, passphrase))
    if arguments.json or arguments.unlock is not None or arguments.lock is not None:
        print(json.dumps(answer, indent=2))
    else:
        _show(answer["wallets"])
    return exit_codes.OK


async def _act(
    arguments: argparse.Namespace, settings: Settings, passphrase: str | None
) -> Any:  # JSON of any shape
    async with ApiClient.of(arguments, settings) as api:
        if arguments.unlock is not None:
            body = {"passphrase": passphrase}
            if arguments.ttl is not None:
                body["ttlSeconds"] = arguments.ttl
            return await api.call("POST", f"/wallets/{quote(arguments.unlock, safe='')}/unlock", body)
        if arguments.lock is not None:
            return await api.call("POST", f"/wallets/{quote(arguments.lock, safe='')}/lock", {})
        return await api.call("GET", "/wallets")


def _passphrase(address: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Passphrase of {address}: ")
    text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise InvalidInputError("No passphrase was given on standard input")
    return text


def _show(wallets: list[dict[str, Any]]) -> None:
    """Print a line per wallet, never cut: an address is there to be copied."""
    rows = [("wallet", "type", "key", "state", "agent")]
    for wallet in wallets:
        until = f" until {wallet['unlockedUntil']}" if wallet["unlockedUntil"] else ""
        state = "ready" if wallet["isUnlocked"] else "locked"
        if wallet["source"] == "environment" and not wallet["isUnlocked"]:
            state = "key missing"
        agent = wallet["agentId"] or "–"
        rows.append((wallet["walletAddress"], wallet["walletType"], wallet["source"], state + until, agent))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows if wallets else []:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    if not wallets:
        print("There are no wallets yet.")
