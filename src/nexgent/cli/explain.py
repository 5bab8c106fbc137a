"""`nexgent explain SIGNAL`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("signal", type=int, help="id of the signal")
    parser.add_argument("--json", action="store_true", help="print the decisions as JSON")
    add_connection_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show every agent's decision with its gates."""
    settings = load_settings(level="error")
    decisions = run_async(_fetch(arguments, settings))
    if arguments.json:
        print(json.dumps(decisions, indent=2))
    else:
        show_decisions(decisions)
    return exit_codes.OK


async def _fetch(arguments: argparse.Namespace, settings: Settings) -> list[dict[str, Any]]:
    async with ApiClient.of(arguments, settings) as api:
        answer = await api.call("GET", f"/trading-signals/{arguments.signal}/decisions")
        decisions: list[dict[str, Any]] = answer["decisions"]
        return decisions


def show_decisions(decisions: list[dict[str, Any]]) -> None:
    """Print every decision with its gates."""
    console = Console()
    if not decisions:
        console.print("No agent has decided on this signal yet.")
    for decision in decisions:
        table = Table(title=f"agent {decision['agentId']}: {decision['outcome']}", title_justify="left")
        for column in ("gate", "value", "limit", "passed"):
            table.add_column(column, overflow="fold")
        for gate in decision["gates"]:
            passed = "yes" if gate["passed"] else "NO"
            table.add_row(gate["name"], str(gate["value"] or ""), str(gate["limit"] or ""), passed)
        console.print(table)
        for key in (
            "code",
            "reason",
            "sizeSol",
            "priceSol",
            "priceSource",
            "priceAgeMs",
            "latencyMs",
            "positionId",
        ):
            if decision.get(key) not in (None, {}, ""):
                console.print(f"  {key}: {decision[key]}")
