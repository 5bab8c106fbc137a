"""`nexgent notify`: where you are told what happens, and what you were told."""

from __future__ import annotations

import argparse
import re
from typing import Any
from urllib.parse import urlencode

from nexgent.cli.agents import choose_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.options import whole_number
from nexgent.cli.passphrases import typed
from nexgent.cli.running import answer
from nexgent.cli.tables import line_width, paragraph, table
from nexgent.config.settings import Settings
from nexgent.domain.notifications.models import EventKind, Level
from nexgent.shared.errors import InvalidInputError, NotFoundError

_QUIET = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")
_KINDS = tuple(kind.value for kind in EventKind if kind is not EventKind.TEST)


class TargetUnknownError(NotFoundError):
    """The user has no such target."""

    code = "NOTIFICATION_TARGET_NOT_FOUND"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--add", metavar="NAME", help="add a target; asks for its address")
    action.add_argument("--test", metavar="ID_OR_NAME", help="send a message to a target now")
    action.add_argument("--remove", metavar="ID_OR_NAME", help="delete a target, with what waits for it")
    action.add_argument("--sent", action="store_true", help="list what was sent, what waits and what failed")
    parser.add_argument(
        "--webhook",
        action="store_true",
        help="with --add: an address of http(s) for a program, which gets each notification signed",
    )
    parser.add_argument(
        "--level",
        choices=tuple(level.value for level in Level),
        help="with --add: only what matters at least so much (info)",
    )
    parser.add_argument(
        "--event",
        action="append",
        choices=_KINDS,
        metavar="KIND",
        help=f"with --add: only of this kind; may be repeated (all): {', '.join(_KINDS)}",
    )
    parser.add_argument(
        "--agent", metavar="ID_OR_NAME", help="with --add: only what concerns this agent, or none (all)"
    )
    parser.add_argument(
        "--quiet", metavar="FROM-TO", help="with --add: what is no danger waits, such as 22:00-07:00"
    )
    parser.add_argument(
        "--zone", metavar="ZONE", default="UTC", help="with --quiet: whose clock, such as Europe/Berlin (UTC)"
    )
    parser.add_argument(
        "--limit", type=whole_number(1, 1000), default=20, metavar="COUNT", help="with --sent: how many (20)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = (
        "An address is as good as a password, so it is never an argument, where other users of the machine could read it: it "
        "is asked for, or read from standard input when that is a pipe. Addresses for people are those of the library apprise: "
        "ntfy://topic, tgram://token/chat, discord://…, mailto://…"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked and print the answer."""
    if arguments.add is None and (
        arguments.webhook or arguments.level or arguments.event or arguments.agent or arguments.quiet
    ):
        raise InvalidInputError("--webhook, --level, --event, --agent and --quiet belong to --add")
    return answer(arguments, _act)


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[list[str], Any]:
    quiet = quiet_hours(arguments.quiet, arguments.zone)
    url = typed(f"Address of {arguments.add}: ") if arguments.add is not None else ""
    async with ApiClient.of(arguments, settings) as api:
        if arguments.add is not None:
            return await _add(api, arguments, url, quiet)
        if arguments.sent:
            sent = await api.call("GET", f"/notifications?{urlencode({'limit': arguments.limit})}")
            return sent_lines(sent, line_width()), sent
        targets = await api.call("GET", "/notifications/targets")
        if arguments.test is not None:
            target = choose_target(targets["items"], arguments.test)
            done = await api.call("POST", f"/notifications/targets/{target['id']}/test", {})
            return [f"A message was sent to {target['name']} ({target['address']})."], done
        if arguments.remove is not None:
            target = choose_target(targets["items"], arguments.remove)
            done = await api.call("DELETE", f"/notifications/targets/{target['id']}")
            return [f"{target['name']} ({target['address']}) is told nothing any more."], done
        return target_lines(targets["items"], line_width()), targets


async def _add(
    api: ApiClient, arguments: argparse.Namespace, url: str, quiet: dict[str, str] | None
) -> tuple[list[str], Any]:
    body: dict[str, object] = {
        "name": arguments.add,
        "channel": "webhook" if arguments.webhook else "apprise",
        "url": url,
    }
    if arguments.level is not None:
        body["minLevel"] = arguments.level
    if arguments.event:
        body["events"] = arguments.event
    if quiet is not None:
        body["quietHours"] = quiet
    if arguments.agent is not None:
        agent = choose_agent(await api.call("GET", "/agents"), arguments.agent)
        body["agentIds"] = [agent["id"]]
    made = await api.call("POST", "/notifications/targets", body)
    lines = [f"{made['name']} ({made['address']}) will be told. Try it: nexgent notify --test {made['id']}"]
    if made["secret"] is not None:
        lines.append(f"Its messages are signed with this secret, which is shown this once: {made['secret']}")
    return lines, made


def quiet_hours(text: str | None, zone: str) -> dict[str, str] | None:
    """Return quiet hours as the API takes them. Raises `InvalidInputError`."""
    if text is None:
        return None
    match = _QUIET.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"--quiet: {text!r} is not two times of the day such as 22:00-07:00")
    return {"from": match[1], "to": match[2], "timeZone": zone}


def choose_target(targets: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """Return the target with that id, else the only one with that name. Raises `TargetUnknownError`, `InvalidInputError`."""
    text = wanted.strip()
    found = [one for one in targets if one["id"] == text.lower()] or [
        one for one in targets if str(one["name"]).casefold() == text.casefold()
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInputError(f"{len(found)} targets are called {text!r}; say which one by its id")
    there = ", ".join(str(one["name"]) for one in targets) or "none"
    raise TargetUnknownError(f"No target has the id or name {text!r}; there are: {there}")


def target_lines(targets: list[dict[str, Any]], width: int | None) -> list[str]:
    """Return targets as a table for people, and what is wrong with some of them."""
    if not targets:
        return ["Nobody is told anything yet; add a target with --add NAME."]
    rows = [
        (
            target["id"],
            target["name"],
            target["address"],
            _how(target),
            target["sentCount"],
            target["failedCount"],
            target["lastSentAt"],
        )
        for target in targets
    ]
    lines = table(("id", "name", "address", "state", "sent", "failed", "last sent"), rows, width=width)
    for target in targets:
        if target["lastError"]:
            lines += paragraph(
                f"{target['name']}, {target['lastErrorAt']}: {target['lastError']}", width, rest="  "
            )
    return lines


def sent_lines(sent: list[dict[str, Any]], width: int | None) -> list[str]:
    """Return deliveries as a table for people."""
    if not sent:
        return ["Nothing was to be told yet."]
    rows = [
        (one["at"], one["level"], one["title"], one["targetName"], one["state"], one["error"]) for one in sent
    ]
    return table(("when", "level", "what", "to", "state", "why not"), rows, width=width)


def _how(target: dict[str, Any]) -> str:
    if not target["enabled"]:
        return "off"
    return f"failing since {target['failingSince']}" if target["failingSince"] else "well"
