"""Whose live wallet somebody names."""

from __future__ import annotations

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.shared.errors import InvalidInputError, NotFoundError
from nexgent.shared.types import UserId, WalletAddress


class UnknownLiveWalletError(NotFoundError):
    """No agent has such a wallet."""

    code = "WALLET_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("Wallet not found")


def agent_of_live_wallet(directory: AgentDirectory, address: WalletAddress, user_id: UserId) -> Agent:
    """Return the agent that has a live wallet.

    Raises `UnknownLiveWalletError`, also for somebody else's, and `InvalidInputError` for a paper wallet.
    """
    wallet = directory.wallet(address)
    agent = directory.find(wallet.agent_id) if wallet is not None else None
    if wallet is None or agent is None or agent.user_id != user_id:
        raise UnknownLiveWalletError
    if wallet.mode is not TradingMode.LIVE:
        raise InvalidInputError("Invalid wallet: only live wallets are on the chain")
    return agent
