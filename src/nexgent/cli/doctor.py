"""`nexgent doctor`: is everything there that trading needs?"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nexgent.cli import exit_codes
from nexgent.cli.doctor_checks import Finding, Verdict, examine, settings_findings
from nexgent.cli.hints import as_typed
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import SettingsError

STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.epilog = "Exit code 0: nothing has failed. 1: something has."


def run(arguments: argparse.Namespace) -> int:
    """Check everything and say what to do."""
    try:
        findings = run_async(examine(load_settings(level="error")))
    except SettingsError as error:
        findings = settings_findings(error.problems)
    failed = any(finding.verdict is Verdict.FAIL for finding in findings)
    if arguments.json:
        print(
            json.dumps(
                {"ok": not failed, "findings": [dataclasses.asdict(one) for one in findings]}, indent=2
            )
        )
    else:
        _show(findings)
    return exit_codes.FAILURE if failed else exit_codes.OK


def _show(findings: Sequence[Finding]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("check", "result", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        result = Text(finding.verdict.value, STYLES[finding.verdict])
        table.add_row(finding.name, result, Text(finding.found), Text(as_typed(finding.advice)))
    Console(highlight=False).print(table)
