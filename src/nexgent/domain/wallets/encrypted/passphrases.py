"""Passphrases: which are accepted for a new wallet, and the one way to use them on a stored one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from nexgent.domain.wallets.encrypted.attempts import delay_seconds
from nexgent.domain.wallets.encrypted.errors import (
    InvalidPassphraseError,
    PassphrasesBusyError,
    WeakPassphraseError,
)
from nexgent.domain.wallets.encrypted.models import EncryptedWallet, Passphrase, SecretKey, WalletAction
from nexgent.domain.wallets.encrypted.ports import KeyCrypto, WalletSecrets
from nexgent.shared.clock import Clock
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

MIN_LENGTH = 12
MAX_LENGTH = 256
MIN_DIFFERENT = 5
_MAX_WAITING_PER_WALLET = 8


def require_strength(passphrase: Passphrase) -> None:
    """Raise `WeakPassphraseError` for a passphrase that is too short, too long or too monotonous for a new wallet."""
    text = passphrase.reveal()
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise WeakPassphraseError(
            f"Invalid passphrase: from {MIN_LENGTH} to {MAX_LENGTH} characters are required"
        )
    if len(set(text.casefold())) < MIN_DIFFERENT or not text.strip():
        raise WeakPassphraseError(
            f"Invalid passphrase: it is too easy to guess; at least {MIN_DIFFERENT} different characters are required"
        )


class PassphraseGate:
    """Opens stored keys, one attempt per wallet at a time, each counted before it is tried.

    Counting first means that neither a crash nor attempts at the same moment win guesses, and nothing is derived while the
    wallet is locked out. A wrong one is answered late, and later each time.
    """

    def __init__(
        self,
        *,
        secrets: WalletSecrets,
        crypto: KeyCrypto,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._secrets = secrets
        self._crypto = crypto
        self._clock = clock
        self._sleep = sleep
        self._turns: dict[WalletAddress, asyncio.Lock] = {}
        self._waiting: Counter[WalletAddress] = Counter()

    async def open(self, stored: EncryptedWallet, passphrase: Passphrase, action: WalletAction) -> SecretKey:
        """Return the key, which is the caller's to wipe; the audit log has a line about it by then.

        Raises `InvalidPassphraseError`, `WalletLockedOutError`, `DamagedSecretError`, `PassphrasesBusyError`,
        `UnknownWalletAddressError`, `UnavailableError`.
        """
        address = stored.address
        if self._waiting[address] >= _MAX_WAITING_PER_WALLET:
            raise PassphrasesBusyError
        self._waiting[address] += 1
        try:
            async with self._turns.setdefault(address, asyncio.Lock()):
                return await self._attempt(stored, passphrase, action)
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]
                self._turns.pop(address, None)

    async def _attempt(
        self, stored: EncryptedWallet, passphrase: Passphrase, action: WalletAction
    ) -> SecretKey:
        self._crypto.require_capacity()
        failures = await self._secrets.begin_attempt(stored.address, self._clock.now())
        try:
            key = await self._crypto.open(stored.sealed, passphrase)
        except InvalidPassphraseError:
            await self._refused(stored, action, failures)
            raise
        try:
            await self._secrets.record_success(stored.address, stored.user_id, action, self._clock.now())
        except BaseException:
            key.wipe()
            raise
        return key

    async def _refused(self, stored: EncryptedWallet, action: WalletAction, failures: int) -> None:
        log.warning(
            "wallet.secret_refused",
            wallet_address=stored.address,
            user_id=str(stored.user_id),
            wanted=action.value,
            failures=failures,
        )
        await self._secrets.audit(stored.address, stored.user_id, WalletAction.REFUSED, self._clock.now())
        await self._sleep(delay_seconds(failures))
