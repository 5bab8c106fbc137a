"""Which agents a user sees, and which of their wallets somebody names."""

from __future__ import annotations

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import Agent, Wallet
from nexgent.shared.errors import ForbiddenError, InvalidInputError
from nexgent.shared.types import AgentId, UserId, WalletAddress


def visible_agent(directory: AgentDirectory, agent_id: AgentId, user_id: UserId) -> Agent:
    """Return an agent where the contract tells a foreign one (403) from a missing one (404)."""
    agent = directory.find(agent_id)
    if agent is None:
        raise AgentNotFoundError(agent_id)
    if agent.user_id != user_id:
        raise ForbiddenError("Forbidden: the agent belongs to another user")
    return agent


def readable_agent(directory: AgentDirectory, agent_id: AgentId, user_id: UserId) -> Agent:
    """Return an agent whose records may be read, as `visible_agent` does, also when it has been deleted since."""
    agent = directory.deleted(agent_id)
    return (
        agent
        if agent is not None and agent.user_id == user_id
        else visible_agent(directory, agent_id, user_id)
    )


def wallet_of(agent: Agent, address: WalletAddress | None) -> Wallet:
    """Return the wallet named, or that of the agent's mode. Raises `InvalidInputError`."""
    if address is None:
        wallet = agent.wallet_for(agent.trading_mode)
        if wallet is None:
            raise InvalidInputError(
                f"walletAddress is required: the agent has no {agent.trading_mode.value} wallet"
            )
        return wallet
    wallet = agent.wallet(address)
    if wallet is None:
        raise InvalidInputError("Invalid walletAddress: the wallet does not belong to the agent")
    return wallet
