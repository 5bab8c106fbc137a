"""Which live wallet a command is about: the one that was named, or the only one there is."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote

from nexgent.cli.agents import add_agent_option, find_agent
from nexgent.cli.api_client import ApiClient
from nexgent.shared.errors import InvalidInputError


def add_wallet_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a live wallet."""
    parser.add_argument("--wallet", metavar="ADDRESS", help="the live wallet (the only one, if there is one)")
    add_agent_option(parser, "whose live wallet")


async def find_wallets(api: ApiClient, arguments: argparse.Namespace) -> list[str]:
    """Return the addresses: one that was named, that of an agent that was named, or all. Raises `InvalidInputError`."""
    if arguments.wallet is not None:
        return [arguments.wallet]
    answer: dict[str, Any] = await api.call("GET", "/wallets")
    live = [wallet for wallet in answer["wallets"] if wallet["walletType"] == "live" and wallet["agentId"]]
    if arguments.agent is not None:
        agent = await find_agent(api, arguments.agent)
        live = [wallet for wallet in live if wallet["agentId"] == agent["id"]]
    if not live:
        raise InvalidInputError(
            "There is no live wallet that belongs to an agent; `nexgent wallets` lists all"
        )
    return [wallet["walletAddress"] for wallet in live]


async def find_wallet(api: ApiClient, arguments: argparse.Namespace) -> str:
    """Return one address. Raises `InvalidInputError` where there are several."""
    found = await find_wallets(api, arguments)
    if len(found) > 1:
        raise InvalidInputError(f"There are {len(found)} live wallets; say which with --wallet or --agent")
    return found[0]


def path_of(wallet: str) -> str:
    """Return the path of a wallet's resource."""
    return f"/wallets/{quote(wallet, safe='')}"
