"""Wipe a key from memory."""

from __future__ import annotations

from nexgent.domain.wallets.encrypted.errors import ManagedByEnvironmentError
from nexgent.domain.wallets.encrypted.index import EncryptedWalletIndex
from nexgent.domain.wallets.encrypted.models import WalletSource
from nexgent.domain.wallets.encrypted.ports import Vault
from nexgent.domain.wallets.encrypted.views import WalletViews
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import UserId, WalletAddress


class LockWallet:
    """Locking a locked wallet is fine, and stops an unlocking that is under way."""

    def __init__(self, *, views: WalletViews, index: EncryptedWalletIndex, vault: Vault) -> None:
        self._views = views
        self._index = index
        self._vault = vault

    async def execute(self, address: WalletAddress, user_id: UserId) -> None:
        """Lock. Raises `UnknownWalletAddressError`, `ManagedByEnvironmentError`, `InvalidInputError` for a paper wallet."""
        # An unlocked wallet can be locked while the database is away.
        if self._index.owner_of(address) == user_id and self._vault.lock(address, "request"):
            return
        wallet = await self._views.of(address, user_id)
        if wallet.source is WalletSource.SIMULATION:
            raise InvalidInputError("Invalid wallet: a simulation wallet has no key and cannot be locked")
        if wallet.source is WalletSource.ENVIRONMENT:
            raise ManagedByEnvironmentError(address)
        self._vault.lock(address, "request")
