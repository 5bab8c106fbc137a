"""Encrypted wallets, and the two things nobody may print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NoReturn

from nexgent.domain.agents.models import TradingMode
from nexgent.shared.types import AgentId, UserId, WalletAddress


class WalletSource(StrEnum):
    """Where the key of a wallet comes from."""

    ENVIRONMENT = "environment"
    ENCRYPTED = "encrypted"
    SIMULATION = "simulation"


class WalletAction(StrEnum):
    """What the audit log tells about a wallet."""

    CREATED = "created"
    IMPORTED = "imported"
    UNLOCKED = "unlocked"
    EXPORTED = "exported"
    DELETE_REQUESTED = "delete_requested"
    DELETED = "deleted"
    REFUSED = "passphrase_refused"


class Passphrase:
    """A passphrase on its way to the key derivation. Its representation does not show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return "Passphrase([hidden])"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a passphrase cannot be serialised")


class SecretKey:
    """The 64 bytes of an unlocked key (secret and public half), in memory that is overwritten by `wipe`."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytearray) -> None:
        """Take the bytes over: whoever made them keeps no copy."""
        self._raw = raw

    @property
    def raw(self) -> bytearray:
        """The bytes themselves, not a copy; empty after `wipe`."""
        return self._raw

    def wipe(self) -> None:
        """Overwrite and drop the bytes."""
        self._raw[:] = bytes(len(self._raw))
        self._raw = bytearray()

    def __repr__(self) -> str:
        return "SecretKey([hidden])"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be serialised")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A key as it is stored: encrypted for its address, with what is needed to derive the same key from the passphrase."""

    address: WalletAddress
    version: int
    kdf: str
    kdf_parameters: Mapping[str, int]
    salt: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedWallet:
    """A stored key and whose it is. It stays the user's when no agent has the wallet."""

    sealed: SealedKey
    user_id: UserId
    created_at: datetime
    updated_at: datetime

    @property
    def address(self) -> WalletAddress:
        """The wallet's address."""
        return self.sealed.address


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWallet:
    """A wallet as its owner sees it. `unlocked_until` is None when it is locked, or stays open until it is locked."""

    address: WalletAddress
    agent_id: AgentId | None
    mode: TradingMode
    source: WalletSource
    is_unlocked: bool
    unlocked_until: datetime | None
    created_at: datetime
    updated_at: datetime
    stored: EncryptedWallet | None = field(default=None, repr=False)
