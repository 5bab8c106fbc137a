"""`nexgent version`."""

from __future__ import annotations

import argparse
from importlib.metadata import version

from nexgent.cli import exit_codes


def configure(_parser: argparse.ArgumentParser) -> None:
    """Add no options."""


def run(_arguments: argparse.Namespace) -> int:
    """Print the version."""
    print(f"nexgent {version('nexgent')}")
    return exit_codes.OK
