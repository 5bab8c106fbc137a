"""What the agents package needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nexgent.domain.agents.models import Agent
from nexgent.shared.types import AgentId


class AgentRepository(Protocol):
    """The durable record of agents and their wallets."""

    async def list_all(self) -> Sequence[Agent]:
        """Return every agent of every user, with wallets and effective configuration."""

    async def list_deleted(self) -> Sequence[Agent]:
        """Return the agents that were deleted and whose records are still there; they have no wallets."""

    async def get(self, agent_id: AgentId) -> Agent | None:
        """Return one agent."""

    async def add(self, agent: Agent) -> None:
        """Store a new agent together with its wallets, all or nothing. Its stored configuration is empty (defaults apply)."""

    async def save(self, agent: Agent, *, store_config: bool | None = None, saved_by: str = "") -> None:
        """Store name, mode, toggles and `updated_at`.

        `store_config` True stores the effective configuration, False clears it (back to defaults), None leaves it alone. What is
        stored and is another one than before becomes part of the agent's history, as saved at `updated_at` by `saved_by`.
        """

    async def delete(self, agent_id: AgentId) -> None:
        """Remove the agent with its wallets, balances and positions; its transactions, closed trades and decisions stay.

        Unknown ids are ignored.
        """
