"""All settings, read once from the environment and `.env`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from dotenv import dotenv_values
from pydantic import SecretStr

from nexgent.config.connections import ConnectionSettings
from nexgent.config.notifications import NotificationSettings
from nexgent.config.section import Section, SettingsError
from nexgent.config.sections import (
    PLACEHOLDER_PASSWORDS,
    AuthSettings,
    LimitSettings,
    LoggingSettings,
    MarketSettings,
    PriceSettings,
    ServerSettings,
    StorageSettings,
    TradingSettings,
)
from nexgent.config.telegram import TelegramSettings
from nexgent.config.tracing import TracingSettings

__all__ = ["SECTIONS", "Settings", "SettingsError"]

_S = TypeVar("_S", bound=Section)
LEASE_SECONDS = 10.0
"""Long enough for a busy machine, whose event loop or disk may stand still for seconds; an engine that was killed is followed at
once all the same."""
LEAST_ROUNDS = 3
_WALLET = re.compile(r"WALLET_([1-9]\d{0,5})")

SECTIONS: tuple[type[Section], ...] = (
    ServerSettings,
    ConnectionSettings,
    LoggingSettings,
    StorageSettings,
    AuthSettings,
    LimitSettings,
    MarketSettings,
    PriceSettings,
    TradingSettings,
    NotificationSettings,
    TracingSettings,
    TelegramSettings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can set. `bootstrap` hands each part the section or the values it needs."""

    server: ServerSettings
    connections: ConnectionSettings
    logging: LoggingSettings
    storage: StorageSettings
    auth: AuthSettings
    limits: LimitSettings
    market: MarketSettings
    prices: PriceSettings
    trading: TradingSettings
    notifications: NotificationSettings
    tracing: TracingSettings
    telegram: TelegramSettings
    wallet_keys: tuple[tuple[str, SecretStr], ...]
    """Live keys by variable name, `WALLET_1` first. Numbers may be missing in between."""

    @property
    def sections(self) -> tuple[Section, ...]:
        """All sections, in the order of `env.example`."""
        return (
            self.server,
            self.connections,
            self.logging,
            self.storage,
            self.auth,
            self.limits,
            self.market,
            self.prices,
            self.trading,
            self.notifications,
            self.tracing,
            self.telegram,
        )

    @property
    def engine_lease_seconds(self) -> float:
        """How long the engine's lease lives without being renewed by the price loop."""
        given = self.trading.engine_lease_seconds
        return given if given is not None else max(LEASE_SECONDS, LEAST_ROUNDS * slowest_round(self.prices))

    @classmethod
    def load(
        cls, env_file: str | Path | None = ".env", *, without: Callable[[str], bool] | None = None
    ) -> Self:
        """Read the environment and the file; the real environment wins. Raises `SettingsError` naming all that is wrong.

        What `without` says yes to counts as not set: a process need not know what it has no use for.
        """
        values: dict[str, str | None] = dict(os.environ)
        if env_file is not None:
            values = {**file_values(Path(env_file)), **values}
        return cls.from_values(
            {
                name: value
                for name, value in values.items()
                if value is not None and not (without is not None and without(name))
            }
        )

    @classmethod
    def from_values(cls, values: Mapping[str, str]) -> Self:
        """Build the settings from names and texts. An empty text means: not set."""
        given = {name: value for name, value in values.items() if value.strip()}
        sections: dict[type[Section], Section] = {}
        problems: list[str] = []
        for section in SECTIONS:
            try:
                sections[section] = section.read(given)
            except SettingsError as error:
                problems.extend(error.problems)
        problems.extend(_relations(sections))
        if problems:
            raise SettingsError(problems)
        return cls(
            server=_of(sections, ServerSettings),
            connections=_of(sections, ConnectionSettings),
            logging=_of(sections, LoggingSettings),
            storage=_of(sections, StorageSettings),
            auth=_of(sections, AuthSettings),
            limits=_of(sections, LimitSettings),
            market=_of(sections, MarketSettings),
            prices=_of(sections, PriceSettings),
            trading=_of(sections, TradingSettings),
            notifications=_of(sections, NotificationSettings),
            tracing=_of(sections, TracingSettings),
            telegram=_of(sections, TelegramSettings),
            wallet_keys=_wallet_keys(given),
        )


def is_private_to_the_service(name: str) -> bool:
    """Tell whether an environment variable is a secret that only the service itself needs: no worker and no other child.

    The servers' addresses are not among them, which the worker needs as well.
    """
    return name in _PRIVATE or _WALLET.fullmatch(name) is not None


# Without its password the administrator's address would be half a setting.
_PRIVATE = frozenset(
    {
        "ADMIN_EMAIL",
        *(
            name
            for section in SECTIONS
            if section is not StorageSettings
            for name in section.secret_variables()
        ),
    }
)


def slowest_round(prices: PriceSettings) -> float:
    """Return how many seconds a round of the price loop may take when all is well."""
    return max(prices.poll_seconds, prices.patience_seconds)


def _of(sections: Mapping[type[Section], Section], kind: type[_S]) -> _S:
    section = sections[kind]
    assert isinstance(section, kind)
    return section


def file_values(path: Path) -> dict[str, str | None]:
    """Return what a file sets; nothing when there is none. Raises `SettingsError` when it cannot be read."""
    if not path.is_file():
        return {}
    try:
        return dotenv_values(path, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path} cannot be read: {type(error).__name__}"]) from None


def _wallet_keys(values: Mapping[str, str]) -> tuple[tuple[str, SecretStr], ...]:
    found = sorted((int(match[1]), name) for name in values if (match := _WALLET.fullmatch(name)))
    return tuple((name, SecretStr(values[name].strip())) for _, name in found)


def _relations(sections: Mapping[type[Section], Section]) -> list[str]:
    """Return what is wrong between sections or between settings of one."""
    problems: list[str] = []
    trading, prices = sections.get(TradingSettings), sections.get(PriceSettings)
    if isinstance(trading, TradingSettings) and isinstance(prices, PriceSettings):
        least, given = LEAST_ROUNDS * slowest_round(prices), trading.engine_lease_seconds
        if given is not None and given < least:
            problems.append(
                f"ENGINE_LEASE_SECONDS: '{given:g}' is too short. The price loop renews the lease once a round, so it has to be "
                f"at least {least:g}, three times the longer one of PRICE_POLL_SECONDS and PRICE_PATIENCE_SECONDS."
            )
    auth = sections.get(AuthSettings)
    server = sections.get(ServerSettings)
    if isinstance(auth, AuthSettings):
        if (auth.admin_email is None) != (auth.admin_password is None):
            missing = "ADMIN_EMAIL" if auth.admin_email is None else "ADMIN_PASSWORD"
            problems.append(f"{missing} is not set; ADMIN_EMAIL and ADMIN_PASSWORD belong together.")
        password = auth.admin_password.get_secret_value().strip() if auth.admin_password is not None else ""
        if isinstance(server, ServerSettings) and server.production and password in PLACEHOLDER_PASSWORDS:
            problems.append("ADMIN_PASSWORD: this is a published example; choose another one.")
    return problems
