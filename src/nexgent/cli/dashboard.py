"""`nexgent dashboard`: an address that opens the dashboard of the running service, logged in."""

from __future__ import annotations

import argparse
import json
import webbrowser
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--open", action="store_true", help="open it in the browser of this machine")
    parser.add_argument("--json", action="store_true", help="print the address and its end as JSON")
    add_connection_options(parser)
    parser.epilog = (
        "The address works once, within ten minutes, in a browser on the service's own machine (the demo's: anywhere). "
        "Without one, the dashboard asks for e-mail and password."
    )


def run(arguments: argparse.Namespace) -> int:
    """Make a link and show it."""
    link = run_async(_made(arguments, load_settings(level="error")))
    opened = arguments.open and webbrowser.open(link["url"])
    if arguments.json:
        print(json.dumps(link, indent=2))
        return exit_codes.OK
    print(f"This address opens the dashboard, logged in, once within ten minutes:\n\n  {link['url']}\n")
    if arguments.open and not opened:
        print("No browser could be opened here.")
    return exit_codes.OK


async def _made(arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    async with ApiClient.of(arguments, settings) as api:
        return await make_link(api)


async def make_link(api: ApiClient) -> dict[str, Any]:
    """Return the address of a new link and until when it is good. Raises `NexgentError` in the service's own words."""
    made = await api.call("POST", "/web/links")
    return {"url": f"{api.url}{made['path']}", "expiresAt": made["expiresAt"]}
