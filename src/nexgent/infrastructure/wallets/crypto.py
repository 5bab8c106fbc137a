"""Keys sealed with AES-256-GCM under a key that scrypt derives from the passphrase.

A sealed key of version 1: the 64 bytes of the Solana key (seed, then public half), encrypted with a fresh 96-bit nonce; the tag
of 16 bytes follows the ciphertext; the associated data names program, version and address, so that a record moved to another
address does not open. The derivation takes 128 MiB and a third of a second, in threads of its own, two at once.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from solders.pubkey import Pubkey
from solders.signature import Signature

from nexgent.domain.wallets.encrypted.errors import (
    DamagedSecretError,
    InvalidPassphraseError,
    InvalidPrivateKeyError,
    PassphrasesBusyError,
)
from nexgent.domain.wallets.encrypted.models import Passphrase, SealedKey, SecretKey
from nexgent.shared.types import WalletAddress

VERSION = 1
KDF = "scrypt"
SEED_BYTES = 32
SECRET_BYTES = 64
TAG_BYTES = 16
SALT_BYTES = 16
NONCE_BYTES = 12
_KEY_BYTES = 32
_MAX_MEMORY_BYTES = 1 << 30
_MAX_PARALLELISM = 16
_THREADS = 2
_MAX_WAITING = 16
_MAX_TEXT = 1_000
_BASE58 = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,88}", re.ASCII)
_ALLOWED = (
    "base58 of 32 or 64 bytes, or an array of 64 numbers from 0 to 255 (a Solana CLI key file), is required"
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScryptCost:
    """Parameters of scrypt (RFC 7914): it takes 128 · n · r bytes of memory."""

    n: int = 1 << 17
    r: int = 8
    p: int = 1

    @property
    def memory_bytes(self) -> int:
        """How much memory a derivation takes."""
        return 128 * self.n * self.r

    @property
    def usable(self) -> bool:
        """Tell whether these are parameters of scrypt, and none that would exhaust the machine."""
        return (
            self.n > 1
            and self.n & (self.n - 1) == 0
            and self.r >= 1
            and 1 <= self.p <= _MAX_PARALLELISM
            and self.memory_bytes <= _MAX_MEMORY_BYTES
        )


DEFAULT_COST = ScryptCost()


class WalletKeyCrypto:
    """Implements `KeyCrypto`. `close` ends its threads."""

    def __init__(
        self, *, cost: ScryptCost = DEFAULT_COST, threads: int = _THREADS, max_waiting: int = _MAX_WAITING
    ) -> None:
        self._cost = cost
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="wallet-keys")
        self._max_waiting = max_waiting
        self._waiting = 0

    def generate(self) -> SecretKey:
        """Return a new random key."""
        return _with_public_half(bytearray(secrets.token_bytes(SEED_BYTES)))

    def read(self, value: object) -> SecretKey:
        """Return the key in a text or list. Raises `InvalidPrivateKeyError`, which never quotes the value."""
        raw = _bytes_of(value)
        if raw is None:
            raise InvalidPrivateKeyError(_ALLOWED)
        key = _with_public_half(raw[:SEED_BYTES])
        matches = len(raw) == SEED_BYTES or raw == key.raw
        raw[:] = bytes(len(raw))
        if not matches:
            key.wipe()
            raise InvalidPrivateKeyError("its public half does not belong to its secret half")
        return key

    def address_of(self, key: SecretKey) -> WalletAddress:
        """Return the address that belongs to a key."""
        return _address(key)

    def exported(self, key: SecretKey) -> str:
        """Return the 64 bytes in base58, which is how wallets import keys."""
        # A signature has 64 bytes as well, and its text is their base58.
        return str(Signature.from_bytes(bytes(key.raw)))

    def require_capacity(self) -> None:
        """Raise `PassphrasesBusyError` when too many derivations wait already."""
        if self._waiting >= self._max_waiting:
            raise PassphrasesBusyError

    async def seal(self, key: SecretKey, passphrase: Passphrase) -> SealedKey:
        """Encrypt a key under a passphrase, with fresh salt and nonce."""
        return await self._run(lambda: seal(key, passphrase, self._cost))

    async def open(self, sealed: SealedKey, passphrase: Passphrase) -> SecretKey:
        """Decrypt a key. Raises `InvalidPassphraseError`, `DamagedSecretError`."""
        cost = _checked_cost(sealed)
        return await self._run(lambda: _open(sealed, passphrase, cost))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], _T]) -> _T:
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._done)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The thread goes on; what it brings belongs to nobody any more.
            future.add_done_callback(_discard)
            raise

    def _done(self, _: asyncio.Future[_T]) -> None:
        self._waiting -= 1


def seal(key: SecretKey, passphrase: Passphrase, cost: ScryptCost) -> SealedKey:
    """Encrypt a key. Takes as long as `cost` says: not for the event loop."""
    address = _address(key)
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    derived = _derive(passphrase, salt, cost)
    try:
        ciphertext = AESGCM(derived).encrypt(nonce, key.raw, associated_data(address, VERSION))
    finally:
        derived[:] = bytes(len(derived))
    return SealedKey(
        address=address,
        version=VERSION,
        kdf=KDF,
        kdf_parameters={"n": cost.n, "r": cost.r, "p": cost.p},
        salt=salt,
        nonce=nonce,
        ciphertext=ciphertext,
    )


def associated_data(address: WalletAddress, version: int) -> bytes:
    """Return what the tag vouches for besides the key."""
    return f"nexgent/wallet-key/{version}/{address}".encode()


def _open(sealed: SealedKey, passphrase: Passphrase, cost: ScryptCost) -> SecretKey:
    derived = _derive(passphrase, sealed.salt, cost)
    raw = bytearray(SECRET_BYTES)
    key = SecretKey(raw)
    try:
        AESGCM(derived).decrypt_into(
            sealed.nonce, sealed.ciphertext, associated_data(sealed.address, sealed.version), raw
        )
    except InvalidTag:
        key.wipe()
        raise InvalidPassphraseError from None
    finally:
        derived[:] = bytes(len(derived))
    if _address(key) != sealed.address:
        key.wipe()
        raise DamagedSecretError(sealed.address)
    return key


def _derive(passphrase: Passphrase, salt: bytes, cost: ScryptCost) -> bytearray:
    # The same characters have several encodings, and keyboards differ in which they send.
    text = unicodedata.normalize("NFKC", passphrase.reveal())
    given = bytearray(text.encode("utf-8", "surrogatepass"))
    derived = bytearray(_KEY_BYTES)
    try:
        Scrypt(salt=salt, length=_KEY_BYTES, n=cost.n, r=cost.r, p=cost.p).derive_into(given, derived)
    finally:
        given[:] = bytes(len(given))
    return derived


def _checked_cost(sealed: SealedKey) -> ScryptCost:
    cost = _cost_of(sealed.kdf_parameters)
    if (
        sealed.version != VERSION
        or sealed.kdf != KDF
        or cost is None
        or len(sealed.salt) < SALT_BYTES
        or len(sealed.nonce) != NONCE_BYTES
        or len(sealed.ciphertext) != SECRET_BYTES + TAG_BYTES
    ):
        raise DamagedSecretError(sealed.address)
    return cost


def _cost_of(parameters: Mapping[str, int]) -> ScryptCost | None:
    values = [parameters.get(name) for name in ("n", "r", "p")]
    if len(parameters) != len(values) or not all(type(value) is int for value in values):
        return None
    cost = ScryptCost(n=parameters["n"], r=parameters["r"], p=parameters["p"])
    return cost if cost.usable else None


def _with_public_half(seed: bytearray) -> SecretKey:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    raw = bytearray(SECRET_BYTES)
    raw[:SEED_BYTES] = seed
    raw[SEED_BYTES:] = public
    seed[:] = bytes(len(seed))
    return SecretKey(raw)


def _address(key: SecretKey) -> WalletAddress:
    """Return the address of the seed, whatever the stored public half says."""
    with memoryview(key.raw) as view, view[:SEED_BYTES] as seed:
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return WalletAddress(str(Pubkey(public)))


def _bytes_of(value: object) -> bytearray | None:
    """Return 32 or 64 bytes; errors of parsers, which may quote the text, stay here."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _MAX_TEXT:
            return None
        if not text.startswith("["):
            return _bytes_of_base58(text)
        try:
            value = orjson.loads(text)
        except ValueError:
            return None
    if isinstance(value, list) and len(value) == SECRET_BYTES and all(type(one) is int for one in value):
        try:
            return bytearray(value)
        except ValueError:
            return None
    return None


def _bytes_of_base58(text: str) -> bytearray | None:
    """Read base58 of 32 or 64 bytes, which are the sizes of an address and of a signature."""
    if not _BASE58.fullmatch(text):
        return None
    try:
        return bytearray(bytes(Pubkey.from_string(text)))
    except ValueError:
        pass
    try:
        return bytearray(bytes(Signature.from_string(text)))
    except ValueError:
        return None


def _discard(future: asyncio.Future[_T]) -> None:
    if not future.cancelled() and future.exception() is None:
        result = future.result()
        if isinstance(result, SecretKey):
            result.wipe()
