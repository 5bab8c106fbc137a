"""What `nexgent doctor` says of the bot. Needs nothing of the extra."""

from __future__ import annotations

import argparse
import importlib.util

import httpx

from nexgent.cli.address import find_service
from nexgent.cli.api_client import KeyClient, NotAServiceError, RefusalError, ServiceUnreachableError
from nexgent.cli.telegram_bot.service import SCOPES
from nexgent.config.exposure import telegram_in_the_open
from nexgent.config.settings import Settings
from nexgent.config.telegram import TelegramSettings
from nexgent.shared.findings import Finding, Verdict

NAME = "telegram"
_NOBODY = "00000000-0000-0000-0000-000000000000"
PROBES: dict[str, tuple[str, str, object]] = {
    "overview": ("GET", "/overview/attention", None),
    "agents": ("GET", "/agents", None),
    "positions": ("GET", f"/agent-positions/{_NOBODY}", None),
    "signals_read": ("GET", "/trading-signals?limit=1", None),
    # Neither does anything: the position does not exist, and the order says nothing.
    "trading": ("POST", f"/agents/{_NOBODY}/positions/{_NOBODY}/preview-sale", {}),
    "kill_switch": ("PUT", "/protections/kill-switch", {}),
}
"""A request for each scope, which a key without it is refused with 403."""


async def telegram(settings: Settings, http: httpx.AsyncClient) -> Finding | None:
    """Ask Telegram for the bot and the service for its key; None where there is to be no bot."""
    own = settings.telegram
    if own.bot_token is None:
        return None
    if importlib.util.find_spec("telegram") is None:
        return _wrong("the extra is not installed", "pip install 'nexgent[telegram]'")
    if in_the_open := telegram_in_the_open(settings):
        found, _, advice = in_the_open.partition(". ")
        return _wrong(found, advice)
    try:
        answer = await http.post(f"{own.api_url}/bot{own.bot_token.get_secret_value()}/getMe")
        bot = f"@{answer.json()['result']['username']}" if answer.status_code == 200 else ""
    except httpx.HTTPError as error:
        # Its text may quote the address, which holds the token.
        return _wrong(
            f"Telegram cannot be reached: {type(error).__name__}", "See the network, and TELEGRAM_API_URL"
        )
    except (ValueError, KeyError, TypeError):
        return _wrong("what answers is no Bot API", "See TELEGRAM_API_URL")
    if not bot:
        return _wrong(
            f"Telegram does not take the token (status {answer.status_code})",
            "BotFather shows it after /token; put it into TELEGRAM_BOT_TOKEN",
        )
    return await _key(settings, own, bot)


async def _key(settings: Settings, own: TelegramSettings, bot: str) -> Finding:
    make = "`nexgent telegram --make-key` makes one for TELEGRAM_SERVICE_KEY"
    if own.service_key is None:
        return _wrong(f"{bot} has no key for the service", make)
    lacking = []
    try:
        async with KeyClient(find_service(argparse.Namespace(), settings), own.service_key) as client:
            for scope in SCOPES:
                try:
                    await client.call(*PROBES[scope])
                except RefusalError as error:
                    if error.status == 401:
                        return _wrong(f"{bot}: the service does not take its key", make)
                    if error.status == 403:
                        lacking.append(scope)
    except (ServiceUnreachableError, NotAServiceError):
        return Finding(
            NAME, Verdict.WARN, f"{bot}; its key cannot be tried", "Start the service with `nexgent serve`"
        )
    may = (
        f"{bot}, its key lacks {', '.join(lacking)}"
        if lacking
        else f"{bot}, its key may do everything it is for"
    )
    if not own.chat_ids:
        advice = "Write to it; its log shows the number of your chat for TELEGRAM_CHAT_IDS"
        return Finding(NAME, Verdict.WARN, f"{may}; nobody is answered", advice)
    return Finding(NAME, Verdict.OK, f"{may}; chats: {len(own.chat_ids)}, operators: {len(own.operator_ids)}")


def _wrong(found: str, advice: str) -> Finding:
    return Finding(NAME, Verdict.FAIL, found, advice)
