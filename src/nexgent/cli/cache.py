"""`nexgent cache`: how the copies in Redis stand; have them written again, or dropped."""

from __future__ import annotations

import argparse
import json
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.questions import agreed
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.tables import words
from nexgent.config.settings import Settings
from nexgent.shared.errors import InvalidInputError

_QUESTIONS = {
    "clear": "Drop all copies in the cache? They are written again within a second or so.",
    "reset": "Drop all copies in the cache and write them again?",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--warm",
        action="store_const",
        const="warm",
        dest="action",
        help="write everything again; drops nothing",
    )
    action.add_argument("--clear", action="store_const", const="clear", dest="action", help="drop all copies")
    action.add_argument(
        "--reset",
        action="store_const",
        const="reset",
        dest="action",
        help="drop all copies and write them again",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before --clear and --reset")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = (
        "For the administrator (ADMIN_EMAIL). Redis holds copies only: dropping them loses nothing. "
        "Sessions, locks, rate limits and the queue are never touched. Exit code 1: Redis does not answer."
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked and print the answer."""
    if arguments.yes and arguments.action not in _QUESTIONS:
        raise InvalidInputError("--yes belongs to --clear or --reset")
    if arguments.action in _QUESTIONS and not arguments.yes and not agreed(_QUESTIONS[arguments.action]):
        return exit_codes.FAILURE
    settings = load_settings(level="error")
    answer: dict[str, Any] = run_async(_act(arguments, settings))
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        _show(answer)
    # A service without its cache still trades, but whoever asks how it stands wants to know.
    return exit_codes.OK if answer.get("connected", True) else exit_codes.FAILURE


async def _act(arguments: argparse.Namespace, settings: Settings) -> Any:  # JSON of any shape
    async with ApiClient.of(arguments, settings) as api:
        if arguments.action is None:
            return await api.call("GET", "/admin/cache/status")
        body = {"confirm": True} if arguments.action in _QUESTIONS else {}
        return await api.call("POST", f"/admin/cache/{arguments.action}", body)


def _show(answer: dict[str, Any]) -> None:
    if "counts" in answer:
        state = "connected" if answer["connected"] else "not connected"
        print(f"Redis is {state}; keys begin with {answer['keyPrefix']!r}")
        for name, count in answer["counts"].items():
            print(f"  {words(name):<14} {count:>8}")
        return
    if "cleared" in answer:
        print(f"Dropped {answer['cleared']} keys")
    if "warmed" in answer:
        counts = ", ".join(f"{count} {words(name)}" for name, count in answer["warmed"].items())
        print(f"Written: {counts}")
    print(f"Done in {answer['duration']} ms")
