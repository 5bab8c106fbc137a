"""`nexgent buy MINT|SYMBOL`: buy by hand, or see what it would be."""

from __future__ import annotations

import argparse
from typing import Any

from nexgent.cli.agents import add_agent_option, find_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.demo_files import demo_tokens
from nexgent.cli.options import amount_sol
from nexgent.cli.positions import number
from nexgent.cli.post_signal import token_of
from nexgent.cli.questions import agreed
from nexgent.cli.running import answer
from nexgent.cli.watch_view import short_amount, short_price
from nexgent.config.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "token",
        metavar="MINT|SYMBOL",
        help="mint address of the token, or the symbol of one of the demo's or of your earlier signals",
    )
    add_agent_option(parser, "the only one, if there is one")
    parser.add_argument(
        "--size", type=amount_sol, metavar="SOL", help="how much to spend (what the rules say)"
    )
    parser.add_argument(
        "--preview", action="store_true", help="only show what it would be; nothing is bought"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask, also with real money")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = (
        "Balance, price impact, the kill switch and a locked wallet refuse as they refuse a signal. It answers when the "
        "purchase is booked; once it has begun it goes on to its end, also when the command is interrupted."
    )


def run(arguments: argparse.Namespace) -> int:
    """Buy, or show what it would be."""
    return answer(arguments, _act)


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[list[str], Any] | None:
    async with ApiClient.of(arguments, settings) as api:
        agent = await find_agent(api, arguments.agent)
        token = await token_of(api, arguments.token, demo_tokens(settings.storage.data_dir, api.url))
        order: dict[str, Any] = {"agentId": agent["id"], "tokenAddress": token.mint}
        if token.symbol:
            order["tokenSymbol"] = token.symbol
        if arguments.size is not None:
            order["positionSize"] = f"{arguments.size:f}"
        what = token.symbol or token.mint
        live = agent["tradingMode"] == "live"
        if arguments.preview or (live and not arguments.yes):
            forecast = await api.call("POST", "/trades/preview", order)
            if arguments.preview:
                return forecast_lines(agent["name"], what, forecast), forecast
            total = number(forecast["totalSol"])
            if not agreed(f"Buy {what} with real money for {agent['name']}: about {total:f} SOL?"):
                return None
        bought = await api.call("POST", "/trades/execute", order)
        return bought_lines(agent["name"], what, bought), bought


def forecast_lines(who: str, what: str, forecast: dict[str, Any]) -> list[str]:
    """Return what a purchase would be, for people."""
    size, total = number(forecast["sizeSol"]), number(forecast["totalSol"])
    amount, price = short_amount(number(forecast["amount"])), short_price(number(forecast["priceSol"]))
    impact = number(forecast["priceImpactPercent"])
    lines = [
        f"{who} would buy {amount} {what} for {size:f} SOL at {price} SOL ({impact:.2f} % price impact).",
        f"{total:f} SOL would leave the wallet, and {number(forecast['balanceAfterSol']):f} SOL be left.",
    ]
    stop = forecast["stopPriceSol"]
    if stop is not None:
        lines.append(f"The stop loss would begin at {short_price(number(stop))} SOL.")
    return [*lines, "Nothing was bought."]


def bought_lines(who: str, what: str, bought: dict[str, Any]) -> list[str]:
    """Return what was bought, for people."""
    amount, price = short_amount(number(bought["outputAmount"])), short_price(number(bought["purchasePrice"]))
    lines = [f"{who} bought {amount} {what} for {number(bought['inputAmount']):f} SOL at {price} SOL."]
    if bought["positionId"] is not None:
        lines.append(f"Position {bought['positionId']}")
    if bought["transactionHash"]:
        lines.append(f"Transaction {bought['transactionHash']}")
    return lines
