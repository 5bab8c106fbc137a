"""Everything that can be done with encrypted wallets, in one hand for the HTTP interface."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.wallets.encrypted.create_wallet import CreateWallet
from nexgent.domain.wallets.encrypted.delete_wallet import DeleteWallet
from nexgent.domain.wallets.encrypted.export_wallet import ExportWallet
from nexgent.domain.wallets.encrypted.lock_wallet import LockWallet
from nexgent.domain.wallets.encrypted.unlock_wallet import UnlockWallet
from nexgent.domain.wallets.encrypted.views import WalletViews


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedWallets:
    """The use cases."""

    views: WalletViews
    create: CreateWallet
    unlock: UnlockWallet
    lock: LockWallet
    export: ExportWallet
    delete: DeleteWallet
