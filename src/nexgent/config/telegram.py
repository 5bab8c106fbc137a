"""The settings of `nexgent telegram`. The service itself needs none of them."""

from __future__ import annotations

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, SecretStr

from nexgent.config.section import Section, setting
from nexgent.config.sections import HttpUrl

TELEGRAM = "https://api.telegram.org"
_IDS = r"^\s*(-?[0-9]{1,19}\s*(,\s*-?[0-9]{1,19}\s*)*,?\s*)?$"
_USERS = r"^\s*([0-9]{1,19}\s*(,\s*[0-9]{1,19}\s*)*,?\s*)?$"

_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}")


def _token(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if not _TOKEN.fullmatch(text):
        raise ValueError("not the token of a bot")
    return SecretStr(text)


def _key(value: SecretStr) -> SecretStr:
    return SecretStr(value.get_secret_value().strip())


def _zone(value: str) -> str:
    try:
        return ZoneInfo(value.strip()).key
    except (KeyError, OSError) as error:
        raise ValueError("not a time zone") from error


class TelegramSettings(Section):
    """Which bot it is, who may talk to it, and what it may do here."""

    bot_token: Annotated[SecretStr, AfterValidator(_token)] | None = setting(
        "TELEGRAM_BOT_TOKEN",
        default=None,
        allowed="the token that BotFather gave, such as 123456789:AA…",
        secret=True,
    )
    service_key: Annotated[SecretStr, AfterValidator(_key)] | None = setting(
        "TELEGRAM_SERVICE_KEY",
        default=None,
        allowed="an API key of the service (`nexgent telegram --make-key` makes one)",
        secret=True,
    )
    chat_ids_text: str = setting(
        "TELEGRAM_CHAT_IDS",
        default="",
        allowed="numbers of chats separated by commas; those of groups begin with a minus",
        pattern=_IDS,
        max_length=2000,
    )
    operator_ids_text: str = setting(
        "TELEGRAM_OPERATOR_IDS",
        default="",
        allowed="numbers of users separated by commas",
        pattern=_USERS,
        max_length=2000,
    )
    api_url: HttpUrl = setting(
        "TELEGRAM_API_URL", default=TELEGRAM, allowed="an address starting with http:// or https://"
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = setting(
        "TELEGRAM_TIME_ZONE", default="UTC", allowed="the IANA name of a time zone, such as Europe/Berlin"
    )

    @property
    def chat_ids(self) -> frozenset[int]:
        """Return the chats that are answered. A private chat has the number of its user."""
        return _numbers(self.chat_ids_text)

    @property
    def operator_ids(self) -> frozenset[int]:
        """Return the users who may stop, resume and sell; unless they are named, those of the private chats."""
        return _numbers(self.operator_ids_text) or frozenset(chat for chat in self.chat_ids if chat > 0)


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(part) for part in text.split(",") if part.strip())
