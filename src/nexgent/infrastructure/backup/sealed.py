"""A file encrypted piece by piece, so that it is written in one go and read at any place in constant memory.

The header: `MAGIC`, log2 of scrypt's n, r, p, and 16 random bytes of salt. Then pieces of 64 KiB, each with AES-256-GCM under the
key that scrypt derives from the passphrase and the salt: the nonce is the number of the piece and whether it is the last one (the
STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015), the associated data the header. A piece that is missing,
exchanged or cut off does not open. The salt is new with every file, so no key ever meets a nonce twice.
"""

from __future__ import annotations

import io
import os
import secrets
import unicodedata
from typing import IO, TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from nexgent.infrastructure.backup.errors import DamagedBackupError, WrongPassphraseError
from nexgent.infrastructure.wallets.crypto import DEFAULT_COST, ScryptCost

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAGIC = b"nexgent sealed 1\n"
PIECE_BYTES = 1 << 16
_SALT_BYTES = 16
_TAG_BYTES = 16
_KEY_BYTES = 32
_HEADER_BYTES = len(MAGIC) + 3 + _SALT_BYTES
_MAX_LOG_N = 30


class SealedWriter(io.RawIOBase):
    """Encrypts what is written to it. `close` ends the file with its last piece, and leaves what is below it open."""

    def __init__(self, below: IO[bytes], passphrase: str, *, cost: ScryptCost = DEFAULT_COST) -> None:
        self._below = below
        self._header = (
            MAGIC + bytes((cost.n.bit_length() - 1, cost.r, cost.p)) + secrets.token_bytes(_SALT_BYTES)
        )
        self._cipher = _cipher(self._header, passphrase)
        self._number = 0
        self._waiting = bytearray()
        below.write(self._header)

    def writable(self) -> bool:
        """Tell that it is for writing."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Encrypt some bytes."""
        self._waiting += data
        while len(self._waiting) > PIECE_BYTES:
            self._seal(bytes(self._waiting[:PIECE_BYTES]), last=False)
            del self._waiting[:PIECE_BYTES]
        return memoryview(data).nbytes

    def close(self) -> None:
        """Write the last piece."""
        if not self.closed:
            self._seal(bytes(self._waiting), last=True)
            self._waiting.clear()
        super().close()

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._below.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, self._header))
        self._number += 1


class SealedReader(io.RawIOBase):
    """Decrypts a sealed file at any place.

    Raises `WrongPassphraseError` when it is opened with another passphrase, and `DamagedBackupError` where it is not whole.
    """

    def __init__(self, below: IO[bytes], passphrase: str) -> None:
        self._below = below
        below.seek(0)
        self._header = below.read(_HEADER_BYTES)
        self._cipher = _cipher(self._header, passphrase)
        sealed_bytes = below.seek(0, os.SEEK_END) - _HEADER_BYTES
        self._pieces = -(-sealed_bytes // (PIECE_BYTES + _TAG_BYTES))
        self._size = sealed_bytes - self._pieces * _TAG_BYTES
        self._place = 0
        self._piece: tuple[int, bytes] | None = None
        if self._pieces == 0 or self._size < 0:
            raise DamagedBackupError("The file is cut off.")
        self._open(0)

    def readable(self) -> bool:
        """Tell that it is for reading."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read at any place."""
        return True

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: Buffer, /) -> int:
        """Decrypt as much as was asked for, over the ends of pieces: who reads a header does not ask for its rest."""
        into = memoryview(buffer).cast("B")
        done = 0
        while done < len(into) and self._place < self._size:
            number, offset = divmod(self._place, PIECE_BYTES)
            found = self._open(number)[offset : offset + len(into) - done]
            into[done : done + len(found)] = found
            done += len(found)
            self._place += len(found)
        return done

    def _open(self, number: int) -> bytes:
        if self._piece is not None and self._piece[0] == number:
            return self._piece[1]
        self._below.seek(_HEADER_BYTES + number * (PIECE_BYTES + _TAG_BYTES))
        sealed = self._below.read(PIECE_BYTES + _TAG_BYTES)
        nonce = _nonce(number, last=number == self._pieces - 1)
        try:
            piece = self._cipher.decrypt(nonce, sealed, self._header)
        except InvalidTag:
            # Nobody can tell a wrong key from a changed first piece; with the first one open, the key is right.
            if self._piece is None:
                raise WrongPassphraseError(
                    "The passphrase does not open the file (or the file is damaged)."
                ) from None
            raise DamagedBackupError("The file was changed or cut off after it was written.") from None
        self._piece = (number, piece)
        return piece


def is_sealed(source: IO[bytes]) -> bool:
    """Tell whether a file is encrypted. It stands at its beginning afterwards."""
    source.seek(0)
    start = source.read(len(MAGIC))
    source.seek(0)
    return start == MAGIC


def _cipher(header: bytes, passphrase: str) -> AESGCM:
    if len(header) < _HEADER_BYTES or not header.startswith(MAGIC):
        raise DamagedBackupError("The file is not an encrypted backup of nexgent, or it is cut off.")
    log_n, r, p = header[len(MAGIC) : len(MAGIC) + 3]
    cost = ScryptCost(n=1 << min(log_n, _MAX_LOG_N), r=r, p=p)
    if not cost.usable:
        raise DamagedBackupError("The header of the file is damaged.")
    # The same characters have several encodings, and keyboards differ in which they send.
    secret = unicodedata.normalize("NFKC", passphrase).encode()
    salt = header[-_SALT_BYTES:]
    return AESGCM(Scrypt(salt=salt, length=_KEY_BYTES, n=cost.n, r=cost.r, p=cost.p).derive(secret))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
