"""`nexgent live check AGENT`: everything that must be right before real money, and what to do about the rest."""

from __future__ import annotations

import argparse
import json
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from rich.text import Text

from nexgent.cli import exit_codes
from nexgent.cli.agents import find_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.doctor import STYLES, finding_lines
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.screen import Screen
from nexgent.cli.tables import line_width
from nexgent.config.settings import Settings
from nexgent.shared.findings import Finding, Verdict


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        help="look at key, balance, limits, clock, prices, node and a real order; nothing is signed or sent",
    )
    check.add_argument("agent", metavar="AGENT", help="id or name of the agent")
    check.add_argument("--cap", type=_amount, metavar="SOL", help="how much the wallet may hold at most")
    check.add_argument(
        "--min",
        type=_amount,
        metavar="SOL",
        help="how much it has to hold at least (purchaseLimits.minimumAgentBalance)",
    )
    check.add_argument(
        "--token",
        metavar="MINT",
        help="token of the trial order (the first of the agent's whitelist, else USDC)",
    )
    check.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(check)
    check.epilog = "Exit code 0: nothing has failed. 1: something has."
    parser.epilog = (
        "check AGENT [--cap SOL] [--min SOL] [--token MINT] [--json]: see `nexgent live check --help`."
    )


def run(arguments: argparse.Namespace) -> int:
    """Check and print the findings."""
    settings = load_settings(level="error")
    answer = run_async(_check(arguments, settings))
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        _show(answer)
    return exit_codes.OK if answer["ok"] else exit_codes.FAILURE


async def _check(arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    wishes = {"capSol": arguments.cap, "minimumSol": arguments.min, "token": arguments.token}
    query = urlencode({name: value for name, value in wishes.items() if value is not None})
    async with ApiClient.of(arguments, settings) as api:
        agent = await find_agent(api, arguments.agent)
        answer: dict[str, Any] = await api.call("GET", f"/agents/{agent['id']}/live-check?{query}")
        return answer


def _show(answer: dict[str, Any]) -> None:
    findings = [
        Finding(one["name"], Verdict(one["verdict"]), one["found"], one["advice"])
        for one in answer["findings"]
    ]
    console = Screen(highlight=False, soft_wrap=True)
    for line in finding_lines(findings, line_width()):
        verdict = next((one for one in Verdict if line.startswith(f"{one.value} ")), Verdict.OK)
        console.print(Text(line, "" if verdict is Verdict.OK else STYLES[verdict]))
    failed = sum(finding.verdict is Verdict.FAIL for finding in findings)
    warned = sum(finding.verdict is Verdict.WARN for finding in findings)
    print(f"\n{failed} failed, {warned} to look at. Nothing was signed, nothing was sent.")


def _amount(text: str) -> str:
    """Return an amount of SOL as it was typed."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of SOL greater than 0")
    return format(amount, "f")
