"""`nexgent serve`."""

from __future__ import annotations

import argparse

from nexgent.bootstrap.app import run_service
from nexgent.cli import exit_codes
from nexgent.cli.running import load_settings, run_async


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options: everything is a setting."""
    parser.epilog = "HOST, PORT, DATABASE_URL, REDIS_URL and everything else are settings: see env.example."


def run(_arguments: argparse.Namespace) -> int:
    """Run until told to stop."""
    settings = load_settings()
    run_async(run_service(settings))
    return exit_codes.OK
