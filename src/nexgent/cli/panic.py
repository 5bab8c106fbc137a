"""`nexgent panic`: stop all entries, exit everything, and watch until it is flat."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, ServiceUnreachableError, add_connection_options
from nexgent.cli.hints import command
from nexgent.cli.options import whole_number
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.tables import line_width, paragraph, table
from nexgent.config.settings import Settings
from nexgent.shared.errors import InvalidInputError

LOOK_SECONDS = 0.5
SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--flatten", action="store_true", help="exit everything as well, until it is flat")
    parser.add_argument(
        "--all", action="store_true", help="everybody's agents, not your own only (administrator)"
    )
    parser.add_argument("--reason", metavar="TEXT", default="panic", help="why, for those who look (panic)")
    parser.add_argument(
        "--no-wait", action="store_true", help="with --flatten: do not wait until everything is sold"
    )
    parser.add_argument(
        "--timeout",
        type=whole_number(1, 86_400),
        metavar="SECONDS",
        help="with --flatten: wait so long at most; the exits go on all the same",
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--status", action="store_true", help="only show how things stand")
    other.add_argument("--resume", action="store_true", help="let agents buy again")
    parser.add_argument("--json", action="store_true", help="print JSON, once, at the end")
    add_connection_options(parser)
    parser.epilog = (
        "Exit code 0: done (with --flatten: everything is sold, or --no-wait). 1: positions remain. "
        "Doing it twice does nothing twice. Interrupting the command interrupts no exit."
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked and print how things stand."""
    if (arguments.no_wait or arguments.timeout is not None) and not arguments.flatten:
        raise InvalidInputError("--no-wait and --timeout belong to --flatten")
    if (arguments.status or arguments.resume) and arguments.flatten:
        raise InvalidInputError("--flatten does not go with --status or --resume")
    settings = load_settings(level="error")
    state = run_async(_act(arguments, settings))
    if arguments.json:
        print(json.dumps(state, indent=2))
    else:
        print("\n".join(state_lines(state, line_width(), resume_command(arguments))))
    waited = arguments.flatten and not arguments.no_wait
    return exit_codes.FAILURE if waited and not state["flat"] else exit_codes.OK


def resume_command(arguments: argparse.Namespace) -> str:
    """Return what releases the switch again, as it has to be typed."""
    return command("panic", "--resume", *(["--all"] if arguments.all else []), arguments=arguments)


async def _act(arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    scope = "system" if arguments.all else "user"
    where = f"/protections/panic?scope={scope}"
    async with ApiClient.of(arguments, settings) as api:
        if arguments.resume:
            await api.call("PUT", "/protections/kill-switch", {"engaged": False, "scope": scope})
        if arguments.resume or arguments.status:
            shown: dict[str, Any] = await api.call("GET", where)
            return shown
        body = {"flatten": arguments.flatten, "scope": scope, "reason": arguments.reason}
        state: dict[str, Any] = await api.call("POST", "/protections/panic", body)
        if not arguments.flatten or arguments.no_wait:
            return state
        return await _until_flat(api, where, state, arguments)


async def _until_flat(
    api: ApiClient, where: str, state: dict[str, Any], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Follow the exits, telling of each change, until everything is sold or the time is over."""
    deadline = time.monotonic() + arguments.timeout if arguments.timeout is not None else None
    told = ""
    while not state["flat"] and (deadline is None or time.monotonic() < deadline):
        now = progress_line(state)
        if now != told and not arguments.json:
            print(now, flush=True)
        told = now
        await asyncio.sleep(LOOK_SECONDS)
        state = await _look(api, where, state)
        if not state["engaged"]:
            # Somebody has released the switch meanwhile; exits that have begun go on.
            break
    return state


async def _look(api: ApiClient, where: str, before: dict[str, Any]) -> dict[str, Any]:
    """Return how things stand. A service that is away for a moment is no reason to look away: the exits outlive a restart."""
    try:
        state: dict[str, Any] = await api.call("GET", where)
    except ServiceUnreachableError as error:
        print(error.message, file=sys.stderr, flush=True)
        return before
    return state


def progress_line(state: Mapping[str, Any]) -> str:
    """Return in one line what remains, and what keeps it."""
    names = [_one(one) for one in state["remaining"][:5]]
    more = state["remainingCount"] - len(names)
    text = f"{state['remainingCount']} open: {', '.join(names)}" if names else "0 open"
    if more > 0:
        text += f" and {more} more"
    if state["entriesUnderWay"]:
        text += f"; {state['entriesUnderWay']} purchases under way"
    return text


def _one(remaining: Mapping[str, Any]) -> str:
    trouble = f" ({remaining['code']}, {remaining['attempts']} attempts)" if remaining["code"] else ""
    return f"{remaining['tokenSymbol']}{trouble}"


def state_lines(state: Mapping[str, Any], width: int | None, resume: str) -> list[str]:
    """Return how things stand, for people, with what to do about it."""
    whose = "all agents" if state["scope"] == "system" else "your agents"
    lines: list[str] = []
    if state["engaged"]:
        because = f": {state['reason']}" if state["reason"] else ""
        lines += paragraph(f"Entries of {whose} are stopped since {state['changedAt']}{because}", width)
    else:
        lines.append(f"Entries of {whose} are not stopped by this switch.")
    if not state["recorded"]:
        lines += paragraph(
            "The database is away: the running service remembers this by itself and records it when it is back. "
            "Do not restart the service until then.",
            width,
        )
    if state["flatten"] and not state["engine"]:
        lines += paragraph("This process is a replica; the engine sells.", width)
    if state["flat"]:
        lines.append("Nothing is held.")
    else:
        lines += _remaining_lines(state, width)
    if state["engaged"]:
        lines += paragraph(f"To let agents buy again: {resume}", width)
    return lines


def _remaining_lines(state: Mapping[str, Any], width: int | None) -> list[str]:
    lines = []
    if state["entriesUnderWay"]:
        text = f"{state['entriesUnderWay']} purchases are under way and may still become positions."
        lines += paragraph(text, width)
    if not state["remainingCount"]:
        return lines
    leaving = "being sold" if state["flatten"] else "open"
    lines.append(f"Positions {leaving}: {state['remainingCount']}")
    rows = [
        (
            one["tokenSymbol"],
            one["agentName"],
            one["walletType"],
            f"leaving ({one['exitReason']})" if one["exitReason"] else "held",
            one["attempts"],
            one["code"],
            one["positionId"],
        )
        for one in state["remaining"][:SHOWN]
    ]
    columns = ("token", "agent", "wallet", "state", "attempts", "trouble", "position")
    lines += table(columns, rows, width=width)
    if state["remainingCount"] > SHOWN:
        lines.append(f"… and {state['remainingCount'] - SHOWN} more")
    locked = sorted({one["walletAddress"] for one in state["remaining"] if one["code"] == "WALLET_LOCKED"})
    for wallet in locked:
        lines += paragraph(f"Its wallet is locked: nexgent wallets --unlock {wallet}", width)
    return lines
