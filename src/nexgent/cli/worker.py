"""`nexgent worker`."""

from __future__ import annotations

import argparse

from nexgent.bootstrap.worker import run_worker
from nexgent.cli import exit_codes
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import is_private_to_the_service


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options: everything is a setting."""
    parser.epilog = (
        "Without DATABASE_URL and REDIS_URL it joins the service that runs on the same data folder."
    )


def run(_arguments: argparse.Namespace) -> int:
    """Run until told to stop."""
    # Not from `.env` either: what this process does not know, nobody finds in its memory.
    settings = load_settings(without=is_private_to_the_service)
    run_async(run_worker(settings))
    return exit_codes.OK
