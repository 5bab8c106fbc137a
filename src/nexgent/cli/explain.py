"""`nexgent explain SIGNAL`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.options import signal_id
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.tables import line_width, paragraph, table
from nexgent.cli.watch_view import short_price
from nexgent.config.settings import Settings
from nexgent.shared.errors import NexgentError, NotFoundError


class NoSignalError(NotFoundError):
    """Nothing was decided because there was nothing to decide on."""

    code = "SIGNAL_NOT_FOUND"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "signal", nargs="?", type=signal_id, metavar="SIGNAL", help="id of the signal (the newest one)"
    )
    parser.add_argument("--json", action="store_true", help="print the decisions as JSON")
    add_connection_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show every agent's decision with its gates."""
    settings = load_settings(level="error")
    decisions, names = run_async(_fetch(arguments, settings))
    if arguments.json:
        print(json.dumps(decisions, indent=2))
    else:
        show_decisions(decisions, names)
    return exit_codes.OK


async def _fetch(
    arguments: argparse.Namespace, settings: Settings
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    async with ApiClient.of(arguments, settings) as api:
        signal = arguments.signal
        if signal is None:
            newest = await api.call("GET", "/trading-signals?limit=1")
            if not newest:
                raise NoSignalError("There is no signal yet; `nexgent signal MINT` posts one")
            signal = newest[0]["id"]
        answer = await api.call("GET", f"/trading-signals/{signal}/decisions")
        return answer["decisions"], await agent_names(api)


async def agent_names(api: ApiClient) -> dict[str, str]:
    """Return the names of the caller's agents by id; none when the caller may not know."""
    try:
        return {agent["id"]: agent["name"] for agent in await api.call("GET", "/agents")}
    except NexgentError:
        return {}


def show_decisions(decisions: list[dict[str, Any]], names: Mapping[str, str]) -> None:
    """Print every decision with its gates."""
    print("\n".join(decision_lines(decisions, names, line_width())))


def decision_lines(decisions: list[dict[str, Any]], names: Mapping[str, str], width: int | None) -> list[str]:
    """Return every decision with its gates; ids stay whole at any width."""
    if not decisions:
        return ["No agent has decided on this signal yet."]
    lines: list[str] = []
    for decision in decisions:
        agent_id = decision["agentId"]
        who = f"{names[agent_id]} ({agent_id})" if agent_id in names else agent_id
        lines += paragraph(f"agent {who}: {decision['outcome']}", width)
        lines += gate_lines(decision["gates"], width)
        lines += [part for line in outcome_lines(decision) for part in paragraph(line, width, first="  ")]
        lines.append("")
    return lines[:-1]


def gate_lines(gates: Sequence[Mapping[str, Any]], width: int | None) -> list[str]:
    """Return gates as a table; where it does not fit, as a list that begins with what has passed."""
    if not gates:
        return []
    rows = [(gate["name"], gate["value"], gate["limit"], "yes" if gate["passed"] else "NO") for gate in gates]
    lines = table(("gate", "value", "limit", "passed"), rows, width=None)
    if width is None or max(map(len, lines)) <= width:
        return lines
    return [
        line
        for name, value, limit, passed in rows
        for line in paragraph(
            f"{name}: {value or '–'}, limit: {limit or '–'}", width, first=f"  {passed:<3}  "
        )
    ]


def outcome_lines(decision: Mapping[str, Any]) -> list[str]:
    """Return what came of a decision, for people: why not, how much at which price, how long it took."""
    lines = [
        f"{name}: {decision[key]}"
        for key, name in (("code", "code"), ("reason", "reason"))
        if decision.get(key)
    ]
    if decision.get("sizeSol"):
        lines.append(f"size: {decision['sizeSol']} SOL")
    if decision.get("priceSol"):
        price = f"price: {short_price(Decimal(decision['priceSol']))} SOL"
        if decision.get("priceSource"):
            price += f" ({decision['priceSource']}, {decision.get('priceAgeMs') or 0} ms old)"
        lines.append(price)
    if decision.get("latencyMs"):
        marks = sorted(decision["latencyMs"].items(), key=itemgetter(1))
        lines.append("times: " + ", ".join(f"{name} after {after:.1f} ms" for name, after in marks))
    if decision.get("positionId"):
        lines.append(f"position: {decision['positionId']}")
    return lines
