"""Change an agent's name, mode or toggles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from nexgent.domain.agents.create_agent import cleaned_name
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.agents.ports import AgentRepository
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import AgentId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChanges:
    """What shall change; None stays as it is."""

    name: str | None = None
    trading_mode: TradingMode | None = None
    automated_trading_simulation: bool | None = None
    automated_trading_live: bool | None = None


class UpdateAgent:
    """The record first, then everybody hears the new state."""

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

    async def execute(self, agent_id: AgentId, user_id: UserId, changes: AgentChanges) -> Agent:
        """Return the changed agent. Raises `InvalidInputError`, `AgentNotFoundError`, `UnavailableError`."""
        if changes == AgentChanges():
            raise InvalidInputError(
                "At least one field is required: name, tradingMode, automatedTradingSimulation or automatedTradingLive"
            )
        name = cleaned_name(changes.name) if changes.name is not None else None
        agent = self._directory.owned(agent_id, user_id)
        changed = replace(
            agent,
            name=name if name is not None else agent.name,
            trading_mode=changes.trading_mode or agent.trading_mode,
            automated_trading_simulation=_chosen(
                changes.automated_trading_simulation, agent.automated_trading_simulation
            ),
            automated_trading_live=_chosen(changes.automated_trading_live, agent.automated_trading_live),
            updated_at=self._clock.now(),
        )
        await self._agents.save(changed)
        # Somebody may have changed the configuration while this was being stored: keep theirs.
        current = self._directory.owned(agent_id, user_id)
        changed = replace(changed, config=current.config, wallets=current.wallets)
        self._publish(AgentSaved(changed))
        return changed


def _chosen(wanted: bool | None, present: bool) -> bool:
    return present if wanted is None else wanted
