"""`nexgent log-level [LEVEL]`: how much the running service logs, until its next start."""

from __future__ import annotations

import argparse
from typing import Any

from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.running import answer
from nexgent.config.settings import Settings
from nexgent.shared.errors import InvalidInputError

BACK = "back"
LEVELS = ("debug", "info", "warn", "error", BACK)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "level",
        nargs="?",
        choices=LEVELS,
        metavar="LEVEL",
        help="debug, info, warn or error; `back` takes back what was set, of parts as well unless one is "
        "named; left out, only show what is in force",
    )
    parser.add_argument(
        "--logger",
        metavar="MODULE",
        help="only what this module or package says, such as nexgent.domain.prices (everything)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = (
        "For the administrator (ADMIN_EMAIL). It holds in all processes that share the service's Redis, workers as well, "
        "until each one's next start: LOG_LEVEL is what every start begins with."
    )


def run(arguments: argparse.Namespace) -> int:
    """Change what was asked for, and show what is in force."""
    if arguments.logger is not None and arguments.level is None:
        raise InvalidInputError("--logger needs a level")
    return answer(arguments, _act)


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[list[str], object]:
    async with ApiClient.of(arguments, settings) as api:
        standing: dict[str, Any]
        if arguments.level is None:
            standing = await api.call("GET", "/admin/log-level")
        else:
            level = None if arguments.level == BACK else arguments.level
            body = {"level": level, **({"logger": arguments.logger} if arguments.logger else {})}
            standing = await api.call("PUT", "/admin/log-level", body)
    return _lines(standing), standing


def _lines(standing: dict[str, Any]) -> list[str]:
    configured = (
        "" if standing["level"] == standing["configured"] else f" (configured: {standing['configured']})"
    )
    lines = [f"Logged from level {standing['level']} on{configured}."]
    lines += [f"  {name}: from {level} on" for name, level in sorted(standing["loggers"].items())]
    if "processes" in standing:
        told = standing["processes"]
        lines.append(
            "Redis does not answer: other processes are told as soon as it does."
            if told is None
            else f"In force in {told} process{'' if told == 1 else 'es'}."
        )
    return lines
