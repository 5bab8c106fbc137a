"""`nexgent secret`."""

from __future__ import annotations

import argparse
import secrets

from nexgent.cli import exit_codes


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options."""
    parser.epilog = "Put the printed line into .env."


def run(_arguments: argparse.Namespace) -> int:
    """Print a line for .env."""
    print(f"JWT_SECRET={secrets.token_urlsafe(48)}")
    return exit_codes.OK
