"""What encrypted wallets need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from nexgent.domain.agents.models import Wallet
from nexgent.domain.wallets.encrypted.models import (
    EncryptedWallet,
    Passphrase,
    SealedKey,
    SecretKey,
    WalletAction,
)
from nexgent.shared.types import UserId, WalletAddress


class KeyCrypto(Protocol):
    """Makes, reads, seals and opens keys. What it returns as `SecretKey` is the caller's to wipe."""

    def generate(self) -> SecretKey:
        """Return a new random key."""

    def read(self, value: object) -> SecretKey:
        """Return the key in a text (base58) or list of numbers. Raises `InvalidPrivateKeyError`."""

    def address_of(self, key: SecretKey) -> WalletAddress:
        """Return the address that belongs to a key."""

    def exported(self, key: SecretKey) -> str:
        """Return the 64 bytes in base58."""

    def require_capacity(self) -> None:
        """Raise `PassphrasesBusyError` when too many derivations wait already."""

    async def seal(self, key: SecretKey, passphrase: Passphrase) -> SealedKey:
        """Encrypt a key under a passphrase, with fresh salt and nonce."""

    async def open(self, sealed: SealedKey, passphrase: Passphrase) -> SecretKey:
        """Decrypt a key. Raises `InvalidPassphraseError`, `DamagedSecretError`."""


class Vault(Protocol):
    """Unlocked keys, in memory only."""

    def generation(self, address: WalletAddress) -> int:
        """Return a number that grows whenever the wallet is locked."""

    def put(
        self, address: WalletAddress, key: SecretKey, *, ttl_seconds: int | None, generation: int
    ) -> datetime | None:
        """Keep a key, in the place of one that is there; return until when, None without a limit.

        Raises `LockedMeanwhileError` when the wallet was locked since that generation; the key is wiped then.
        """

    def lock(self, address: WalletAddress, reason: str) -> bool:
        """Wipe the wallet's key; tell whether there was one."""

    def is_unlocked(self, address: WalletAddress) -> bool:
        """Tell whether the wallet's key is here and its time is not over."""

    def unlocked_until(self, address: WalletAddress) -> datetime | None:
        """Return when the key's time is over; None for a locked wallet and one without a limit."""


class WalletSecrets(Protocol):
    """Stored keys, failed attempts and the audit log. All methods raise `UnavailableError` when it cannot be reached."""

    async def add(self, stored: EncryptedWallet, wallet: Wallet, action: WalletAction) -> None:
        """Store a key and give its wallet to the agent, all or nothing. Raises `WalletExistsError`, `AgentNotFoundError`."""

    async def find(self, address: WalletAddress) -> EncryptedWallet | None:
        """Return a stored key, whoever owns it."""

    async def of_user(self, user_id: UserId) -> Sequence[EncryptedWallet]:
        """Return the stored keys of a user."""

    async def owners(self) -> Mapping[WalletAddress, UserId]:
        """Return whose key is stored under which address."""

    async def begin_attempt(self, address: WalletAddress, now: datetime) -> int:
        """Count an attempt as failed until `record_success` says otherwise; return how many have failed in the window.

        Attempts at the same moment, in whatever process, each count. Raises `WalletLockedOutError` (nothing is counted
        then), `UnknownWalletAddressError`.
        """

    async def record_success(
        self, address: WalletAddress, user_id: UserId, action: WalletAction, now: datetime
    ) -> None:
        """Forget failed attempts and note in the audit log what the passphrase was given for."""

    async def audit(
        self, address: WalletAddress, user_id: UserId, action: WalletAction, now: datetime
    ) -> None:
        """Add a line to the audit log."""

    async def remove(self, address: WalletAddress, user_id: UserId, now: datetime) -> None:
        """Delete a stored key for good and note it in the audit log."""
