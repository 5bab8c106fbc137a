"""The secret that signs tokens: given by the operator, or made once for a local installation."""

from __future__ import annotations

from pydantic import SecretStr

from nexgent.config.kept_secret import kept_secret
from nexgent.config.section import SettingsError
from nexgent.config.sections import MIN_SECRET_LENGTH
from nexgent.config.settings import Settings

FILE_NAME = "jwt-secret"


def resolve_jwt_secret(settings: Settings) -> SecretStr:
    """Return `JWT_SECRET`, or the one kept in the data folder (mode 0600), made at the first start.

    In production, and where a server is shared with others, it has to be given. Raises `SettingsError`.
    """
    if settings.auth.jwt_secret is not None:
        return settings.auth.jwt_secret
    if (problem := jwt_secret_problem(settings)) is not None:
        raise SettingsError([problem])
    return kept_secret(settings.storage.data_dir / FILE_NAME, min_length=MIN_SECRET_LENGTH)


def jwt_secret_problem(settings: Settings) -> str | None:
    """Return why there is no secret and none may be made, None when all is well. Touches nothing."""
    if settings.auth.jwt_secret is not None or (settings.storage.embedded and not settings.server.production):
        return None
    where = "in production" if settings.server.production else "with a database and a Redis of your own"
    return f"JWT_SECRET is not set, which is needed {where}. `nexgent secret` makes one."
