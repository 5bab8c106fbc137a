"""`nexgent telegram`: a bot that answers questions about the running service, stops entries and sells positions.

A process of its own: what Telegram does to it does nothing to the engine. It knows an API key and no password, and neither the
keys of wallets nor the secret of sessions.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import warnings
from contextlib import suppress

from nexgent.cli import exit_codes
from nexgent.cli.address import find_service
from nexgent.cli.api_client import ApiClient, KeyClient, add_connection_options
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.telegram_bot.service import READING, SCOPES, Service
from nexgent.config.exposure import telegram_in_the_open
from nexgent.config.settings import Settings, is_private_to_the_service
from nexgent.config.telegram import TelegramSettings
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import InvalidInputError

KEY_NAME = "Telegram bot"
NEEDED = ("TELEGRAM_BOT_TOKEN", "TELEGRAM_SERVICE_KEY")
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 20.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--make-key",
        action="store_true",
        help="make the API key that the bot needs, print it as a setting, and end",
    )
    parser.add_argument(
        "--read-only", action="store_true", help="with --make-key: a bot that only answers questions"
    )
    add_connection_options(parser)
    parser.epilog = (
        "Needs the extra telegram: pip install 'nexgent[telegram]'. Settings: TELEGRAM_BOT_TOKEN, TELEGRAM_SERVICE_KEY, "
        "TELEGRAM_CHAT_IDS; docs/telegram.md has the steps. --email and --password are for --make-key."
    )


def run(arguments: argparse.Namespace) -> int:
    """Answer until told to stop, or make a key."""
    if arguments.make_key:
        key = run_async(_make_key(arguments, load_settings(level="error")))
        print(f"TELEGRAM_SERVICE_KEY={key}")
        return exit_codes.OK
    if arguments.read_only:
        raise InvalidInputError("--read-only belongs to --make-key; what a bot may do is what its key may do")
    # Not from `.env` either: what this process does not know, nobody finds in its memory.
    run_async(_serve(arguments, load_settings(without=_not_for_the_bot)))
    return exit_codes.OK


def _not_for_the_bot(name: str) -> bool:
    return is_private_to_the_service(name) and name not in TelegramSettings.variables()


async def _make_key(arguments: argparse.Namespace, settings: Settings) -> str:
    scopes = READING if arguments.read_only else SCOPES
    async with ApiClient.of(arguments, settings) as api:
        made = await api.call("POST", "/api-keys", {"name": KEY_NAME, "scopes": list(scopes)})
        return str(made["key"])


async def _serve(arguments: argparse.Namespace, settings: Settings) -> None:
    try:
        import telegram  # noqa: PLC0415 -- an extra
        from telegram.request import HTTPXRequest  # noqa: PLC0415
        from telegram.warnings import PTBDeprecationWarning  # noqa: PLC0415

        from nexgent.cli.telegram_bot.access import Access  # noqa: PLC0415
        from nexgent.cli.telegram_bot.bot import TelegramBot  # noqa: PLC0415
        from nexgent.cli.telegram_bot.commands import Commands  # noqa: PLC0415
        from nexgent.cli.telegram_bot.questions import Questions  # noqa: PLC0415
    except ImportError:
        raise InvalidInputError(
            "`nexgent telegram` needs the extra telegram, which is not installed: pip install 'nexgent[telegram]'"
        ) from None
    own = settings.telegram
    if own.bot_token is None or own.service_key is None:
        raise InvalidInputError(
            f"{' and '.join(NEEDED)} have to be set: the token that BotFather gives, and an API key of the service, which "
            "`nexgent telegram --make-key` makes"
        )
    if in_the_open := telegram_in_the_open(settings):
        raise InvalidInputError(in_the_open)
    # The library tells of requests with their contents, and of trouble that we tell in other words.
    library = logging.getLogger("telegram")
    library.propagate = False
    library.addHandler(logging.NullHandler())
    warnings.simplefilter("ignore", PTBDeprecationWarning)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock = SystemClock()
    questions = Questions(clock)

    def requests() -> HTTPXRequest:
        return HTTPXRequest(
            connection_pool_size=16,
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_ANSWER_SECONDS,
            write_timeout=_ANSWER_SECONDS,
            pool_timeout=_ANSWER_SECONDS,
        )

    async with KeyClient(find_service(arguments, settings), own.service_key) as client:
        await TelegramBot(
            bot=telegram.Bot(
                own.bot_token.get_secret_value(),
                base_url=f"{own.api_url}/bot",
                base_file_url=f"{own.api_url}/file/bot",
                request=requests(),
                get_updates_request=requests(),
            ),
            access=Access(own),
            commands=Commands(
                service=Service(client), questions=questions, time_zone=own.time_zone, clock=clock
            ),
            questions=questions,
            clock=clock,
        ).run(stop)
