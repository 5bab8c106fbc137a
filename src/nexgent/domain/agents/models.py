"""Agents, their wallets and the mode they trade in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nexgent.domain.agents.config import TradingConfig
from nexgent.shared.types import AgentId, UserId, WalletAddress


class TradingMode(StrEnum):
    """Paper trading against real quotes, or signed swaps."""

    SIMULATION = "simulation"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet of an agent; at most one per agent and mode. Its type decides how it trades."""

    address: WalletAddress
    agent_id: AgentId
    mode: TradingMode
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Agent:
    """A trader of one user. `config` is the effective configuration, defaults included."""

    id: AgentId
    user_id: UserId
    name: str
    trading_mode: TradingMode
    automated_trading_simulation: bool
    automated_trading_live: bool
    config: TradingConfig
    wallets: tuple[Wallet, ...]
    created_at: datetime
    updated_at: datetime

    @property
    def automated_trading(self) -> bool:
        """Tell whether the agent acts on its own in its present mode."""
        if self.trading_mode is TradingMode.LIVE:
            return self.automated_trading_live
        return self.automated_trading_simulation

    def automated_in(self, address: WalletAddress) -> bool:
        """Tell whether the agent acts on its own in a wallet: the wallet's mode counts, not the agent's present one."""
        wallet = self.wallet(address)
        if wallet is not None and wallet.mode is TradingMode.LIVE:
            return self.automated_trading_live
        return self.automated_trading_simulation

    def wallet_for(self, mode: TradingMode) -> Wallet | None:
        """Return the agent's wallet of that mode."""
        for wallet in self.wallets:
            if wallet.mode is mode:
                return wallet
        return None

    def wallet(self, address: WalletAddress) -> Wallet | None:
        """Return the agent's wallet with that address."""
        for wallet in self.wallets:
            if wallet.address == address:
                return wallet
        return None
