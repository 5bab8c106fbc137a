"""Whose encrypted wallets there are, in memory: what trading and assigning ask without waiting for a database."""

from __future__ import annotations

from datetime import datetime

from nexgent.domain.agents.models import Wallet
from nexgent.domain.wallets.encrypted.models import EncryptedWallet, WalletAction
from nexgent.domain.wallets.encrypted.ports import WalletSecrets
from nexgent.shared.types import UserId, WalletAddress


class EncryptedWalletIndex:
    """Filled at start, kept current by the use cases here, refreshed now and then for those of other processes."""

    def __init__(self, secrets: WalletSecrets) -> None:
        self._secrets = secrets
        self._owners: dict[WalletAddress, UserId] = {}
        self._changes = 0

    def owner_of(self, address: WalletAddress) -> UserId | None:
        """Return whose stored key the address has."""
        return self._owners.get(address)

    async def add(self, stored: EncryptedWallet, wallet: Wallet, action: WalletAction) -> None:
        """Store a key and give it to the wallet's agent, then note it. Raises `WalletExistsError`, `UnavailableError`."""
        await self._secrets.add(stored, wallet, action)
        self.put(stored.address, stored.user_id)

    async def has(self, address: WalletAddress) -> bool:
        """Tell whether there is a stored key, be it one of this moment and another process. Raises `UnavailableError`."""
        return await self._secrets.find(address) is not None

    def put(self, address: WalletAddress, user_id: UserId) -> None:
        """Note a stored key."""
        self._changes += 1
        self._owners[address] = user_id

    async def delete(self, address: WalletAddress, user_id: UserId, now: datetime) -> None:
        """Delete a stored key for good, then forget it. Raises `UnavailableError`."""
        await self._secrets.remove(address, user_id, now)
        self._changes += 1
        self._owners.pop(address, None)

    async def refresh(self) -> None:
        """Read all owners again. Raises `UnavailableError`; what is known stays then."""
        while True:
            before = self._changes
            owners = await self._secrets.owners()
            if before == self._changes:
                self._owners = dict(owners)
                return
