"""Messages on their way to Telegram: waits when it is told to, tries again what was lost, gives up on what is never taken."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

import structlog
import telegram
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter, TelegramError

from nexgent.cli.telegram_bot.commands import Button
from nexgent.shared.backoff import Backoff

log = structlog.get_logger(__name__)
T = TypeVar("T")

ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 60.0
"""Who is told to wait longer does not get that answer any more: nobody waits for it."""
LONGEST_NOTICE = 190
"""Telegram takes 200 characters."""
_NO_PREVIEW = telegram.LinkPreviewOptions(is_disabled=True)


def asked_to_wait(error: RetryAfter) -> float:
    """Return for how many seconds Telegram does not want to hear from us."""
    with warnings.catch_warnings():
        # It is told as a number or as a span of time, and the library announces which it will be one day.
        warnings.simplefilter("ignore")
        wanted = error.retry_after
    return wanted.total_seconds() if isinstance(wanted, timedelta) else float(wanted)


class Outbox:
    """What is said. Nothing raises but a cancellation: who cannot be told cannot be told that either."""

    def __init__(self, bot: telegram.Bot) -> None:
        self._bot = bot

    async def send(
        self,
        chat_id: int,
        text: str,
        buttons: Sequence[Sequence[Button]] = (),
        *,
        reply_to: int | None = None,
        thread_id: int | None = None,
    ) -> int | None:
        """Send a message; return its id, None when it could not be sent."""
        answering = (
            telegram.ReplyParameters(message_id=reply_to, allow_sending_without_reply=True)
            if reply_to is not None
            else None
        )
        sent = await self._patiently(
            "sendMessage",
            lambda: self._bot.send_message(
                chat_id,
                text,
                parse_mode="HTML",
                reply_markup=_keyboard(buttons),
                reply_parameters=answering,
                message_thread_id=thread_id,
                link_preview_options=_NO_PREVIEW,
            ),
        )
        return None if sent is None else sent.message_id

    async def edit(
        self, chat_id: int, message_id: int, text: str, buttons: Sequence[Sequence[Button]] = ()
    ) -> bool:
        """Put a text in the place of a message; tell whether it stands there now."""

        async def attempt() -> bool:
            try:
                await self._bot.edit_message_text(
                    text,
                    chat_id,
                    message_id,
                    parse_mode="HTML",
                    reply_markup=_keyboard(buttons),
                    link_preview_options=_NO_PREVIEW,
                )
            except BadRequest as error:
                # Of two presses, the second finds what the first one has put there.
                if "not modified" not in error.message.lower():
                    raise
            return True

        return await self._patiently("editMessageText", attempt) is True

    async def answer_press(self, press_id: str, notice: str = "") -> None:
        """Tell Telegram that a press was seen, and who pressed, if need be, something."""
        text = notice[:LONGEST_NOTICE] or None
        await self._patiently(
            "answerCallbackQuery",
            lambda: self._bot.answer_callback_query(press_id, text=text, show_alert=bool(text)),
        )

    async def offer(self, chat_id: int, commands: Sequence[tuple[str, str]]) -> None:
        """Have a chat's menu show the commands."""
        listed = [telegram.BotCommand(name, summary) for name, summary in commands]
        await self._patiently(
            "setMyCommands",
            lambda: self._bot.set_my_commands(listed, scope=telegram.BotCommandScopeChat(chat_id)),
        )

    async def _patiently(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T | None:
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while True:
            at_least = 0.0
            try:
                return await attempt()
            except RetryAfter as error:
                at_least = asked_to_wait(error)
                kind = "told to wait"
            except ChatMigrated as error:
                log.warning(
                    "telegram.chat_moved", to=str(error.new_chat_id), hint="list it in TELEGRAM_CHAT_IDS"
                )
                return None
            except (BadRequest, Forbidden, InvalidToken) as error:
                # Not changed, deleted, blocked, left: nothing of it gets better by asking again.
                log.warning("telegram.not_sent", what=what, kind=type(error).__name__)
                return None
            except TelegramError as error:
                kind = type(error).__name__
            except Exception as error:
                # An answer that is none of the protocol.
                kind = type(error).__name__
            if backoff.failures + 1 >= ATTEMPTS or at_least > LONGEST_WAIT_SECONDS:
                log.warning("telegram.not_sent", what=what, kind=kind)
                return None
            await asyncio.sleep(backoff.failed(at_least))


def _keyboard(buttons: Sequence[Sequence[Button]]) -> telegram.InlineKeyboardMarkup | None:
    if not buttons:
        return None
    return telegram.InlineKeyboardMarkup(
        [[telegram.InlineKeyboardButton(one.text, callback_data=one.data) for one in row] for row in buttons]
    )
