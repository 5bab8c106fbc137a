"""Which wallets have something at stake, and which of them cannot sell it."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.trading.ports import WalletKeys
from nexgent.shared.types import AgentId, WalletAddress


@dataclass(frozen=True, slots=True)
class StrandedWallet:
    """A live wallet with open positions whose key is not in memory: its stops cannot sell."""

    wallet_address: WalletAddress
    agent_id: AgentId
    open_positions: int


class Holdings:
    """What wallets hold, as far as the ledger of this process knows."""

    def __init__(self, *, directory: AgentDirectory, ledger: Ledger) -> None:
        self._directory = directory
        self._ledger = ledger

    def open_positions(self, wallet: WalletAddress) -> int:
        """Return how many positions are open."""
        return len(self._ledger.head(wallet).positions) if self._ledger.knows(wallet) else 0

    def in_use(self, wallet: WalletAddress) -> bool:
        """Tell whether the key may be needed at any moment: a position is open or a trade is under way."""
        if not self._ledger.knows(wallet):
            return False
        state = self._ledger.head(wallet)
        return bool(state.positions or state.intents)

    def stranded(self, keys: WalletKeys) -> list[StrandedWallet]:
        """Return the live wallets with open positions that cannot sign, for health, log and metrics."""
        return [
            StrandedWallet(wallet.address, agent.id, count)
            for agent in self._directory.all()
            for wallet in agent.wallets
            if wallet.mode is TradingMode.LIVE
            and not keys.is_loaded(wallet.address)
            and (count := self.open_positions(wallet.address))
        ]
