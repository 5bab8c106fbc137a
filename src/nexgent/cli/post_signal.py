"""`nexgent signal TOKEN`."""

from __future__ import annotations

import argparse

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("token", help="mint address of the token")
    parser.add_argument("--symbol", help="symbol to show")
    parser.add_argument("--strength", type=int, default=3, choices=range(1, 6), help="1 to 5 (3)")
    parser.add_argument("--type", default="MANUAL", help="free text agents can filter on (MANUAL)")
    add_connection_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Post the signal and say what to do next."""
    settings = load_settings(level="error")
    signal_id = run_async(_post(arguments, settings))
    print(f"Signal {signal_id} is stored. `nexgent explain {signal_id}` shows what every agent made of it.")
    return exit_codes.OK


async def _post(arguments: argparse.Namespace, settings: Settings) -> int:
    body = {
        "tokenAddress": arguments.token,
        "symbol": arguments.symbol,
        "signalType": arguments.type,
        "signalStrength": arguments.strength,
        "source": "nexgent signal",
    }
    async with ApiClient.of(arguments, settings) as api:
        return int((await api.call("POST", "/trading-signals", body))["id"])
