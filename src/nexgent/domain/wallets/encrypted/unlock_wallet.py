"""Bring a stored key into memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from nexgent.domain.ledger.errors import EngineElsewhereError
from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.domain.wallets.encrypted.events import WalletUnlocked
from nexgent.domain.wallets.encrypted.index import EncryptedWalletIndex
from nexgent.domain.wallets.encrypted.models import OwnWallet, Passphrase, WalletAction, WalletSource
from nexgent.domain.wallets.encrypted.passphrases import PassphraseGate
from nexgent.domain.wallets.encrypted.ports import Vault
from nexgent.domain.wallets.encrypted.views import WalletViews
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import UserId, WalletAddress

log = structlog.get_logger(__name__)

_ELSEWHERE = "Another process trades at present; wallets have to be unlocked there"
MIN_TTL_SECONDS = 60
MAX_TTL_SECONDS = 86_400


class UnlockWallet:
    """The passphrase is asked every time, also for a wallet that is unlocked: its time starts anew.

    `trades_with` tells whether this process trades with a wallet; its key anywhere else would be at risk without being of use.
    """

    def __init__(
        self,
        *,
        views: WalletViews,
        gate: PassphraseGate,
        vault: Vault,
        index: EncryptedWalletIndex,
        publish: Callable[[object], None],
        trades_with: Callable[[WalletAddress], bool],
    ) -> None:
        self._views = views
        self._gate = gate
        self._vault = vault
        self._index = index
        self._publish = publish
        self._trades_with = trades_with

    async def execute(
        self,
        address: WalletAddress,
        user_id: UserId,
        passphrase: Passphrase | None,
        ttl_seconds: int | None = None,
    ) -> OwnWallet:
        """Return the wallet, unlocked. `ttl_seconds` None: until it is locked or the process ends.

        Raises `UnknownWalletAddressError`, `InvalidInputError`, `WalletNotLoadedError` (a wallet of the environment whose key
        is missing there), `EngineElsewhereError`, `LockedMeanwhileError`, and what `PassphraseGate.open` raises.
        """
        wallet = await self._views.of(address, user_id)
        if wallet.source is not WalletSource.ENCRYPTED or wallet.stored is None:
            if self._views.is_elsewhere(wallet):
                raise EngineElsewhereError(wallet.agent_id, _ELSEWHERE)
            if not wallet.is_unlocked:
                raise WalletNotLoadedError
            return wallet
        if passphrase is None:
            raise InvalidInputError("passphrase is required")
        if ttl_seconds is not None and not MIN_TTL_SECONDS <= ttl_seconds <= MAX_TTL_SECONDS:
            raise InvalidInputError(
                f"Invalid ttlSeconds: a whole number from {MIN_TTL_SECONDS} to {MAX_TTL_SECONDS} is required"
            )
        if not self._trades_with(address):
            raise EngineElsewhereError(wallet.agent_id, _ELSEWHERE)
        generation = self._vault.generation(address)
        key = await self._gate.open(wallet.stored, passphrase, WalletAction.UNLOCKED)
        if not self._trades_with(address):
            # Its shard has moved meanwhile.
            key.wipe()
            raise EngineElsewhereError(wallet.agent_id, _ELSEWHERE)
        self._index.put(address, user_id)
        until = self._vault.put(address, key, ttl_seconds=ttl_seconds, generation=generation)
        self._publish(WalletUnlocked(address, until))
        log.info("wallet.unlocked", wallet_address=address, user_id=str(user_id), ttl_seconds=ttl_seconds)
        return replace(wallet, is_unlocked=True, unlocked_until=until)
