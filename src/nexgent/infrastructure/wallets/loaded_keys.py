"""All keys that can sign: those of the environment, and unlocked ones of the vault."""

from __future__ import annotations

from collections.abc import Sequence

from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.domain.wallets.encrypted.errors import WalletLockedError
from nexgent.domain.wallets.encrypted.index import EncryptedWalletIndex
from nexgent.infrastructure.wallets.keys import EnvironmentWalletKeys
from nexgent.infrastructure.wallets.vault import KeyVault
from nexgent.shared.types import UserId, WalletAddress


class LoadedKeys:
    """Implements `WalletKeys`, `LoadedWallets` and the gateway's `WalletSigner`."""

    def __init__(
        self, *, environment: EnvironmentWalletKeys, vault: KeyVault, index: EncryptedWalletIndex
    ) -> None:
        self._environment = environment
        self._vault = vault
        self._index = index

    @property
    def addresses(self) -> Sequence[WalletAddress]:
        """The wallets of the environment; encrypted ones are their owner's business."""
        return self._environment.addresses

    def is_loaded(self, wallet: WalletAddress) -> bool:
        """Tell whether the wallet can sign at present."""
        return self._environment.is_loaded(wallet) or self._vault.is_unlocked(wallet)

    def is_stored(self, wallet: WalletAddress) -> bool:
        """Tell whether the wallet's key is stored encrypted here."""
        return self._index.owner_of(wallet) is not None

    def is_stored_for(self, wallet: WalletAddress, user_id: UserId) -> bool:
        """Tell whether the wallet's key is stored encrypted here for that user."""
        return self._index.owner_of(wallet) == user_id

    def sign(self, wallet: WalletAddress, message: bytes) -> bytes:
        """Return the wallet's signature (64 bytes). Raises `WalletLockedError`, `WalletNotLoadedError`."""
        if self._environment.is_loaded(wallet):
            return self._environment.sign(wallet, message)
        if self._vault.is_unlocked(wallet):
            return self._vault.sign(wallet, message)
        raise self.refusal(wallet)

    def refusal(self, wallet: WalletAddress) -> WalletNotLoadedError:
        """Return why a wallet that is not loaded cannot sign; `WalletLockedError` is a kind of the other."""
        return WalletLockedError() if self._index.owner_of(wallet) is not None else WalletNotLoadedError()

    def wipe(self) -> None:
        """Overwrite and forget all keys; nothing can be signed or unlocked afterwards."""
        self._environment.wipe()
        self._vault.wipe()

    def __repr__(self) -> str:
        return f"LoadedKeys({self._environment!r}, {self._vault!r})"
