"""`nexgent protections`: how agents stand, resets, and the kill switch."""

from __future__ import annotations

import argparse
from typing import Any

from nexgent.cli.agents import add_agent_option, find_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.explain import gate_lines
from nexgent.cli.running import answer
from nexgent.cli.tables import line_width, paragraph, table, words
from nexgent.config.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_agent_option(parser, "the only one, if there is one")
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--reset", action="store_true", help="forget the agent's losses, streaks, cooldowns and counts"
    )
    action.add_argument(
        "--stop", metavar="REASON", help="engage your kill switch: no new entries for any agent"
    )
    action.add_argument("--resume", action="store_true", help="release your kill switch")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = "Protections and the kill switch block new entries only; exits go on."


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked and print the answer."""
    return answer(arguments, _act)


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[list[str], Any]:
    """Return the answer for people and for programs."""
    async with ApiClient.of(arguments, settings) as api:
        if arguments.stop is not None or arguments.resume:
            body: dict[str, object] = {"engaged": not arguments.resume}
            if not arguments.resume:
                body["reason"] = arguments.stop
            switches = await api.call("PUT", "/protections/kill-switch", body)
            return switch_lines(switches), switches
        agent = await find_agent(api, arguments.agent)
        who = f"{agent['name']} ({agent['id']})"
        if arguments.reset:
            answer = await api.call("POST", f"/agents/{agent['id']}/protections/reset", {})
            return [f"The record of agent {who} begins anew at {answer['resetAt']}."], answer
        report = await api.call("GET", f"/agents/{agent['id']}/protections")
        switches = None if arguments.json else await api.call("GET", "/protections/kill-switch")
        return (
            [] if switches is None else [*report_lines(who, report, line_width()), *switch_lines(switches)]
        ), report


def report_lines(who: str, report: dict[str, Any], width: int | None) -> list[str]:
    """Return how an agent stands: its wallets, the limits that were set, and each gate that was looked at."""
    lines = paragraph(f"Agent {who}", width)
    rows = [
        (
            wallet["walletAddress"],
            wallet["walletType"],
            f"blocked: {wallet['reason'] or wallet['code']}" if wallet["blocked"] else "allowed",
        )
        for wallet in report["wallets"]
    ]
    lines += table(("wallet", "type", "entries"), rows, width=width) if rows else ["It has no wallet."]
    for wallet in report["wallets"]:
        if wallet["gates"]:
            lines += ["", f"Gates of {wallet['walletAddress']}", *gate_lines(wallet["gates"], width)]
    limits = [(words(name), value) for name, value in report["config"].items() if value is not None]
    lines += ["", *table(("setting", "value"), limits, width=width)] if limits else ["", "No limits are set."]
    if report["resetAt"]:
        lines.append(f"What counts begins at {report['resetAt']}.")
    return [*lines, ""]


def switch_lines(switches: dict[str, Any]) -> list[str]:
    """Return how both kill switches stand."""
    names = {"user": "Your kill switch", "system": "The system's kill switch"}
    lines = []
    for scope, name in names.items():
        switch = switches[scope]
        if not switch["engaged"]:
            lines.append(f"{name} is off.")
            continue
        reason = f": {switch['reason']}" if switch["reason"] else ""
        lines.append(f"{name} stops all entries since {switch['changedAt']}{reason}")
    return lines
