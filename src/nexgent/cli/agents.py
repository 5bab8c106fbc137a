"""Which agent a command means. The one place that decides it, so that a name means the same everywhere."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from nexgent.cli.api_client import ApiClient
from nexgent.shared.errors import InvalidInputError, NotFoundError

DEMO_AGENT = "Demo"
SHOWN = 20


class AgentUnknownError(NotFoundError):
    """The user has no such agent, or none at all."""

    code = "AGENT_NOT_FOUND"


class AgentAmbiguousError(InvalidInputError):
    """Several agents could be meant, and guessing is for none of our commands."""

    code = "AGENT_AMBIGUOUS"


def add_agent_option(parser: argparse.ArgumentParser, otherwise: str) -> None:
    """Add `--agent`; `otherwise` tells which one is taken without it."""
    parser.add_argument("--agent", metavar="ID_OR_NAME", help=f"id or name of the agent ({otherwise})")


async def find_agent(api: ApiClient, wanted: str | None, *, any_will_do: bool = False) -> dict[str, Any]:
    """Return the caller's agent that is meant, as `choose_agent` does."""
    agents: list[dict[str, Any]] = await api.call("GET", "/agents")
    return choose_agent(agents, wanted, any_will_do=any_will_do)


def choose_agent(
    agents: Sequence[dict[str, Any]], wanted: str | None, *, any_will_do: bool = False
) -> dict[str, Any]:
    """Return the agent with that id, else the one with exactly that name, else the one with it in whatever case.

    Without a wish it is the only one there is. `any_will_do` is for commands that only look: they take the demo's, else the
    newest (agents come newest first). Names need not be unique: raises `AgentAmbiguousError` for one that several have, and
    `AgentUnknownError` for one that nobody has.
    """
    if not agents:
        raise AgentUnknownError("This user has no agent yet; create one with POST /api/v1/agents")
    if wanted is None:
        return _without_wish(agents, any_will_do=any_will_do)
    text = wanted.strip()
    for found in (
        [agent for agent in agents if str(agent["id"]) == text.lower()],
        [agent for agent in agents if agent["name"] == text],
        [agent for agent in agents if str(agent["name"]).casefold() == text.casefold()],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise AgentAmbiguousError(
                f"{len(found)} agents are called {text!r}; say which one with --agent ID:\n{_listed(found)}"
            )
    raise AgentUnknownError(f"No agent has the id or name {text!r}; there are:\n{_listed(agents)}")


def _without_wish(agents: Sequence[dict[str, Any]], *, any_will_do: bool) -> dict[str, Any]:
    if len(agents) == 1:
        return agents[0]
    if any_will_do:
        return next((agent for agent in agents if agent["name"] == DEMO_AGENT), agents[0])
    raise AgentAmbiguousError(
        f"There are {len(agents)} agents; say which one with --agent ID_OR_NAME:\n{_listed(agents)}"
    )


def _listed(agents: Sequence[dict[str, Any]]) -> str:
    lines = [f"  {agent['id']}  {agent['name']}" for agent in agents[:SHOWN]]
    if len(agents) > SHOWN:
        lines.append(f"  … and {len(agents) - SHOWN} more")
    return "\n".join(lines)
