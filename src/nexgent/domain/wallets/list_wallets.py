"""Show the wallets of an agent, and those it could have."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.wallets.encrypted.models import WalletSource
from nexgent.domain.wallets.environment import EnvironmentWallets
from nexgent.domain.wallets.ports import LoadedWallets
from nexgent.shared.types import AgentId, UserId, WalletAddress


@dataclass(frozen=True, slots=True)
class AgentWallet:
    """A wallet of the agent, where its key comes from, and whether it can trade at present."""

    wallet: Wallet
    source: WalletSource
    can_trade: bool


@dataclass(frozen=True, slots=True)
class AgentWallets:
    """`own` newest first; `loaded` with whether each is taken, in load order."""

    own: tuple[AgentWallet, ...]
    loaded: tuple[tuple[WalletAddress, bool], ...]


class ListWallets:
    """A loaded wallet is taken when any agent has it, whoever that is: assigning it would fail.

    Who may not assign the wallets of the environment is not told which there are.
    """

    def __init__(
        self, *, directory: AgentDirectory, keys: LoadedWallets, environment: EnvironmentWallets
    ) -> None:
        self._directory = directory
        self._keys = keys
        self._environment = environment

    async def execute(self, agent_id: AgentId, user_id: UserId) -> AgentWallets:
        """Return the wallets. Raises `AgentNotFoundError`, `UnavailableError`."""
        agent = self._directory.owned(agent_id, user_id)
        own = sorted(agent.wallets, key=lambda wallet: (wallet.created_at, wallet.address), reverse=True)
        loaded = self._keys.addresses
        if loaded and not await self._environment.may_take(user_id):
            loaded = ()
        return AgentWallets(
            tuple(AgentWallet(wallet, self._source(wallet), self._can_trade(wallet)) for wallet in own),
            tuple((address, self._directory.wallet(address) is not None) for address in loaded),
        )

    def _source(self, wallet: Wallet) -> WalletSource:
        if wallet.mode is TradingMode.SIMULATION:
            return WalletSource.SIMULATION
        stored = self._keys.is_stored(wallet.address) and wallet.address not in self._environment
        return WalletSource.ENCRYPTED if stored else WalletSource.ENVIRONMENT

    def _can_trade(self, wallet: Wallet) -> bool:
        return wallet.mode is TradingMode.SIMULATION or self._keys.is_loaded(wallet.address)
