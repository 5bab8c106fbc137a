"""Secrets that are made once and kept in the data folder, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from nexgent.config.section import SettingsError

_RANDOM_BYTES = 48


def kept_secret(path: Path, *, min_length: int = 32) -> SecretStr:
    """Return the secret in the file, made at the first call (mode 0600). Raises `SettingsError` when that cannot be done."""
    try:
        return _read_or_make(path, min_length)
    except OSError as error:
        raise SettingsError([f"{path} cannot be used to keep a secret: {error.strerror}"]) from None


def _read_or_make(path: Path, min_length: int) -> SecretStr:
    # Embedded servers may run as another user, who has to pass through to folders of their own.
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    try:
        kept = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        kept = ""
    if len(kept) >= min_length:
        path.chmod(0o600)
        return SecretStr(kept)
    made = secrets.token_urlsafe(_RANDOM_BYTES)
    # Written beside and linked into place: of two processes that start together, one wins and both use its secret.
    beside = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:
        found = path.read_text(encoding="ascii").strip()
        if len(found) >= min_length:
            return SecretStr(found)
        # What is there is damaged: too short to be a secret.
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return SecretStr(made)
