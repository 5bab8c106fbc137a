"""Who is answered, and who may have something done."""

from __future__ import annotations

from collections import Counter

import structlog

from nexgent.config.telegram import TelegramSettings
from nexgent.shared.clock import Clock

log = structlog.get_logger(__name__)

TELL_SECONDS = 60.0
MOST_STRANGERS = 20
"""So many chats are told apart between two lines of the log; the others are counted together."""


class Access:
    """The chat decides who is answered, the user who may act: whoever is in a group reads what the bot writes there."""

    def __init__(self, settings: TelegramSettings) -> None:
        self.chats = settings.chat_ids
        self._operators = settings.operator_ids

    def may_ask(self, chat_id: int) -> bool:
        """Tell whether anything is answered there."""
        return chat_id in self.chats

    def may_act(self, chat_id: int, user_id: int | None) -> bool:
        """Tell whether somebody may stop, resume and sell there. `user_id` is None for who hides behind a group or a channel."""
        return chat_id in self.chats and user_id in self._operators


class Strangers:
    """Counts who writes without being listed. They get nothing, and the log their number, not what they wrote."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: Counter[int] = Counter()
        self._others = 0
        self._told_at: float | None = None

    def note(self, chat_id: int) -> None:
        """Count a message or a press of a button; the log gets a line a minute at most."""
        if chat_id in self._counts or len(self._counts) < MOST_STRANGERS:
            self._counts[chat_id] += 1
        else:
            self._others += 1
        self.tell()

    def tell(self) -> None:
        """Write down what was counted, unless that was done a moment ago."""
        now = self._clock.monotonic()
        if not self._counts or (self._told_at is not None and now - self._told_at < TELL_SECONDS):
            return
        log.warning(
            "telegram.strangers",
            chats={str(chat): count for chat, count in self._counts.items()},
            others=self._others,
            hint="not answered; TELEGRAM_CHAT_IDS lists who is",
        )
        self._counts.clear()
        self._others = 0
        self._told_at = now
