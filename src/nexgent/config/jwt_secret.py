"""The secret that signs tokens: given by the operator, or made once for a local installation."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from nexgent.config.section import SettingsError
from nexgent.config.sections import MIN_SECRET_LENGTH
from nexgent.config.settings import Settings

FILE_NAME = "jwt-secret"
_RANDOM_BYTES = 48


def resolve_jwt_secret(settings: Settings) -> SecretStr:
    """Return `JWT_SECRET`, or the one kept in the data folder (mode 0600), made at the first start.

    In production, and where a server is shared with others, it has to be given. Raises `SettingsError`.
    """
    if settings.auth.jwt_secret is not None:
        return settings.auth.jwt_secret
    if settings.server.production or not settings.storage.embedded:
        where = "in production" if settings.server.production else "with a database and a Redis of your own"
        raise SettingsError([f"JWT_SECRET is not set, which is needed {where}. `nexgent secret` makes one."])
    path = settings.storage.data_dir / FILE_NAME
    try:
        return _read_or_make(path)
    except OSError as error:
        raise SettingsError([f"{path} cannot be used for the JWT secret: {error.strerror}"]) from None


def _read_or_make(path: Path) -> SecretStr:
    # Embedded servers may run as another user, who has to pass through to folders of their own.
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    try:
        kept = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        kept = ""
    if len(kept) >= MIN_SECRET_LENGTH:
        path.chmod(0o600)
        return SecretStr(kept)
    made = secrets.token_urlsafe(_RANDOM_BYTES)
    # Written beside and linked into place: of two processes that start together, one wins and both use its secret.
    beside = path.with_name(f"{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:
        found = path.read_text(encoding="ascii").strip()
        if len(found) >= MIN_SECRET_LENGTH:
            return SecretStr(found)
        # What is there is damaged: too short to be a secret.
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return SecretStr(made)
