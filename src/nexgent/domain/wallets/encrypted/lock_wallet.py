"""Wipe a key from memory."""

from __future__ import annotations

from collections.abc import Callable

from nexgent.domain.ledger.errors import EngineElsewhereError
from nexgent.domain.wallets.encrypted.errors import ManagedByEnvironmentError
from nexgent.domain.wallets.encrypted.index import EncryptedWalletIndex
from nexgent.domain.wallets.encrypted.models import WalletSource
from nexgent.domain.wallets.encrypted.ports import Vault
from nexgent.domain.wallets.encrypted.views import WalletViews
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import UserId, WalletAddress

_ELSEWHERE = (
    "Another process trades with this wallet at present, and has to lock it; its key is not in this one"
)


class LockWallet:
    """Locking a locked wallet is fine, and stops an unlocking that is under way.

    A key may be in the process that trades with the wallet (`trades_with`), and in one that did before: it is wiped in both.
    """

    def __init__(
        self,
        *,
        views: WalletViews,
        index: EncryptedWalletIndex,
        vault: Vault,
        trades_with: Callable[[WalletAddress], bool],
    ) -> None:
        self._views = views
        self._index = index
        self._vault = vault
        self._trades_with = trades_with

    async def execute(self, address: WalletAddress, user_id: UserId) -> None:
        """Lock.

        Raises `UnknownWalletAddressError`, `ManagedByEnvironmentError`, `InvalidInputError` for a paper wallet, and
        `EngineElsewhereError` when it is locked here and another process trades with it.
        """
        here = self._trades_with(address)
        # An unlocked wallet can be locked while the database is away.
        if self._index.owner_of(address) == user_id and self._vault.lock(address, "request") and here:
            return
        wallet = await self._views.of(address, user_id)
        if wallet.source is WalletSource.SIMULATION:
            raise InvalidInputError("Invalid wallet: a simulation wallet has no key and cannot be locked")
        if wallet.source is WalletSource.ENVIRONMENT:
            raise ManagedByEnvironmentError(address)
        self._vault.lock(address, "request")
        if not here:
            raise EngineElsewhereError(wallet.agent_id, _ELSEWHERE)
