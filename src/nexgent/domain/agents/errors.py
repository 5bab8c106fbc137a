"""Errors of the agents package."""

from __future__ import annotations

from nexgent.shared.errors import NotFoundError
from nexgent.shared.types import AgentId, WalletAddress


class AgentNotFoundError(NotFoundError):
    """No such agent, or it belongs to another user."""

    code = "AGENT_NOT_FOUND"

    def __init__(self, agent_id: AgentId) -> None:
        super().__init__("Agent not found", agentId=str(agent_id))


class WalletNotFoundError(NotFoundError):
    """No such wallet, or it is not one of the agent's."""

    code = "WALLET_NOT_FOUND"

    def __init__(self, wallet: WalletAddress | None = None) -> None:
        text = (
            "Wallet not found or does not belong to agent"
            if wallet
            else "Wallet not found for the agent's trading mode"
        )
        super().__init__(text, walletAddress=wallet)
