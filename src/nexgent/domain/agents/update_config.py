"""Change an agent's trading configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nexgent.domain.agents.config import DEFAULT_CONFIG, update_config
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.agents.ports import AgentRepository
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId, UserId


class UpdateConfig:
    """Merge a partial configuration over the effective one, or go back to the defaults."""

    def __init__(
        self,
        *,
        agents: AgentRepository,
        directory: AgentDirectory,
        clock: Clock,
        publish: Callable[[object], None],
    ) -> None:
        self._agents = agents
        self._directory = directory
        self._clock = clock
        self._publish = publish

    async def execute(
        self, agent_id: AgentId, user_id: UserId, patch: object | None, *, saved_by: str = ""
    ) -> Agent:
        """Return the agent with its new effective configuration; `patch` None clears what is stored.

        `saved_by` is who is written down for it in the agent's history.
        Raises `AgentNotFoundError`, `InvalidConfigError` with everything that is wrong, `UnavailableError`.
        """
        agent = self._directory.owned(agent_id, user_id)
        config = DEFAULT_CONFIG if patch is None else update_config(agent.config, patch)
        changed = replace(agent, config=config, updated_at=self._clock.now())
        await self._agents.save(changed, store_config=patch is not None, saved_by=saved_by)
        # Name, mode or toggles may have changed while this was being stored: keep those.
        current = self._directory.owned(agent_id, user_id)
        changed = replace(current, config=config, updated_at=changed.updated_at)
        self._publish(AgentSaved(changed))
        return changed
