"""Small texts at rest: AES-256-GCM under keys that are derived from the installation's secret."""

from __future__ import annotations

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

_NONCE_BYTES = 12
_KEY_BYTES = 32


class Sealer:
    """Encrypts for one purpose. Each context (an id, a user's own key …) has a key of its own by HKDF-SHA-256 (RFC 5869)."""

    def __init__(self, secret: SecretStr, purpose: str) -> None:
        self._secret = secret
        self._purpose = purpose.encode()

    def seal(self, context: bytes, content: bytes) -> bytes:
        """Return nonce and ciphertext with its tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._key(context)).encrypt(nonce, content, self._purpose)

    def open(self, context: bytes, sealed: bytes) -> bytes | None:
        """Return the content; None when it does not open: the secret has changed, or the record belongs to something else."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self._key(context)).decrypt(nonce, ciphertext, self._purpose)
        except (InvalidTag, ValueError):
            return None

    def fingerprint(self, context: bytes, content: bytes) -> bytes:
        """Return 32 bytes that are the same for the same content, and by which nobody without the secret can guess it."""
        return hmac.digest(self._key(b"fingerprint\0" + context), content, "sha256")

    def _key(self, context: bytes) -> bytes:
        info = b"nexgent/" + self._purpose + b"\0" + context
        derive = HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=info)
        return derive.derive(self._secret.get_secret_value().encode())
