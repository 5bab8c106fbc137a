"""A server that speaks as much of Telegram's Bot API as the bot uses, over HTTP, with its rules: https://core.telegram.org/bots/api."""

from __future__ import annotations

import asyncio
import html
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.patience import until

TOKEN = "123456789:AAF-for_tests_and_nobody_else_0000000"
BOT = "nexgent_test_bot"
_MOST_CHARACTERS = 4096
_MOST_DATA_BYTES = 64
_MARKUP = re.compile(r"</?(?:b|code)>|&(?:amp|lt|gt);")


@dataclass
class Said:
    """A message of the bot as it stands now."""

    chat_id: int
    message_id: int
    text: str
    buttons: list[tuple[str, str]]
    edits: int = 0

    @property
    def shown(self) -> str:
        """What people read of it."""
        return html.unescape(re.sub(r"</?(?:b|code)>", "", self.text))

    def button(self, text: str) -> str:
        """Return what a button carries."""
        return next(data for shown, data in self.buttons if shown == text)


@dataclass
class Failure:
    """What is answered instead: a status with a body, after so many seconds, once."""

    status: int
    body: bytes | Mapping[str, Any]
    seconds: float = 0.0


@dataclass
class FakeTelegram:
    """Telegram, for one bot. `write` and `press` are what people do; `said` is what the bot has said, oldest first."""

    said: list[Said] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """What was shown to who pressed a button."""
    offered: dict[int, list[str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    failures: dict[str, deque[Failure]] = field(default_factory=lambda: defaultdict(deque))
    waiting: list[dict[str, Any]] = field(default_factory=list)
    """Updates nobody has confirmed."""
    delivered: list[dict[str, Any]] = field(default_factory=list)
    """All updates there ever were."""
    url: str = ""
    token: str = TOKEN
    _next_update: int = 1000
    _next_message: int = 1
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _poll: asyncio.Future[None] | None = None
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    # --- What people do

    async def write(self, chat_id: int, text: str, *, user_id: int | None = None, **more: Any) -> int:
        """Send a message to the bot; return its number. Positive chats are private, others are groups."""
        sender = user_id if user_id is not None else chat_id
        message = {
            "message_id": self._message_id(),
            "date": int(time.time()),
            "chat": _chat(chat_id),
            "from": _user(sender),
            "text": text,
            **more,
        }
        await self.deliver({"message": message})
        return int(message["message_id"])

    async def press(self, said: Said, button: str, *, user_id: int | None = None) -> None:
        """Press a button of a message, whether it still has it or not."""
        data = next((one for text, one in said.buttons if text == button), button)
        query = {
            "id": str(self._next_update),
            "from": _user(user_id if user_id is not None else said.chat_id),
            "chat_instance": "1",
            "data": data,
            "message": {
                "message_id": said.message_id,
                "date": int(time.time()),
                "chat": _chat(said.chat_id),
                "from": _user(1, is_bot=True),
                "text": said.shown,
            },
        }
        await self.deliver({"callback_query": query})

    async def deliver(self, update: dict[str, Any]) -> None:
        """Let the bot find an update."""
        async with self._arrived:
            self.delivered.append({"update_id": self._next_update, **update})
            self.waiting.append(self.delivered[-1])
            self._next_update += 1
            self._arrived.notify_all()

    def fail(
        self, method: str, status: int, body: bytes | Mapping[str, Any], *, seconds: float = 0.0
    ) -> None:
        """Have the next call of a method fail."""
        self.failures[method].append(Failure(status, body, seconds))

    async def answer(self, text: str, *, after: int = 0) -> Said:
        """Wait for a message of the bot that holds a text, among those after so many; return it."""
        found: Said = await until(
            lambda: next((one for one in self.said[after:] if text in one.shown), None),
            f"the bot says {text!r} (it said {[one.shown for one in self.said[after:]]})",
        )
        return found

    # --- What the bot does

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.calls.append(method)
        if request.match_info["token"] != self.token:
            return _refusal(401, "Unauthorized")
        given = dict(await request.post())
        if self.failures[method]:
            failure = self.failures[method].popleft()
            await asyncio.sleep(failure.seconds)
            body = failure.body if isinstance(failure.body, bytes) else json.dumps(failure.body).encode()
            return web.Response(status=failure.status, body=body, content_type="application/json")
        try:
            handler = getattr(self, f"_{method}")
        except AttributeError:
            return _refusal(404, "Not Found")
        answer = await handler({key: str(value) for key, value in given.items()})
        if isinstance(answer, web.Response):
            return answer
        return web.json_response({"ok": True, "result": answer})

    async def _getMe(self, _given: dict[str, str]) -> Any:  # noqa: N802 -- a method of the API
        return _user(1, is_bot=True)

    async def _setMyCommands(self, given: dict[str, str]) -> Any:  # noqa: N802
        self.offered[int(json.loads(given["scope"])["chat_id"])] = [
            one["command"] for one in json.loads(given["commands"])
        ]
        return True

    async def _getUpdates(self, given: dict[str, str]) -> Any:  # noqa: N802
        if self._poll is not None and not self._poll.done():
            # Who came first goes.
            self._poll.set_result(None)
        mine = self._poll = asyncio.get_running_loop().create_future()
        offset, limit = int(given.get("offset") or 0), int(given.get("limit") or 100)
        self.waiting = [one for one in self.waiting if one["update_id"] >= offset]
        ends = time.monotonic() + int(given.get("timeout") or 0)
        async with self._arrived:
            while not self.waiting and not mine.done() and (left := ends - time.monotonic()) > 0:
                try:
                    async with asyncio.timeout(min(left, 0.2)):
                        await self._arrived.wait()
                except TimeoutError:
                    continue
        if mine.done():
            return _refusal(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            )
        mine.set_result(None)
        return self.waiting[:limit]

    async def _sendMessage(self, given: dict[str, str]) -> Any:  # noqa: N802
        if (wrong := _wrong(given)) is not None:
            return wrong
        said = Said(int(given["chat_id"]), self._message_id(), given["text"], _buttons(given))
        self.said.append(said)
        return _message(said)

    async def _editMessageText(self, given: dict[str, str]) -> Any:  # noqa: N802
        if (wrong := _wrong(given)) is not None:
            return wrong
        place = (int(given["chat_id"]), int(given["message_id"]))
        said = next((one for one in self.said if (one.chat_id, one.message_id) == place), None)
        if said is None:
            return _refusal(400, "Bad Request: message to edit not found")
        if (said.text, said.buttons) == (given["text"], _buttons(given)):
            return _refusal(400, "Bad Request: message is not modified")
        said.text, said.buttons = given["text"], _buttons(given)
        said.edits += 1
        return _message(said)

    async def _answerCallbackQuery(self, given: dict[str, str]) -> Any:  # noqa: N802
        if len(given.get("text", "")) > 200:
            return _refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        if given.get("text"):
            self.notices.append(given["text"])
        return True

    def _message_id(self) -> int:
        self._next_message += 1
        return self._next_message


def _wrong(given: Mapping[str, str]) -> web.Response | None:
    text = given["text"]
    if not text.strip():
        return _refusal(400, "Bad Request: message text is empty")
    if len(text.encode("utf-16-le")) // 2 > _MOST_CHARACTERS:
        return _refusal(400, "Bad Request: message is too long")
    rest = _MARKUP.sub("", text)
    # Code is no part of anything else, so nothing stands in anything here.
    tags = re.findall(r"</?(?:b|code)>", text)
    paired = all(end == start.replace("<", "</") for start, end in zip(tags[::2], tags[1::2], strict=False))
    if given.get("parse_mode") != "HTML" or "<" in rest or "&" in rest or len(tags) % 2 or not paired:
        return _refusal(400, "Bad Request: can't parse entities")
    if any(len(data.encode()) > _MOST_DATA_BYTES for _, data in _buttons(given)):
        return _refusal(400, "Bad Request: BUTTON_DATA_INVALID")
    return None


def _buttons(given: Mapping[str, str]) -> list[tuple[str, str]]:
    rows = json.loads(given.get("reply_markup") or "{}").get("inline_keyboard", [])
    return [(one["text"], one["callback_data"]) for row in rows for one in row]


def _message(said: Said) -> dict[str, Any]:
    return {
        "message_id": said.message_id,
        "date": int(time.time()),
        "chat": _chat(said.chat_id),
        "from": _user(1, is_bot=True),
        "text": said.shown,
    }


def _chat(chat_id: int) -> dict[str, Any]:
    if chat_id > 0:
        return {"id": chat_id, "type": "private", "first_name": "P"}
    return {"id": chat_id, "type": "supergroup", "title": "G"}


def _user(user_id: int, *, is_bot: bool = False) -> dict[str, Any]:
    return {"id": user_id, "is_bot": is_bot, "first_name": "U", **({"username": BOT} if is_bot else {})}


def _refusal(status: int, description: str) -> web.Response:
    return web.json_response({"ok": False, "error_code": status, "description": description}, status=status)
