"""`nexgent protections`: how agents stand, resets, and the kill switch."""

from __future__ import annotations

import argparse
import json
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings
from nexgent.shared.errors import InvalidInputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--agent", help="id or name of the agent (the only one, if there is one)")
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--reset", action="store_true", help="forget the agent's losses, streaks, cooldowns and counts"
    )
    action.add_argument(
        "--stop", metavar="REASON", help="engage your kill switch: no new entries for any agent"
    )
    action.add_argument("--resume", action="store_true", help="release your kill switch")
    add_connection_options(parser)
    parser.epilog = "Protections and the kill switch block new entries only; exits go on."


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked and print the answer."""
    settings = load_settings(level="error")
    print(json.dumps(run_async(_act(arguments, settings)), indent=2))
    return exit_codes.OK


async def _act(arguments: argparse.Namespace, settings: Settings) -> Any:  # JSON of any shape
    async with ApiClient.of(arguments, settings) as api:
        if arguments.stop is not None:
            body = {"engaged": True, "reason": arguments.stop}
            return await api.call("PUT", "/protections/kill-switch", body)
        if arguments.resume:
            return await api.call("PUT", "/protections/kill-switch", {"engaged": False})
        agent = await _agent(api, arguments.agent)
        if arguments.reset:
            return await api.call("POST", f"/agents/{agent}/protections/reset", {})
        return await api.call("GET", f"/agents/{agent}/protections")


async def _agent(api: ApiClient, wanted: str | None) -> str:
    agents: list[dict[str, Any]] = await api.call("GET", "/agents")
    found = [agent for agent in agents if wanted in (None, agent["id"], agent["name"])]
    if len(found) == 1:
        return str(found[0]["id"])
    names = ", ".join(agent["name"] for agent in agents) or "none"
    raise InvalidInputError(f"Name one agent with --agent; there are: {names}")
