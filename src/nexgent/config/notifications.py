"""The settings of notifications, and the secret that addresses are encrypted with."""

from __future__ import annotations

from typing import Annotated

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import AfterValidator, SecretStr

from nexgent.config.section import Section, setting
from nexgent.config.sections import Flag, checked_secret

SECRET_VARIABLE = "NOTIFY_SECRET"  # noqa: S105 -- the name of a setting


class NotificationSettings(Section):
    """Who may be told, and how long it is kept what was."""

    private_addresses: Flag = setting("NOTIFY_PRIVATE_ADDRESSES", default=False, allowed="true or false")
    keep_days: int = setting(
        "NOTIFY_KEEP_DAYS", default=30, allowed="a whole number of days from 1 to 3650", ge=1, le=3650
    )
    secret: Annotated[SecretStr, AfterValidator(checked_secret)] | None = setting(
        SECRET_VARIABLE,
        default=None,
        allowed="at least 32 characters and not a published example (`nexgent secret` makes one)",
        secret=True,
    )


def notification_secret(notifications: NotificationSettings, jwt_secret: SecretStr) -> SecretStr:
    """Return `NOTIFY_SECRET`, or one that follows from the secret of tokens, from which nobody gets back to that.

    The worker sends, so it has to read addresses, and it must not be able to make tokens.
    """
    if notifications.secret is not None:
        return notifications.secret
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"nexgent/notifications")
    return SecretStr(derive.derive(jwt_secret.get_secret_value().encode()).hex())
