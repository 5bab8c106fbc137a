"""`nexgent serve`."""

from __future__ import annotations

import argparse

from nexgent.bootstrap.app import ServiceInfo, run_service
from nexgent.cli import exit_codes
from nexgent.cli.demo_files import is_local, mark_real_market
from nexgent.cli.running import load_settings, run_async


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options: everything is a setting."""
    parser.epilog = "HOST, PORT, DATABASE_URL, REDIS_URL and everything else are settings: see env.example."


def run(_arguments: argparse.Namespace) -> int:
    """Run until told to stop."""
    settings = load_settings()

    def ready(_info: ServiceInfo) -> None:
        if not is_local(settings.market.jupiter_base_url):
            mark_real_market(settings.storage.data_dir)

    run_async(run_service(settings, announce=ready))
    return exit_codes.OK
