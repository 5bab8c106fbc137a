"""All agents of this installation in memory: what signals and prices are decided on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.agents.models import Agent, Wallet
from nexgent.shared.types import AgentId, UserId, WalletAddress

_SPARE = 100


class AgentDirectory:
    """Agents by id, by user and by wallet. Kept current by events; filled once at start.

    Agents with equal rules have one and the same configuration, so whoever works something out for it sees at a glance for whom
    else that is so.
    """

    def __init__(self) -> None:
        self._by_id: dict[AgentId, Agent] = {}
        self._by_user: dict[UserId, dict[AgentId, Agent]] = {}
        self._by_wallet: dict[WalletAddress, AgentId] = {}
        self._deleted: dict[AgentId, Agent] = {}
        self._configs: dict[TradingConfig, TradingConfig] = {}
        self.changes = 0
        """How many events there were: whoever reads all agents from the store sees whether one came meanwhile."""

    def __len__(self) -> int:
        return len(self._by_id)

    def load(self, agents: Iterable[Agent], deleted: Iterable[Agent] = ()) -> None:
        """Replace everything with these agents, and those whose records are all there is left."""
        self._deleted = {agent.id: agent for agent in deleted}
        self._by_id.clear()
        self._by_user.clear()
        self._by_wallet.clear()
        self._configs.clear()
        for agent in agents:
            self._put(agent)

    def on_saved(self, event: AgentSaved) -> None:
        """Take over a created or changed agent."""
        self.changes += 1
        self._remove(event.agent.id)
        self._put(event.agent)

    def on_deleted(self, event: AgentDeleted) -> None:
        """Forget an agent, but for whose its records are."""
        self.changes += 1
        agent = self._by_id.get(event.agent_id)
        if agent is not None:
            self._deleted[agent.id] = replace(agent, wallets=())
        self._remove(event.agent_id)

    def all(self) -> list[Agent]:
        """Return every agent."""
        return list(self._by_id.values())

    def find(self, agent_id: AgentId) -> Agent | None:
        """Return an agent, or nothing."""
        return self._by_id.get(agent_id)

    def deleted(self, agent_id: AgentId) -> Agent | None:
        """Return an agent that was deleted and whose records are still there."""
        return self._deleted.get(agent_id)

    def deleted_of_user(self, user_id: UserId) -> list[Agent]:
        """Return the deleted agents of a user, newest first."""
        agents = [agent for agent in self._deleted.values() if agent.user_id == user_id]
        return sorted(agents, key=lambda agent: (agent.created_at, agent.id), reverse=True)

    def owned(self, agent_id: AgentId, user_id: UserId) -> Agent:
        """Return an agent of that user, or raise `AgentNotFoundError`: a foreign agent looks like a missing one."""
        agent = self._by_id.get(agent_id)
        if agent is None or agent.user_id != user_id:
            raise AgentNotFoundError(agent_id)
        return agent

    def of_user(self, user_id: UserId) -> list[Agent]:
        """Return the agents of a user, newest first."""
        agents = self._by_user.get(user_id, {}).values()
        return sorted(agents, key=lambda agent: (agent.created_at, agent.id), reverse=True)

    def each_of_user(self, user_id: UserId) -> Iterable[Agent]:
        """Return the agents of a user in no particular order."""
        return self._by_user.get(user_id, {}).values()

    def wallet(self, address: WalletAddress) -> Wallet | None:
        """Return the wallet with that address, whoever owns it."""
        agent_id = self._by_wallet.get(address)
        return self._by_id[agent_id].wallet(address) if agent_id is not None else None

    def _put(self, agent: Agent) -> None:
        agent = replace(agent, config=self._configs.setdefault(agent.config, agent.config))
        self._by_id[agent.id] = agent
        self._by_user.setdefault(agent.user_id, {})[agent.id] = agent
        for wallet in agent.wallets:
            self._by_wallet[wallet.address] = agent.id
        if len(self._configs) > 2 * len(self._by_id) + _SPARE:
            self._configs = {known.config: known.config for known in self._by_id.values()}

    def _remove(self, agent_id: AgentId) -> None:
        agent = self._by_id.pop(agent_id, None)
        if agent is None:
            return
        self._by_user[agent.user_id].pop(agent_id, None)
        for wallet in agent.wallets:
            self._by_wallet.pop(wallet.address, None)
