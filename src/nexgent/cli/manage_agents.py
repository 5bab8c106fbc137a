"""`nexgent agents`: an agent's life: made, configured, started and stopped, copied, deleted."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from nexgent.cli.agents import find_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.deposit import deposit
from nexgent.cli.options import amount_sol
from nexgent.cli.questions import agreed
from nexgent.cli.running import answer
from nexgent.cli.tables import line_width, table
from nexgent.config.settings import Settings
from nexgent.shared.errors import InvalidInputError, NexgentError

_MODES = {"simulation": "automatedTradingSimulation", "live": "automatedTradingLive"}
_SECTIONS_FROM = "config"
Answer = tuple[list[str], object]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, summary: str, *, agent: str = "") -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=summary, description=summary)
        if agent:
            added.add_argument("agent", metavar="AGENT", nargs="?" if agent == "?" else None, help=_AGENT)
        added.add_argument("--json", action="store_true", help="print JSON")
        add_connection_options(added)
        return added

    listing = action("list", "list your agents, newest first")
    listing.add_argument("--deleted", action="store_true", help="those that were deleted instead")
    creation = action("create", "make an agent with a paper wallet")
    creation.add_argument("name", metavar="NAME", help="3 to 50 characters")
    creation.add_argument(
        "--mode",
        choices=("simulation", "live"),
        default="simulation",
        help="live is for real money (simulation)",
    )
    creation.add_argument(
        "--rules", metavar="FILE", help="rules of a file, as `export` writes them; - for standard input"
    )
    creation.add_argument("--deposit", type=amount_sol, metavar="SOL", help="simulated SOL to begin with")
    action("show", "how an agent stands", agent="?")
    change = action("config", "show an agent's rules, or change some of them", agent="?")
    change.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="such as stopLoss.defaultPercentage=-10; may be repeated. Lists and groups are JSON",
    )
    action("start", "let an agent trade by itself, in its present mode", agent="?")
    action(
        "stop",
        "let an agent buy no more by itself; its open positions are watched and sold all the same",
        agent="?",
    )
    action("export", "print an agent's rules, for a file", agent="?")
    taking = action("import", "give an agent the rules of a file", agent="!")
    taking.add_argument("file", metavar="FILE", help="as `export` writes it; - for standard input")
    copying = action("copy", "make another agent with the same rules", agent="!")
    copying.add_argument("name", metavar="NAME", help="of the new one")
    deletion = action("delete", "delete an agent; what it did stays readable", agent="!")
    deletion.add_argument("--yes", action="store_true", help="do not ask, also when positions are open")
    parser.epilog = (
        "AGENT is an id, or a name that only one agent has. Rules are those of the dashboard and of `/agents/ID/config`. "
        "Exit code 1: you thought better of it."
    )


_AGENT = "id or name of the agent"


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked and print the answer."""
    return answer(arguments, _act)


