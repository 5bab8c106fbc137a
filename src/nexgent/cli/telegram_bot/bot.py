"""Updates of Telegram, one after the other, to commands and back.

What is carried out was sent while the bot listened. An update is confirmed to Telegram before it is known what becomes of it, so
a killed bot does not find it again; and one that it does find again at its start is told and not carried out: nobody wants to
sell what they wanted to sell an hour ago.
"""

from __future__ import annotations

import asyncio
import re
import warnings
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

import structlog
import telegram
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from nexgent.cli.telegram_bot import texts
from nexgent.cli.telegram_bot.access import Access, Strangers
from nexgent.cli.telegram_bot.commands import COMMANDS, STOP, Asked, Commands, Reply, known
from nexgent.cli.telegram_bot.outbox import Outbox, asked_to_wait
from nexgent.cli.telegram_bot.questions import OPEN_SECONDS, Moment, Question, Questions
from nexgent.shared.backoff import Backoff
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import TaskSet, cancel_all

log = structlog.get_logger(__name__)

LISTEN_SECONDS = 25
"""How long Telegram holds a request that has nothing to answer."""
ANSWER_SECONDS = 10.0
"""How long its answer may take beyond that."""
LATE_SECONDS = 60.0
"""Who has not listened for so long may get what was sent long ago."""
OLD_SECONDS = 600.0
"""What is so old by the clock of this machine is not carried out either, whoever held it back."""
BATCH = 100
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
MOST_AT_ONCE = 8
"""Requests that are worked on, of an operator in a chat and of all others there together. A stop is never one too many."""
MOST_QUESTIONS = 15
"""Of those who may only ask, in all chats, in `QUESTIONS_SECONDS`: 600 requests a minute are taken, and /profit is 23 of them."""
QUESTIONS_SECONDS = 60.0
DRAIN_SECONDS = 30.0
TELL_AGAIN_SECONDS = 60.0
_KEPT_IDS = 1000
_LISTED_LATE = 10
_KINDS = ("message", "callback_query")
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?", re.DOTALL)


class TokenRefusedError(NexgentError):
    """Telegram does not know the bot."""

    code = "TELEGRAM_TOKEN_REFUSED"

    def __init__(self) -> None:
        super().__init__(
            "Telegram does not take TELEGRAM_BOT_TOKEN: it is mistyped, or BotFather has given another one since"
        )


