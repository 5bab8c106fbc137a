"""`nexgent close POSITION`: sell a position by hand, a part of it, or everything an agent holds, or see what it would bring."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.agents import add_agent_option, find_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.options import percent
from nexgent.cli.positions import number
from nexgent.cli.questions import agreed
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.watch_view import short_amount, short_price
from nexgent.config.settings import Settings
from nexgent.shared.errors import InvalidInputError, NexgentError, NotFoundError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "position", metavar="POSITION", nargs="?", help="its id, or the symbol or mint address of its token"
    )
    parser.add_argument("--all", action="store_true", help="every open position of the agent")
    parser.add_argument(
        "--percent", type=percent, metavar="PERCENT", help="sell so much of what is held now (everything)"
    )
    add_agent_option(parser, "the only one, if there is one")
    parser.add_argument(
        "--preview", action="store_true", help="only show what it would bring; nothing is sold"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask, also with real money or --all")
    parser.add_argument("--json", action="store_true", help="print JSON, a list")
    add_connection_options(parser)
    parser.epilog = "Exit code 1: something could not be sold; the others were. `nexgent panic --flatten` exits everything."


def run(arguments: argparse.Namespace) -> int:
    """Sell, and say what it brought."""
    if arguments.all == (arguments.position is not None):
        raise InvalidInputError("Say which position, or --all")
    done = run_async(_act(arguments, load_settings(level="error")))
    if done is None:
        return exit_codes.FAILURE
    lines, sold, problems = done
    if arguments.json:
        print(json.dumps(sold, indent=2))
    elif lines:
        print("\n".join(lines))
    for problem in problems:
        print(problem, file=sys.stderr)
    return exit_codes.FAILURE if problems else exit_codes.OK


async def _act(
    arguments: argparse.Namespace, settings: Settings
) -> tuple[list[str], list[Any], list[str]] | None:
    """Return what was sold, for people and for programs, and what could not be; None when somebody thought better of it."""
    async with ApiClient.of(arguments, settings) as api:
        agent = await find_agent(api, arguments.agent)
        positions = await api.call("GET", f"/agent-positions/{agent['id']}")
        chosen = (
            positions if arguments.all else [choose_position(positions, arguments.position, agent["name"])]
        )
        live = agent["tradingMode"] == "live"
        if (
            chosen
            and (arguments.all or live)
            and not arguments.yes
            and not arguments.preview
            and not agreed(_question(arguments, agent, chosen))
        ):
            return None
        lines, sold, problems = [], [], []
        for position in chosen:
            path = f"/agents/{agent['id']}/positions/{position['id']}"
            try:
                if arguments.preview:
                    share = {} if arguments.percent is None else {"percent": arguments.percent}
                    done = await api.call("POST", f"{path}/preview-sale", share)
                elif arguments.percent is None:
                    done = await api.call("POST", f"{path}/close", {"reason": "manual"})
                else:
                    done = await api.call("POST", f"{path}/sell-part", {"percent": arguments.percent})
            except NexgentError as error:
                if arguments.all and isinstance(error, NotFoundError):
                    # A stop was faster: what was to be sold is sold.
                    lines.append(f"{position['tokenSymbol']} is not held any more.")
                    continue
                problems.append(f"{position['tokenSymbol']} ({position['id']}): {error.message}")
                continue
            sold.append(done)
            lines.append((forecast_line if arguments.preview else sold_line)(position["tokenSymbol"], done))
        if lines and arguments.preview:
            lines.append("Nothing was sold.")
        return lines or ([] if problems else [f"{agent['name']} holds nothing."]), sold, problems


def _question(arguments: argparse.Namespace, agent: dict[str, Any], chosen: Sequence[dict[str, Any]]) -> str:
    what = ", ".join(position["tokenSymbol"] for position in chosen)
    how_much = "" if arguments.percent is None else f"{arguments.percent} % of "
    money = " (real money)" if agent["tradingMode"] == "live" else ""
    return f"Sell {how_much}{what} of {agent['name']}{money}?"


def choose_position(positions: Sequence[dict[str, Any]], wanted: str, who: str) -> dict[str, Any]:
    """Return the open position that is meant. Raises `InvalidInputError`: guessing is for none of our commands."""
    text = wanted.strip()
    for found in (
        [position for position in positions if position["id"] == text.lower()],
        [position for position in positions if position["tokenAddress"] == text],
        [position for position in positions if position["tokenSymbol"].casefold() == text.casefold()],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            listed = "\n".join(f"  {position['id']}  {position['tokenSymbol']}" for position in found)
            raise InvalidInputError(
                f"{who} holds {len(found)} positions of {text!r}; say which one by its id:\n{listed}"
            )
    raise InvalidInputError(f"{who} holds no {text!r}; `nexgent positions` lists what it holds")


def sold_line(symbol: str, done: dict[str, Any]) -> str:
    """Return what a sale brought, for people."""
    line = (
        f"Sold {short_amount(number(done['inputAmount']))} {symbol} for {number(done['outputAmount']):f} SOL"
    )
    if "profitLossSol" not in done:
        return f"{line}; {short_amount(number(done['remainingAmount']))} are left."
    price = short_price(number(done["salePrice"]))
    return f"{line} at {price} SOL: {number(done['profitLossSol']):+f} SOL ({number(done['changePercent']):+.1f} %)."


def forecast_line(symbol: str, forecast: dict[str, Any]) -> str:
    """Return what a sale would bring, for people."""
    amount, price = short_amount(number(forecast["amount"])), short_price(number(forecast["priceSol"]))
    impact, received = number(forecast["priceImpactPercent"]), number(forecast["receivedSol"])
    profit, percent_of_cost = number(forecast["profitLossSol"]), number(forecast["profitLossPercent"])
    line = f"{amount} {symbol} would bring {received:f} SOL after fees, at {price} SOL ({impact:.2f} % price impact): "
    line += f"{profit:+f} SOL ({percent_of_cost:+.1f} %)"
    left = number(forecast["remainingAmount"])
    return f"{line}; {short_amount(left)} would be left." if left else f"{line}."
