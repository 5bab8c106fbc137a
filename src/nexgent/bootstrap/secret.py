"""The secret that signs tokens: given, or made once and kept in the data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from nexgent.config.section import SettingsError
from nexgent.config.settings import Settings

FILE_NAME = "jwt-secret"


def token_secret(settings: Settings) -> SecretStr:
    """Return the secret. Raises `SettingsError` when a production installation gives none."""
    if settings.auth.jwt_secret is not None:
        return settings.auth.jwt_secret
    if settings.server.production:
        raise SettingsError(
            ["JWT_SECRET is not set; a production installation needs one (`nexgent secret` makes one)."]
        )
    return SecretStr(kept_secret(settings.storage.data_dir, FILE_NAME))


def kept_secret(data_dir: Path, name: str) -> str:
    """Return a random text that is made once and kept in a file only its owner can read."""
    path = data_dir / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    data_dir.mkdir(parents=True, exist_ok=True)
    text = secrets.token_urlsafe(36)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    return text
