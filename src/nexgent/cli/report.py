"""`nexgent report`: what closed trades brought, by the day, the token or the reason."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from nexgent.cli.agents import add_agent_option, find_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.options import whole_number
from nexgent.cli.running import answer
from nexgent.cli.tables import line_width, table
from nexgent.config.settings import Settings
from nexgent.shared.clock import SystemClock

_ZERO = Decimal(0)
Trade = Mapping[str, Any]


def _day(trade: Trade) -> str:
    return datetime.fromisoformat(trade["saleTime"]).astimezone(UTC).date().isoformat()


def _week(trade: Trade) -> str:
    sold = datetime.fromisoformat(trade["saleTime"]).astimezone(UTC).date()
    return (sold - timedelta(days=sold.weekday())).isoformat()


def _token(trade: Trade) -> str:
    return f"{trade['tokenSymbol']} {trade['tokenAddress']}"


def _reason(trade: Trade) -> str:
    return trade["closeReason"] or "not known"


def _signal(trade: Trade) -> str:
    return trade["signalType"] or "no signal"


_GROUPS: dict[str, tuple[str, Callable[[Trade], str]]] = {
    "day": ("day (UTC)", _day),
    "week": ("week from (UTC)", _week),
    "token": ("token", _token),
    "reason": ("why sold", _reason),
    "signal": ("type of signal", _signal),
}


@dataclass(slots=True)
class Line:
    """What the trades of a group brought, in SOL."""

    group: str
    trades: int = 0
    wins: int = 0
    profit_sol: Decimal = _ZERO
    best_sol: Decimal | None = None
    worst_sol: Decimal | None = None

    def add(self, profit_sol: Decimal) -> None:
        """Take a trade in."""
        self.trades += 1
        self.wins += profit_sol > 0
        self.profit_sol += profit_sol
        self.best_sol = profit_sol if self.best_sol is None else max(self.best_sol, profit_sol)
        self.worst_sol = profit_sol if self.worst_sol is None else min(self.worst_sol, profit_sol)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_agent_option(parser, "all of yours")
    parser.add_argument("--by", choices=tuple(_GROUPS), default="day", help="what to sum up by (day)")
    parser.add_argument(
        "--days",
        type=whole_number(1, 3660),
        default=30,
        metavar="DAYS",
        help="what was sold in the last so many days (30)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON; amounts as text")
    add_connection_options(parser)
    parser.epilog = "A win is a closed trade with a profit after all fees."


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    return answer(arguments, _act)


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[list[str], Any]:
    since = SystemClock().now() - timedelta(days=arguments.days)
    async with ApiClient.of(arguments, settings) as api:
        agents = (
            await api.call("GET", "/agents")
            if arguments.agent is None
            else [await find_agent(api, arguments.agent)]
        )
        trades: list[Trade] = []
        for agent in agents:
            query = f"agentId={agent['id']}&from={quote(since.isoformat())}&format=json"
            trades += await api.call("GET", f"/agent-historical-swaps/export?{query}")
    lines = summed_up(trades, arguments.by)
    total = summed_up(trades, None)
    document = {
        "since": since.isoformat(),
        "by": arguments.by,
        "groups": [_document(line) for line in lines],
        "total": _document(total[0]),
    }
    return report_lines(arguments.by, lines, total[0], arguments.days, line_width()), document


def summed_up(trades: Iterable[Trade], by: str | None) -> list[Line]:
    """Return what trades brought by group: days and weeks in order, else the greatest profit first. All in one without `by`."""
    groups: dict[str, Line] = {} if by is not None else {"": Line("all")}
    for trade in trades:
        name = _GROUPS[by][1](trade) if by is not None else ""
        groups.setdefault(name, Line(name)).add(Decimal(trade["profitLossSol"]))
    found = list(groups.values())
    if by in {"day", "week"}:
        return sorted(found, key=lambda line: line.group)
    return sorted(found, key=lambda line: (-line.profit_sol, line.group))


def report_lines(by: str, lines: list[Line], total: Line, days: int, width: int | None) -> list[str]:
    """Return the report as a table for people."""
    if not total.trades:
        return [f"No trade was closed in the last {days} day{'' if days == 1 else 's'}."]
    rows = [
        (
            line.group,
            line.trades,
            f"{100 * line.wins / line.trades:.0f} %",
            f"{line.profit_sol:+.6f}",
            f"{line.best_sol:+.6f}",
            f"{line.worst_sol:+.6f}",
        )
        for line in [*lines, total]
    ]
    return table((_GROUPS[by][0], "trades", "won", "P/L SOL", "best", "worst"), rows, width=width)


def _document(line: Line) -> dict[str, object]:
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in asdict(line).items()
    }
