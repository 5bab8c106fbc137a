"""`nexgent shadow AGENT`: how far real fills are from simulated ones."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.agents import find_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.hints import command
from nexgent.cli.options import whole_number
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.tables import line_width, paragraph, table
from nexgent.config.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("agent", metavar="AGENT", help="id or name of the agent")
    parser.add_argument(
        "--days", type=whole_number(1, 3650), default=30, metavar="N", help="fills of the last N days (30)"
    )
    switch = parser.add_mutually_exclusive_group()
    switch.add_argument(
        "--on", action="store_true", help="record each live fill beside its simulation from now on"
    )
    switch.add_argument("--off", action="store_true", help="stop recording; what was recorded stays")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = "Gaps are positive where the real fill was worse. Recording is the worker's work and costs a trade nothing."


def run(arguments: argparse.Namespace) -> int:
    """Switch it, and print the report."""
    settings = load_settings(level="error")
    agent, report = run_async(_act(arguments, settings))
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        turn_on = command("shadow", agent["name"], "--on", arguments=arguments)
        print("\n".join(report_lines(agent["name"], report, arguments.days, turn_on, line_width())))
    return exit_codes.OK


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    async with ApiClient.of(arguments, settings) as api:
        agent = await find_agent(api, arguments.agent)
        if arguments.on or arguments.off:
            config = {"shadow": {"enabled": bool(arguments.on)}}
            await api.call("PATCH", f"/agents/{agent['id']}/config", {"config": config})
        report: dict[str, Any] = await api.call("GET", f"/agents/{agent['id']}/shadow?days={arguments.days}")
        return agent, report


def report_lines(
    name: str, report: Mapping[str, Any], days: int, turn_on: str, width: int | None
) -> list[str]:
    """Return the report for people; what is empty says why."""
    total = report["total"]
    lines = paragraph(
        f"Agent {name}: shadow is {'on' if report['enabled'] else 'off'}, "
        f"{total['fills']} fills in the last {days} days ({total['buys']} buys, {total['sales']} sales)",
        width,
    )
    if not report["enabled"]:
        lines += paragraph(f"Nothing is recorded while it is off. Turn it on: {turn_on}", width)
    if not report["hasLiveWallet"]:
        lines += paragraph("It has no live wallet, so there are no real fills to compare.", width)
    if not total["fills"]:
        if report["enabled"] and report["hasLiveWallet"]:
            lines += paragraph(
                "No live fill has landed yet; it is recorded some seconds after it did.", width
            )
        return lines
    if not report["complete"]:
        lines += paragraph("There are more: only the newest are counted.", width)
    columns = (
        "token",
        "fills",
        "price gap % mean",
        "median",
        "worst",
        "SOL lost",
        "trigger→order ms",
        "order→landing ms",
    )
    named = [*((one["tokenSymbol"] or one["tokenAddress"], one) for one in report["tokens"]), ("all", total)]
    lines += ["", *table(columns, [_row(label, one) for label, one in named], width=width)]
    fees = [
        (label, total[key]["realSol"], total[key]["paperSol"], total[key]["fills"])
        for label, key in (
            ("network", "networkFee"),
            ("priority", "priorityFee"),
            ("platform", "platformFee"),
        )
    ]
    lines += ["", *table(("fee", "real SOL", "simulated SOL", "fills"), fees, width=width)]
    landing = total["triggerToLandingMs"]
    lines += [
        "",
        *paragraph(
            f"From trigger to landing: mean {landing['mean']} ms, median {landing['median']} ms, worst {landing['worst']} ms",
            width,
        ),
    ]
    return lines


def _row(label: str, one: Mapping[str, Any]) -> tuple[object, ...]:
    gap = one["priceGapPercent"]
    return (
        label,
        one["fills"],
        gap["mean"],
        gap["median"],
        gap["worst"],
        one["priceGapSol"],
        one["triggerToOrderMs"]["median"],
        one["orderToLandingMs"]["median"],
    )
