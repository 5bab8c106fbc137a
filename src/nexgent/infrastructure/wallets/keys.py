"""Keys of live wallets from the environment, in memory only."""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.shared.types import WalletAddress

_NAME = re.compile(r"WALLET_(\d+)", re.ASCII)
_SEED_BYTES = 32
_SECRET_BYTES = 64
_ALLOWED = "a base58 private key (32 or 64 bytes) or a JSON array of 64 numbers from 0 to 255 (a Solana CLI key file)"


class EnvironmentWalletKeys:
    """The keys of `WALLET_1`, `WALLET_2`, …; a gap in the numbers hides nothing, a bad value does not stop the others."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Read every `WALLET_n` of a mapping; empty values count as not set."""
        self._secrets: dict[WalletAddress, bytearray] = {}
        names: dict[WalletAddress, str] = {}
        problems: list[str] = []
        numbered = [(int(found[1]), name) for name in values if (found := _NAME.fullmatch(name))]
        for _, name in sorted(numbered):
            text = values[name].strip()
            if not text:
                continue
            keypair = _parse(text)
            if isinstance(keypair, str):
                problems.append(f"{name}: {keypair}")
                continue
            address = WalletAddress(str(keypair.pubkey()))
            if address in names:
                problems.append(f"{name}: the wallet {address} is already given by {names[address]}")
                continue
            names[address] = name
            self._secrets[address] = bytearray(bytes(keypair))
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the values, one message each, without any part of a key."""
        return self._problems

    @property
    def addresses(self) -> tuple[WalletAddress, ...]:
        """The wallets that can sign, in the order of their numbers."""
        return tuple(self._secrets)

    def is_loaded(self, wallet: WalletAddress) -> bool:
        """Tell whether the wallet's key is in memory."""
        return wallet in self._secrets

    def refusal(self, wallet: WalletAddress) -> WalletNotLoadedError:  # noqa: ARG002 -- the same for all
        """Return why a wallet that is not loaded cannot sign."""
        return WalletNotLoadedError()

    def sign(self, wallet: WalletAddress, message: bytes) -> bytes:
        """Return the wallet's Ed25519 signature (64 bytes) of a message. Raises `WalletNotLoadedError`."""
        secret = self._secrets.get(wallet)
        if secret is None:
            raise WalletNotLoadedError
        return bytes(Keypair.from_bytes(bytes(secret)).sign_message(message))

    def wipe(self) -> None:
        """Overwrite and forget all keys; nothing can be signed afterwards."""
        for secret in self._secrets.values():
            for index in range(len(secret)):
                secret[index] = 0
        self._secrets.clear()

    def __repr__(self) -> str:
        return f"EnvironmentWalletKeys({len(self._secrets)} wallets)"


def _parse(text: str) -> Keypair | str:
    """Return the key, or what is wrong; the text itself, and errors that may quote it, stay here."""
    if text.startswith("sim_"):
        return "this is the address of a simulation wallet, which has no key"
    raw = _bytes_of_array(text) if text.startswith("[") else _bytes_of_base58(text)
    if raw is None:
        return f"the value cannot be read; it must be {_ALLOWED}"
    if len(raw) == _SEED_BYTES:
        return Keypair.from_seed(raw)
    keypair = Keypair.from_seed(raw[:_SEED_BYTES])
    if bytes(keypair.pubkey()) != raw[_SEED_BYTES:]:
        return "the public half of the key does not belong to its secret half"
    return keypair


def _bytes_of_array(text: str) -> bytes | None:
    try:
        numbers = orjson.loads(text)
        if (
            isinstance(numbers, list)
            and len(numbers) == _SECRET_BYTES
            and all(type(n) is int for n in numbers)
        ):
            return bytes(numbers)
    except ValueError:
        return None
    return None


def _bytes_of_base58(text: str) -> bytes | None:
    """Read base58 of 32 or 64 bytes, which are the sizes of an address and of a signature."""
    try:
        return bytes(Pubkey.from_string(text))
    except ValueError:
        pass
    try:
        return bytes(Signature.from_string(text))
    except ValueError:
        return None
