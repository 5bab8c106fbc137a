"""`nexgent worker`."""

from __future__ import annotations

import argparse

from nexgent.bootstrap.worker import run_worker
from nexgent.cli import exit_codes
from nexgent.cli.running import load_settings, run_async


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options: everything is a setting."""
    parser.epilog = (
        "Without DATABASE_URL and REDIS_URL it joins the service that runs on the same data folder."
    )


def run(_arguments: argparse.Namespace) -> int:
    """Run until told to stop."""
    settings = load_settings()
    run_async(run_worker(settings))
    return exit_codes.OK
