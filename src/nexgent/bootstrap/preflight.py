"""What can be known to be wrong with the settings before anything is touched: no folder made, no server started."""

from __future__ import annotations

from collections.abc import Iterator

from nexgent.config.exposure import exposure_problems
from nexgent.config.jwt_secret import jwt_secret_problem
from nexgent.config.settings import Settings, SettingsError
from nexgent.infrastructure.cache.connect import check_redis_url
from nexgent.infrastructure.database.engine import normalise_url
from nexgent.infrastructure.wallets.keys import EnvironmentWalletKeys
from nexgent.shared.errors import InvalidInputError


def setting_problems(settings: Settings) -> list[str]:
    """Return what a service could not start with, one sentence each that names the setting and shows no value of a secret."""
    return list(_problems(settings))


def require_usable(settings: Settings) -> None:
    """Raise `SettingsError` with everything that is wrong."""
    if problems := setting_problems(settings):
        raise SettingsError(problems)


def _problems(settings: Settings) -> Iterator[str]:
    storage = settings.storage
    if storage.database_url is not None:
        try:
            normalise_url(storage.database_url.get_secret_value())
        except InvalidInputError as error:
            yield error.message
    if storage.redis_address is not None:
        try:
            check_redis_url(storage.redis_address.get_secret_value())
        except InvalidInputError as error:
            yield error.message
    if (problem := jwt_secret_problem(settings)) is not None:
        yield problem
    yield from exposure_problems(settings)
    keys = EnvironmentWalletKeys({name: value.get_secret_value() for name, value in settings.wallet_keys})
    yield from keys.problems
    keys.wipe()
