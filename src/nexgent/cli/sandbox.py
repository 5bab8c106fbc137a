"""`nexgent sandbox`."""

from __future__ import annotations

import argparse

from nexgent.cli import exit_codes
from nexgent.cli.options import port
from nexgent.cli.running import load_settings, run_async
from nexgent.sandbox.server import serve_sandbox
from nexgent.sandbox.settings import SandboxSettings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add options for the settings people change most."""
    parser.add_argument("--port", type=port, help="port to listen on (SANDBOX_PORT, 4100)")
    parser.add_argument("--quiet", action="store_true", help="do not print how to use it")


def run(arguments: argparse.Namespace) -> int:
    """Run until told to stop."""
    load_settings()
    settings = SandboxSettings() if arguments.port is None else SandboxSettings(port=arguments.port)

    def ready(url: str) -> None:
        if not arguments.quiet:
            print(f"The sandbox market listens on {url}; its control API is {url}/control/state", flush=True)

    run_async(serve_sandbox(settings, ready=ready))
    return exit_codes.OK