def read_rules(name: str) -> dict[str, Any]:
    """Return the rules of a file: as they are, or as the answer of the API has them. Raises `InvalidInputError`."""
    where = "Standard input" if name == "-" else name
    try:
        text = sys.stdin.read() if name == "-" else Path(name).expanduser().read_text(encoding="utf-8")
        rules = json.loads(text)
    except FileNotFoundError:
        raise InvalidInputError(f"There is no file {name}.") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"{where} is not text in UTF-8.") from None
    except ValueError as error:
        at = (
            f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise InvalidInputError(f"{where} is not JSON{at}.") from None
    if isinstance(rules, dict) and isinstance(rules.get(_SECTIONS_FROM), dict):
        rules = rules[_SECTIONS_FROM]
    if not isinstance(rules, dict):
        raise InvalidInputError(f"{where} has no rules: an object of sections such as stopLoss is needed.")
    return rules


def changes_of(settings: Sequence[str]) -> dict[str, Any]:
    """Return `a.b=1` and the like as a partial configuration. Raises `InvalidInputError`."""
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        path = name.strip().split(".")
        if not equals or not all(path):
            raise InvalidInputError(f"{setting!r} is not NAME=VALUE, such as stopLoss.defaultPercentage=-10")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        place = changes
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise InvalidInputError(f"{name} is given as a whole already")
        place[path[-1]] = value
    return changes


async def _act(arguments: argparse.Namespace, settings: Settings) -> Answer | None:
    """Return the answer for people and for programs; None when somebody thought better of it."""
    given = None
    if arguments.action == "import":
        given = read_rules(arguments.file)
    elif arguments.action == "create" and arguments.rules:
        given = read_rules(arguments.rules)
    async with ApiClient.of(arguments, settings) as api:
        match arguments.action:
            case "list":
                agents = await api.call("GET", f"/agents{'?deleted=true' if arguments.deleted else ''}")
                return agent_lines(agents, line_width()), agents
            case "create":
                return await _create(api, arguments, given)
            case _:
                agent = await find_agent(api, arguments.agent)
                return await _act_on(api, arguments, agent, given)


async def _act_on(
    api: ApiClient, arguments: argparse.Namespace, agent: dict[str, Any], given: dict[str, Any] | None
) -> Answer | None:
    path = f"/agents/{agent['id']}"
    match arguments.action:
        case "show":
            return await _show(api, agent)
        case "config" if arguments.set:
            saved = await api.call("PATCH", f"{path}/config", {"config": changes_of(arguments.set)})
            return [f"{agent['name']} trades by the new rules."], saved["config"]
        case "config" | "export":
            found = await api.call("GET", f"{path}/config")
            return json.dumps(found["config"], indent=2).splitlines(), found["config"]
        case "import":
            saved = await api.call("PUT", f"{path}/config", {"config": given})
            return [f"{agent['name']} trades by the rules of the file."], saved["config"]
        case "start" | "stop":
            on = arguments.action == "start"
            agent = await api.call("PUT", path, {_MODES[agent["tradingMode"]]: on})
            return [
                f"{agent['name']} {'trades' if on else 'buys no more'} by itself ({agent['tradingMode']})."
            ], agent
        case "copy":
            return await _copy(api, arguments, agent)
        case _:
            return await _delete(api, arguments, agent)


async def _create(api: ApiClient, arguments: argparse.Namespace, rules: dict[str, Any] | None) -> Answer:
    if arguments.deposit is not None and arguments.mode == "live":
        raise InvalidInputError("--deposit is for simulated SOL; a live wallet is funded on the chain")
    agent = await _make(api, arguments.name, arguments.mode, rules, arguments.deposit)
    lines = [f"Agent {agent['name']} is made: {agent['id']}"]
    if rules is not None:
        lines.append("It trades by the rules of the file.")
    if arguments.deposit is not None:
        lines.append(f"{arguments.deposit} simulated SOL are deposited.")
    return lines, agent


async def _copy(api: ApiClient, arguments: argparse.Namespace, agent: dict[str, Any]) -> Answer:
    rules = (await api.call("GET", f"/agents/{agent['id']}/config"))["config"]
    made = await _make(api, arguments.name, "simulation", rules, None)
    return [
        f"Agent {made['name']} is made with the rules of {agent['name']}: {made['id']}",
        "It trades on paper, and has no SOL yet.",
    ], made


async def _make(
    api: ApiClient, name: str, mode: str, rules: dict[str, Any] | None, deposit_sol: Decimal | None
) -> dict[str, Any]:
    """Return a new agent with everything it was to have; when that cannot be, there is none."""
    agent: dict[str, Any] = await api.call("POST", "/agents", {"name": name, "tradingMode": mode})
    try:
        if rules is not None:
            await api.call("PUT", f"/agents/{agent['id']}/config", {"config": rules})
        if deposit_sol is not None:
            await deposit(api, agent["id"], f"{deposit_sol:f}", agent["createdAt"])
    except NexgentError:
        await api.call("DELETE", f"/agents/{agent['id']}?confirm=true")
        raise
    return agent


async def _delete(api: ApiClient, arguments: argparse.Namespace, agent: dict[str, Any]) -> Answer | None:
    positions = await api.call("GET", f"/agent-positions/{agent['id']}")
    if not arguments.yes:
        lost = (
            f" with {len(positions)} open position{'' if len(positions) == 1 else 's'}" if positions else ""
        )
        where = " Tokens of a live wallet stay in it on the chain, unwatched." if positions else ""
        if not agreed(f"Delete agent {agent['name']} ({agent['tradingMode']}){lost}?{where}"):
            return None
    deleted = await api.call("DELETE", f"/agents/{agent['id']}?confirm=true")
    return [f"Agent {agent['name']} is deleted; what it did stays readable."], deleted


async def _show(api: ApiClient, agent: dict[str, Any]) -> Answer:
    agent_id = agent["id"]
    figures = await api.call("GET", f"/agents/{agent_id}/performance")
    wallets = (await api.call("GET", "/wallets"))["wallets"]
    addresses = sorted(one["walletAddress"] for one in wallets if one["agentId"] == agent_id)
    rows: list[tuple[str, object]] = [
        ("agent", agent["name"]),
        ("id", agent_id),
        ("mode", agent["tradingMode"]),
        ("trades by itself", "yes" if agent[_MODES[agent["tradingMode"]]] else "no"),
        *((f"wallet {at + 1}" if at else "wallet", one) for at, one in enumerate(addresses)),
        ("worth (SOL)", figures["portfolioBalanceSol"]),
        ("profit (SOL)", figures["totalProfitLossSol"]),
        ("open positions", figures["totalOpenPositions"]),
        ("closed trades", figures["totalClosedTrades"]),
        ("win rate (%)", figures["winRate"]),
    ]
    return table(("", ""), rows, width=None)[1:], {**agent, "performance": figures}


def agent_lines(agents: Sequence[dict[str, Any]], width: int | None) -> list[str]:
    """Return agents as a table for people."""
    if not agents:
        return ["There are no agents; `nexgent agents create NAME` makes one."]
    rows = [
        (
            agent["id"],
            agent["name"],
            agent["tradingMode"],
            "trades" if agent[_MODES[agent["tradingMode"]]] else "stopped",
            agent["createdAt"],
        )
        for agent in agents
    ]
    return table(("id", "name", "mode", "by itself", "made"), rows, width=width)