class TelegramBot:
    """Listens until it is told to stop."""

    def __init__(
        self,
        *,
        bot: telegram.Bot,
        access: Access,
        commands: Commands,
        questions: Questions,
        clock: Clock,
    ) -> None:
        self._bot = bot
        self._access = access
        self._commands = commands
        self._questions = questions
        self._clock = clock
        self._strangers = Strangers(clock)
        self._outbox = Outbox(bot)
        self._work = TaskSet("telegram")
        self._timers = TaskSet("telegram.timers")
        self._running: Counter[tuple[int, int | None]] = Counter()
        self._questioned: deque[float] = deque()
        self._offset: int | None = None
        self._seen: deque[int] = deque(maxlen=_KEPT_IDS)
        self._trouble = ""
        self._told_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until `stop` is set; what is being carried out then is brought to an end. Raises `TokenRefusedError`."""
        listening = asyncio.create_task(self._listen())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({listening, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_all({listening, stopped})
            await self._confirm()
            await self._timers.drain(0)
            left = await self._work.drain(DRAIN_SECONDS)
            self._strangers.tell()
            log.info("telegram.stopped", left=left)
            with suppress(Exception):
                await self._bot.shutdown()
        if not listening.cancelled() and (error := listening.exception()) is not None:
            raise error

    # --- Updates

    async def _listen(self) -> None:
        await self._introduce()
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        listened: Moment | None = None
        while True:
            try:
                # After trouble, and at the start, what there is comes at once: that it is over is told now and not in a while.
                at_once = listened is None or self._trouble
                updates = await self._fetch(0 if at_once else LISTEN_SECONDS)
            except InvalidToken:
                raise TokenRefusedError from None
            except TelegramError as error:
                await self._pause(backoff, error)
                continue
            self._well()
            backoff.reset()
            now = Moment.of(self._clock)
            late = listened is None or listened.seconds_to(now) > LATE_SECONDS
            self._take(updates, late=late)
            if listened is None:
                log.info("telegram.listening", waiting=len(updates))
            if len(updates) < BATCH:
                # There is nothing older left.
                listened = now

    async def _introduce(self) -> None:
        """Find out who we are, however long Telegram is away."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while True:
            try:
                await self._bot.initialize()
            except InvalidToken:
                raise TokenRefusedError from None
            except TelegramError as error:
                await self._pause(backoff, error)
            else:
                break
        self._well()
        log.info("telegram.started", bot=f"@{self._bot.username}", chats=len(self._access.chats))
        if not self._access.chats:
            log.warning(
                "telegram.no_chats",
                hint="nobody is answered: write to the bot, and list the number seen here",
            )
        offered = [(one.name, one.summary) for one in COMMANDS]
        for chat in sorted(self._access.chats):
            self._timers.start(self._outbox.offer(chat, offered), name=f"offer {chat}")

    async def _fetch(self, seconds: int, most: int = BATCH) -> Sequence[telegram.Update]:
        try:
            return await self._bot.get_updates(
                offset=self._offset,
                limit=most,
                timeout=seconds,
                read_timeout=ANSWER_SECONDS,
                allowed_updates=_KINDS,
            )
        except TelegramError:
            raise
        except Exception as error:
            # One that cannot be read must not keep all others from being read.
            log.warning("telegram.unreadable", kind=type(error).__name__)
            if most > 1:
                return await self._fetch(0, 1)
            await self._skip()
            return ()

    async def _skip(self) -> None:
        """Pass over the next update without reading more of it than its number."""
        with warnings.catch_warnings():
            # That there is a method for it is known: it is the one that cannot read this.
            warnings.simplefilter("ignore")
            wanted = {"offset": self._offset or 0, "limit": 1, "timeout": 0}
            raw: object = await self._bot.do_api_request("getUpdates", wanted)
        for one in raw if isinstance(raw, list) else ():
            number = one.get("update_id") if isinstance(one, dict) else None
            if isinstance(number, int):
                self._offset = number + 1

    async def _confirm(self) -> None:
        """Let Telegram forget what was taken, so that the next start does not find it again."""
        if self._offset is None:
            return
        with suppress(Exception):
            # Whatever the answer is: asking was what matters.
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._bot.get_updates(offset=self._offset, limit=1, timeout=0, allowed_updates=_KINDS)

    async def _pause(self, backoff: Backoff, error: TelegramError) -> None:
        at_least = 0.0
        match error:
            case RetryAfter():
                at_least, trouble = asked_to_wait(error), "told to wait"
            case Conflict():
                # The text tells a webhook from a second program; neither says anything of the token.
                trouble = (
                    "another program uses this bot's token, or it has a webhook: some messages go astray"
                )
            case _:
                trouble = f"Telegram cannot be reached ({type(error).__name__})"
        now = self._clock.monotonic()
        if trouble != self._trouble or now - self._told_at >= TELL_AGAIN_SECONDS:
            self._trouble, self._told_at = trouble, now
            log.error("telegram.trouble", trouble=trouble)
        await backoff.wait(at_least)

    def _well(self) -> None:
        if self._trouble:
            log.info("telegram.well_again", before=self._trouble)
            self._trouble = ""

    def _take(self, updates: Sequence[telegram.Update], *, late: bool) -> None:
        missed: dict[int, list[str]] = {}
        for update in updates:
            self._offset = update.update_id + 1
            if update.update_id in self._seen:
                continue
            self._seen.append(update.update_id)
            chat = update.effective_chat
            if chat is None:
                continue
            if not self._access.may_ask(chat.id):
                self._strangers.note(chat.id)
                continue
            if late or self._is_old(update):
                missed.setdefault(chat.id, []).extend(self._described(update))
                continue
            whose = self._whose(chat.id, update)
            if self._stops(update) or (self._running[whose] < MOST_AT_ONCE and self._has_left(whose, update)):
                self._running[whose] += 1
                task = self._work.start(self._handle(update), name=f"update {update.update_id}")
                task.add_done_callback(partial(self._done, whose))
            else:
                log.warning("telegram.too_many", chat_id=chat.id)
        for chat_id, what in missed.items():
            if what:
                log.warning("telegram.not_carried_out", chat_id=chat_id, count=len(what))
                self._work.start(self._tell_missed(chat_id, what), name=f"missed {chat_id}")

    def _done(self, whose: tuple[int, int | None], _task: asyncio.Task[None]) -> None:
        self._running[whose] -= 1
        if not self._running[whose]:
            del self._running[whose]

    def _whose(self, chat_id: int, update: telegram.Update) -> tuple[int, int | None]:
        """Return on whose account an update is worked on: whoever only asks must not keep an operator from acting."""
        user = _sender(update)
        if user is None or not self._access.may_act(chat_id, user.id):
            return chat_id, None
        return chat_id, user.id

    def _has_left(self, whose: tuple[int, int | None], update: telegram.Update) -> bool:
        """Tell whether one more question may be asked: those of all who only ask leave requests to the service for operators."""
        message = update.message
        if whose[1] is not None or (message is not None and self._order(message) is None):
            return True
        now = self._clock.monotonic()
        while self._questioned and now - self._questioned[0] > QUESTIONS_SECONDS:
            self._questioned.popleft()
        if len(self._questioned) >= MOST_QUESTIONS:
            return False
        self._questioned.append(now)
        return True

    def _stops(self, update: telegram.Update) -> bool:
        message, user = update.message, _sender(update)
        if message is None or user is None or not self._access.may_act(message.chat.id, user.id):
            return False
        order = self._order(message)
        return order is not None and order[0] == STOP

    def _is_old(self, update: telegram.Update) -> bool:
        message = update.message
        return message is not None and (self._clock.now() - message.date).total_seconds() > OLD_SECONDS

    def _described(self, update: telegram.Update) -> list[str]:
        if update.callback_query is not None:
            return ["a button"]
        message = update.message
        order = self._order(message) if message is not None else None
        if message is None or order is None:
            return []
        sent_at: datetime = message.date
        return [f"/{order[0]} ({sent_at:%H:%M} UTC)"]

    async def _tell_missed(self, chat_id: int, what: Sequence[str]) -> None:
        listed = ", ".join(texts.plain(one, 60) for one in what[:_LISTED_LATE])
        more = f" and {len(what) - _LISTED_LATE} more" if len(what) > _LISTED_LATE else ""
        await self._outbox.send(
            chat_id,
            f"This came while I was not listening: {listed}{more}. I do not carry it out now. Send again what you still want.",
        )

    # --- One update

    async def _handle(self, update: telegram.Update) -> None:
        try:
            if update.callback_query is not None:
                await self._press(update.callback_query)
            elif update.message is not None:
                await self._message(update.message)
        except Exception:
            log.exception("telegram.failed")
            chat = update.effective_chat
            if chat is not None:
                await self._outbox.send(
                    chat.id, "That did not work, and it is a defect of nexgent; its log says more."
                )

    def _order(self, message: telegram.Message) -> tuple[str, str] | None:
        """Return command and words of a message that is meant for us; None for any other."""
        match = _COMMAND.fullmatch((message.text or "").strip())
        if match is None:
            return None
        command, addressee, words = match[1].lower(), match[2], match[3] or ""
        mine = addressee is not None and addressee.lower() == str(self._bot.username).lower()
        if addressee is not None and not mine:
            return None
        if message.chat.type != "private" and not mine and known(command) is None:
            # In a group, somebody else's.
            return None
        return command, words

    async def _message(self, message: telegram.Message) -> None:
        chat_id = message.chat.id
        if message.migrate_to_chat_id is not None:
            log.warning(
                "telegram.chat_moved", to=str(message.migrate_to_chat_id), hint="list it in TELEGRAM_CHAT_IDS"
            )
            return
        thread = message.message_thread_id if message.is_topic_message else None
        order = self._order(message)
        if order is None:
            if message.chat.type == "private":
                await self._outbox.send(
                    chat_id, "I understand commands. /help lists them.", reply_to=message.message_id
                )
            return
        asked = self._asked(chat_id, _author(message))
        reply = await self._commands.answer(asked, *order)
        await self._say(reply, chat_id, thread, reply_to=message.message_id)

    async def _press(self, press: telegram.CallbackQuery) -> None:
        place = press.message
        if place is None or press.data is None:
            return
        reply = await self._commands.press(self._asked(place.chat.id, press.from_user), press.data)
        # What was confirmed begins now: it does not wait until Telegram has taken that it was.
        following = None if reply.then is None else self._work.start(reply.then(), name="confirmed")
        await self._outbox.answer_press(press.id, reply.notice)
        thread = None
        if isinstance(place, telegram.Message) and place.is_topic_message:
            thread = place.message_thread_id
        await self._say(reply, place.chat.id, thread, pressed=place.message_id)
        if following is not None:
            await self._say(await following, place.chat.id, thread, pressed=place.message_id)

    def _asked(self, chat_id: int, user: telegram.User | None) -> Asked:
        user_id = user.id if user is not None else None
        return Asked(chat_id, user_id, self._access.may_act(chat_id, user_id))

    async def _say(
        self,
        reply: Reply,
        chat_id: int,
        thread_id: int | None,
        *,
        reply_to: int | None = None,
        pressed: int | None = None,
    ) -> None:
        parts = texts.messages(reply.lines)
        sent: int | None = None
        if reply.edits and pressed is not None and parts:
            edited = await self._outbox.edit(chat_id, pressed, parts[0], reply.buttons)
            parts = [] if edited else parts
        for at, text in enumerate(parts):
            buttons = reply.buttons if at == len(parts) - 1 else ()
            sent = await self._outbox.send(
                chat_id, text, buttons, reply_to=reply_to or pressed, thread_id=thread_id
            )
        if reply.question is not None:
            if sent is None:
                self._questions.expire(reply.question.token)
            else:
                self._timers.start(self._expire(reply.question, chat_id, sent), name="question")

    async def _expire(self, question: Question, chat_id: int, message_id: int) -> None:
        await asyncio.sleep(OPEN_SECONDS)
        if self._questions.expire(question.token):
            await self._outbox.edit(chat_id, message_id, "Not answered in time: nothing was done.")


def _author(message: telegram.Message) -> telegram.User | None:
    """Return who has written. Who writes as the group or as a channel hides who they are."""
    return message.from_user if message.sender_chat is None else None


def _sender(update: telegram.Update) -> telegram.User | None:
    """Return who has pressed or written."""
    if update.callback_query is not None:
        return update.callback_query.from_user
    return _author(update.message) if update.message is not None else None
