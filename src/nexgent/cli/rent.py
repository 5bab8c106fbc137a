"""`nexgent rent`: what is locked in the token accounts of live wallets, and taking it back."""

from __future__ import annotations

import argparse
from typing import Any

from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.live_wallets import add_wallet_options, find_wallet, find_wallets, path_of
from nexgent.cli.running import answer
from nexgent.cli.tables import line_width, table
from nexgent.config.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--close", action="store_true", help="close empty token accounts and take excess deposits back"
    )
    add_wallet_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = (
        "Every token account holds a deposit. An empty one can be closed, which gives all of it back; it is opened again "
        "with the next purchase of the token. CLOSE_EMPTY_TOKEN_ACCOUNTS=true does so after every exit."
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked and print the answer."""
    return answer(arguments, _act)


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[list[str], Any]:
    async with ApiClient.of(arguments, settings) as api:
        if arguments.close:
            wallet = await find_wallet(api, arguments)
            answer = await api.call("POST", f"{path_of(wallet)}/rent", {})
            return reclaimed_lines(answer), answer
        found = [
            await api.call("GET", f"{path_of(wallet)}/rent") for wallet in await find_wallets(api, arguments)
        ]
        return rent_lines(found, line_width()), found


def reclaimed_lines(answer: dict[str, Any]) -> list[str]:
    """Return what was taken back, for people."""
    done = f"{answer['reclaimed']} SOL came back from {len(answer['accounts'])} token accounts"
    lines = [f"{done}, for a fee of {answer['fee']} SOL (transaction {answer['signature']})."]
    if answer["left"]:
        lines.append(f"{answer['left']} more accounts are left: run it again.")
    return lines


def rent_lines(wallets: list[dict[str, Any]], width: int | None) -> list[str]:
    """Return what is locked, for people."""
    rows = [
        (one["address"], one["tokenAddress"], one["deposit"], one["reclaimable"], wallet["walletAddress"])
        for wallet in wallets
        for one in wallet["accounts"]
    ]
    if not rows:
        return ["Your live wallets have no token accounts."]
    lines = table(("account", "token", "deposit", "to be had back", "wallet"), rows, width=width)
    for wallet in wallets:
        lines.append(
            f"{wallet['walletAddress']}: {wallet['locked']} SOL are locked, {wallet['reclaimable']} SOL can be had back"
            + (" with --close." if wallet["reclaimable"] != "0" else ".")
        )
    return lines
