"""What happened to agents."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.agents.models import Agent
from nexgent.shared.types import AgentId


@dataclass(frozen=True, slots=True)
class AgentSaved:
    """An agent was created or changed; carries its whole new state."""

    agent: Agent


@dataclass(frozen=True, slots=True)
class AgentDeleted:
    """An agent and everything it owned is gone."""

    agent_id: AgentId
