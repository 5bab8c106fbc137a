"""Look at wallets as their owner: where the key comes from, whether it is in memory, until when."""

from __future__ import annotations

from collections.abc import Callable

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.ledger.errors import EngineElsewhereError
from nexgent.domain.trading.ports import WalletKeys
from nexgent.domain.wallets.encrypted.models import EncryptedWallet, OwnWallet, WalletSource
from nexgent.domain.wallets.encrypted.ports import Vault, WalletSecrets
from nexgent.domain.wallets.errors import UnknownWalletAddressError
from nexgent.shared.types import UserId, WalletAddress


class WalletViews:
    """A user's wallets are those of the user's agents, and encrypted ones without an agent. Others do not exist.

    Whether an encrypted one is unlocked is known in the process that trades with it (`trades_with`); elsewhere it seems locked,
    and so does one of the environment in a process that was given no keys.
    """

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        secrets: WalletSecrets,
        vault: Vault,
        environment: WalletKeys,
        trades_with: Callable[[WalletAddress], bool],
    ) -> None:
        self.trades_with = trades_with
        self._directory = directory
        self._secrets = secrets
        self._vault = vault
        self._environment = environment

    async def of(self, address: WalletAddress, user_id: UserId) -> OwnWallet:
        """Return one wallet. Raises `UnknownWalletAddressError`, `UnavailableError`."""
        stored = await self._secrets.find(address)
        if stored is not None and stored.user_id != user_id:
            stored = None
        wallet = self._directory.wallet(address)
        if wallet is not None and not self._owns(wallet, user_id):
            wallet = None
        if wallet is None and stored is None:
            raise UnknownWalletAddressError
        return self._view(wallet, stored)

    async def status(self, address: WalletAddress, user_id: UserId) -> OwnWallet:
        """Return one wallet as it is where it trades. Raises as `of` does, and `EngineElsewhereError`."""
        view = await self.of(address, user_id)
        if self.is_elsewhere(view):
            raise EngineElsewhereError(view.agent_id)
        return view

    def is_elsewhere(self, view: OwnWallet) -> bool:
        """Tell whether another process knows if a wallet is unlocked."""
        if view.source is WalletSource.ENVIRONMENT and view.is_unlocked:
            # Keys of the environment are the same everywhere, or not there at all.
            return False
        return view.mode is TradingMode.LIVE and not self.trades_with(view.address)

    async def all(self, user_id: UserId) -> list[OwnWallet]:
        """Return all wallets of a user, newest first. Raises `UnavailableError`."""
        left = {stored.address: stored for stored in await self._secrets.of_user(user_id)}
        views = [
            self._view(wallet, left.pop(wallet.address, None))
            for agent in self._directory.of_user(user_id)
            for wallet in agent.wallets
        ]
        views += [self._view(None, stored) for stored in left.values()]
        return sorted(views, key=lambda view: (view.created_at, view.address), reverse=True)

    def _owns(self, wallet: Wallet, user_id: UserId) -> bool:
        agent = self._directory.find(wallet.agent_id)
        return agent is not None and agent.user_id == user_id

    def _view(self, wallet: Wallet | None, stored: EncryptedWallet | None) -> OwnWallet:
        dated = wallet if wallet is not None else stored
        assert dated is not None
        address, mode = dated.address, wallet.mode if wallet is not None else TradingMode.LIVE
        until = None
        if mode is TradingMode.SIMULATION:
            source, unlocked = WalletSource.SIMULATION, True
        elif stored is None or self._environment.is_loaded(address):
            source, unlocked = WalletSource.ENVIRONMENT, self._environment.is_loaded(address)
        else:
            source, unlocked = WalletSource.ENCRYPTED, self._vault.is_unlocked(address)
            until = self._vault.unlocked_until(address)
        return OwnWallet(
            address=address,
            agent_id=wallet.agent_id if wallet is not None else None,
            mode=mode,
            source=source,
            is_unlocked=unlocked,
            unlocked_until=until,
            created_at=dated.created_at,
            updated_at=dated.updated_at,
            stored=stored,
        )
