"""Hand a private key out to its owner."""

from __future__ import annotations

import structlog

from nexgent.domain.wallets.encrypted.errors import NotExportableError
from nexgent.domain.wallets.encrypted.models import Passphrase, WalletAction, WalletSource
from nexgent.domain.wallets.encrypted.passphrases import PassphraseGate
from nexgent.domain.wallets.encrypted.ports import KeyCrypto
from nexgent.domain.wallets.encrypted.views import WalletViews
from nexgent.shared.types import UserId, WalletAddress

log = structlog.get_logger(__name__)


class ExportWallet:
    """The passphrase is asked again, and the audit log has its line before the key leaves."""

    def __init__(self, *, views: WalletViews, gate: PassphraseGate, crypto: KeyCrypto) -> None:
        self._views = views
        self._gate = gate
        self._crypto = crypto

    async def execute(self, address: WalletAddress, user_id: UserId, passphrase: Passphrase) -> str:
        """Return the 64 bytes in base58.

        Raises `UnknownWalletAddressError`, `NotExportableError`, and what `PassphraseGate.open` raises.
        """
        wallet = await self._views.of(address, user_id)
        if wallet.source is not WalletSource.ENCRYPTED or wallet.stored is None:
            raise NotExportableError(address)
        key = await self._gate.open(wallet.stored, passphrase, WalletAction.EXPORTED)
        try:
            text = self._crypto.exported(key)
        finally:
            key.wipe()
        log.warning("wallet.exported", wallet_address=address, user_id=str(user_id))
        return text
