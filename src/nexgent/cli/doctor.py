"""`nexgent doctor`: is everything there that trading needs?"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence

from rich.text import Text

from nexgent.cli import exit_codes
from nexgent.cli.doctor_checks import examine, settings_findings
from nexgent.cli.doctor_network import network
from nexgent.cli.hints import as_typed
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.screen import Screen
from nexgent.cli.tables import line_width, paragraph
from nexgent.config.settings import SettingsError
from nexgent.shared.findings import Finding, Verdict

STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.epilog = "Exit code 0: nothing has failed. 1: something has."


def run(arguments: argparse.Namespace) -> int:
    """Check everything and say what to do."""
    try:
        settings = load_settings(level="error")
        findings = run_async(examine(settings))
        findings.insert(1, network(settings.server))
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


def finding_lines(findings: Sequence[Finding], width: int | None) -> list[str]:
    """Return each finding with what to do about it below; paths and addresses stay whole."""
    longest = max(len(finding.name) for finding in findings)
    lines: list[str] = []
    for finding in findings:
        first = f"{finding.verdict.value:<4}  {finding.name:<{longest}}  "
        lines += paragraph(finding.found, width, first=first)
        if finding.advice:
            lines += paragraph(as_typed(finding.advice), width, first=" " * len(first) + "→ ")
    return lines


def _show(findings: Sequence[Finding]) -> None:
    console = Screen(highlight=False, soft_wrap=True)
    for line in finding_lines(findings, line_width()):
        verdict = next((one for one in Verdict if line.startswith(f"{one.value} ")), None)
        console.print(
            Text(line, STYLES[verdict] if verdict is not None and verdict is not Verdict.OK else "")
        )
