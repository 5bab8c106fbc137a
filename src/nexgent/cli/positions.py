"""`nexgent positions`: what an agent holds."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from nexgent.cli.agents import add_agent_option, find_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.running import answer
from nexgent.cli.tables import line_width, table
from nexgent.cli.watch_view import age_text, short_amount, short_price
from nexgent.config.settings import Settings
from nexgent.shared.clock import SystemClock


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_agent_option(parser, "the demo's, else the newest")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = "`nexgent watch` follows them live; `nexgent close` sells one."


def run(arguments: argparse.Namespace) -> int:
    """Print the open positions."""
    return answer(arguments, _act)


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[list[str], Any]:
    async with ApiClient.of(arguments, settings) as api:
        agent = await find_agent(api, arguments.agent, any_will_do=True)
        positions = await api.call("GET", f"/agent-positions/{agent['id']}")
        lines = position_lines(agent["name"], positions, SystemClock().now(), line_width())
        remaining = (await api.call("GET", "/protections/panic"))["remaining"]
        shown = {position["id"] for position in positions}
        return lines + exit_lines(remaining, shown), with_exits(positions, remaining)


def position_lines(
    who: str, positions: Sequence[dict[str, Any]], now: datetime, width: int | None
) -> list[str]:
    """Return open positions as a table for people."""
    if not positions:
        return [f"{who} holds nothing."]
    rows = [
        (
            position["id"],
            position["tokenSymbol"],
            short_amount(number(position["takeProfit"]["remainingAmount"])),
            short_price(number(position["purchase"]["priceNative"])),
            short_price(number(position["current"]["priceNative"])),
            f"{number(position['profitLoss']['native']):+.4f}",
            f"{number(position['profitLoss']['percent']):+.1f} %",
            f"{number(position['stopLoss']['percentage']):+.1f} %",
            age_text((now - datetime.fromisoformat(position["createdAt"])).total_seconds()),
        )
        for position in positions
    ]
    columns = ("position", "token", "amount", "bought at", "price", "P/L SOL", "P/L", "stop", "age")
    return table(columns, rows, width=width)


def exit_lines(remaining: Sequence[dict[str, Any]], shown: Collection[str]) -> list[str]:
    """Return a line for each of the positions that are shown, and being sold: why, and what the newest attempt failed for."""
    return [
        f"{one['tokenSymbol']} ({one['positionId']}) is being sold ({one['exitReason']}), attempts: {one['attempts']}"
        + (f", the last one failed: {one['code']}" if one["code"] else "")
        for one in remaining
        if one["exitReason"] is not None and one["positionId"] in shown
    ]


def with_exits(
    positions: Sequence[dict[str, Any]], remaining: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return positions, each with its `exit`: why it is sold, attempts, what the newest failed for; None when it is not."""
    exits = {
        one["positionId"]: {"reason": one["exitReason"], "attempts": one["attempts"], "code": one["code"]}
        for one in remaining
        if one["exitReason"] is not None
    }
    return [{**position, "exit": exits.get(position["id"])} for position in positions]


def number(value: float | str | None) -> Decimal:
    """Return a number of an answer, for showing it."""
    return Decimal(str(value or 0))
