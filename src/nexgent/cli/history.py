"""`nexgent history`: the closed trades of an agent."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from nexgent.cli.agents import add_agent_option, find_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.options import whole_number
from nexgent.cli.running import answer
from nexgent.cli.tables import line_width, table
from nexgent.cli.watch_view import short_price
from nexgent.config.settings import Settings

MOST = 1000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_agent_option(parser, "the demo's, else the newest")
    parser.add_argument(
        "--limit",
        type=whole_number(1, MOST),
        default=20,
        metavar="COUNT",
        help=f"the newest so many, up to {MOST} (20)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = (
        "`nexgent report` sums them up; the dashboard and `/agent-historical-swaps/export` make files of all."
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the closed trades."""
    return answer(arguments, _act)


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[list[str], Any]:
    async with ApiClient.of(arguments, settings) as api:
        agent = await find_agent(api, arguments.agent, any_will_do=True)
        trades = await api.call(
            "GET", f"/agent-historical-swaps?agentId={agent['id']}&limit={arguments.limit}"
        )
        return trade_lines(agent["name"], trades, line_width()), trades


def trade_lines(who: str, trades: Sequence[dict[str, Any]], width: int | None) -> list[str]:
    """Return closed trades as a table for people, last sold first."""
    if not trades:
        return [f"{who} has closed no trade yet."]
    rows = [
        (
            trade["saleTime"],
            trade["tokenSymbol"],
            short_price(Decimal(trade["purchasePrice"])),
            short_price(Decimal(trade["salePrice"])),
            f"{Decimal(trade['profitLossSol']):+.6f}",
            f"{Decimal(trade['changePercent']):+.1f} %",
            trade["closeReason"] or "",
            trade["signalId"] or "",
        )
        for trade in trades
    ]
    return table(
        ("sold", "token", "bought at", "sold at", "P/L SOL", "price", "why", "signal"), rows, width=width
    )
