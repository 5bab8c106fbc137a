"""`nexgent wallets`: list wallets, unlock and lock encrypted ones."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.explain import agent_names
from nexgent.cli.live_wallets import path_of
from nexgent.cli.options import whole_number
from nexgent.cli.passphrases import typed
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.tables import line_width, table
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
    passphrase = typed(f"Passphrase of {arguments.unlock}: ") if arguments.unlock is not None else None
    answer, names = run_async(_act(arguments, settings, passphrase))
    if arguments.json:
        print(json.dumps(answer, indent=2))
    elif "wallets" in answer:
        print("\n".join(wallet_lines(answer["wallets"], names, line_width())))
    else:
        print(_state(answer))
    return exit_codes.OK


async def _act(
    arguments: argparse.Namespace, settings: Settings, passphrase: str | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the answer, and with a list for people the names of the agents."""
    async with ApiClient.of(arguments, settings) as api:
        if arguments.unlock is not None:
            body = {"passphrase": passphrase}
            if arguments.ttl is not None:
                body["ttlSeconds"] = arguments.ttl
            return await api.call("POST", f"{path_of(arguments.unlock)}/unlock", body), {}
        if arguments.lock is not None:
            return await api.call("POST", f"{path_of(arguments.lock)}/lock", {}), {}
        answer = await api.call("GET", "/wallets")
        return answer, {} if arguments.json else await agent_names(api)


def wallet_lines(wallets: list[dict[str, Any]], names: Mapping[str, str], width: int | None) -> list[str]:
    """Return the wallets as a table for people; an address is there to be copied."""
    if not wallets:
        return ["There are no wallets yet; creating an agent makes a simulation wallet."]
    rows = []
    for wallet in wallets:
        until = f" until {wallet['unlockedUntil']}" if wallet["unlockedUntil"] else ""
        state = "ready" if wallet["isUnlocked"] else "locked"
        if wallet["source"] == "environment" and not wallet["isUnlocked"]:
            state = "key missing"
        agent_id = wallet["agentId"]
        rows.append(
            (
                wallet["walletAddress"],
                wallet["walletType"],
                wallet["source"],
                state + until,
                names.get(agent_id, ""),
                agent_id,
            )
        )
    return table(("wallet", "type", "key", "state", "agent", "agent id"), rows, width=width)


def _state(answer: dict[str, Any]) -> str:
    if not answer["isUnlocked"]:
        return f"The wallet {answer['walletAddress']} is locked."
    until = answer.get("unlockedUntil")
    how_long = f"until {until}" if until else "until it is locked, idle for long, or the service ends"
    return f"The wallet {answer['walletAddress']} is unlocked {how_long}."
