"""Show the wallets of an agent, and those it could have."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.wallets.ports import LoadedWallets
from nexgent.shared.types import AgentId, UserId, WalletAddress


@dataclass(frozen=True, slots=True)
class AgentWallets:
    """`own` with whether each can trade, newest first; `loaded` with whether each is taken, in load order."""

    own: tuple[tuple[Wallet, bool], ...]
    loaded: tuple[tuple[WalletAddress, bool], ...]


class ListWallets:
    """A loaded wallet is taken when any agent has it, whoever that is: assigning it would fail."""

    def __init__(self, *, directory: AgentDirectory, keys: LoadedWallets) -> None:
        self._directory = directory
        self._keys = keys

    def execute(self, agent_id: AgentId, user_id: UserId) -> AgentWallets:
        """Return the wallets. Raises `AgentNotFoundError`."""
        agent = self._directory.owned(agent_id, user_id)
        own = sorted(agent.wallets, key=lambda wallet: (wallet.created_at, wallet.address), reverse=True)
        return AgentWallets(
            tuple((wallet, self._can_trade(wallet)) for wallet in own),
            tuple((address, self._directory.wallet(address) is not None) for address in self._keys.addresses),
        )

    def _can_trade(self, wallet: Wallet) -> bool:
        return wallet.mode is TradingMode.SIMULATION or self._keys.is_loaded(wallet.address)
