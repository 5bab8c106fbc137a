"""`nexgent adopt`: tokens in live wallets that no position accounts for."""

from __future__ import annotations

import argparse
from typing import Any

from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.live_wallets import add_wallet_options, find_wallet, find_wallets, path_of
from nexgent.cli.running import answer
from nexgent.cli.tables import line_width, table
from nexgent.config.settings import Settings
from nexgent.shared.errors import InvalidInputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "token", nargs="?", metavar="TOKEN", help="address of the token; without it, list them"
    )
    parser.add_argument("--cost", metavar="SOL", help="what the tokens cost in all (their price of now)")
    parser.add_argument("--symbol", help="the symbol of the token")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--ignore", action="store_true", help="hear of the token no more")
    choice.add_argument("--unignore", action="store_true", help="hear of it again")
    add_wallet_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = (
        "An adopted token is a position like any other: the agent's stop loss, take profit and other rules apply to it "
        "from now on."
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked and print the answer."""
    if arguments.token is None and (arguments.ignore or arguments.unignore or arguments.cost):
        raise InvalidInputError("Say which token: nexgent adopt TOKEN")
    return answer(arguments, _act)


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[list[str], Any]:
    async with ApiClient.of(arguments, settings) as api:
        if arguments.token is None:
            found = [
                await api.call("GET", f"{path_of(wallet)}/reconciliation")
                for wallet in await find_wallets(api, arguments)
            ]
            return orphan_lines(found, line_width()), found
        path = path_of(await find_wallet(api, arguments))
        body: dict[str, Any] = {"tokenAddress": arguments.token}
        if arguments.ignore or arguments.unignore:
            answer = await api.call("POST", f"{path}/ignore", {**body, "ignored": arguments.ignore})
            return [answer["message"]], answer
        if arguments.cost is not None:
            body["costSol"] = arguments.cost
        if arguments.symbol is not None:
            body["symbol"] = arguments.symbol
        answer = await api.call("POST", f"{path}/adopt", body)
        line = f"{answer['amount']} {answer['tokenSymbol']} are a position now, at a cost of {answer['costSol']} SOL"
        return [f"{line} (position {answer['positionId']})."], answer


def orphan_lines(wallets: list[dict[str, Any]], width: int | None) -> list[str]:
    """Return the orphans of wallets for people."""
    rows = [
        (one["tokenAddress"], one["tokenSymbol"], one["amount"], wallet["walletAddress"])
        for wallet in wallets
        for one in wallet["orphans"]
    ]
    if not rows:
        return ["Every token in your live wallets belongs to a position, is ignored, or was not seen yet."]
    return table(("token", "symbol", "amount", "wallet"), rows, width=width)
