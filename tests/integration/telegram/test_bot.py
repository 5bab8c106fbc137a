"""The bot and the Bot API over HTTP: what is answered and to whom, what is never carried out, and what Telegram may do to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
import telegram
from aiohttp import web
from pydantic import SecretStr
from structlog.testing import capture_logs
from telegram.request import HTTPXRequest

from nexgent.cli.address import Address
from nexgent.cli.api_client import KeyClient
from nexgent.cli.telegram_bot import bot as bot_module
from nexgent.cli.telegram_bot.access import Access
from nexgent.cli.telegram_bot.bot import TelegramBot, TokenRefusedError
from nexgent.cli.telegram_bot.commands import COMMANDS, Commands
from nexgent.cli.telegram_bot.questions import OPEN_SECONDS, Questions
from nexgent.cli.telegram_bot.service import Service
from nexgent.config.telegram import TelegramSettings
from nexgent.shared.clock import SystemClock
from tests.fakes.telegram import BOT, TOKEN, FakeTelegram, Said
from tests.patience import until

# The library announces for each wait it is told that it will tell it in another form one day; the command keeps that to itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*retry_after")

ME, OTHER, GROUP, STRANGER = 11, 22, -1001, 99
POSITION = "5f0c9a30-1111-5222-8333-444444444444"
AGENT = "0a0a0a0a-1111-4222-8333-444444444444"
SOLD = {
    "inputAmount": 5, "outputAmount": "0.5", "salePrice": "0.1", "profitLossSol": "0.1", "changePercent": 25,
}  # fmt: skip
FORECAST = {
    "amount": 5, "remainingAmount": 0, "receivedSol": "0.5", "priceSol": "0.1", "priceImpactPercent": "0.2", "costSol": "0.4",
    "profitLossSol": "0.1", "profitLossPercent": 25, "source": "jupiter", "ageMs": 100,
}  # fmt: skip


@dataclass
class FakeService:
    """What the bot asks of the API, with one open position. Each sale is noted; it may be refused or take its time."""

    url: str = ""
    sales: list[tuple[str, str]] = field(default_factory=list)
    switches: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    hangs_up: set[str] = field(default_factory=set)
    """Paths whose answers are lost on their way."""
    selling: asyncio.Event = field(default_factory=asyncio.Event)
    telling: asyncio.Event = field(default_factory=asyncio.Event)
    asked_how_it_is: int = 0
    positions: int = 1

    def __post_init__(self) -> None:
        self.selling.set()
        self.telling.set()

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/api/v1")
        if path in self.hangs_up:
            assert request.transport is not None
            request.transport.abort()
        if path in self.answers:
            status, body = self.answers[path]
            return web.json_response(body, status=status)
        if path == "/health":
            self.asked_how_it_is += 1
            await self.telling.wait()
        if path == "/protections/panic":
            remaining = {
                "agentId": AGENT, "agentName": "A", "positionId": POSITION, "tokenAddress": "M" * 44, "tokenSymbol": "EXM",
                "walletAddress": "w", "walletType": "simulation", "exitReason": None, "attempts": 0, "code": None,
            }  # fmt: skip
            found = [
                {**remaining, "positionId": f"{number:08x}{POSITION[8:]}"}
                for number in range(1, self.positions)
            ]
            found = [remaining, *found] if self.positions else []
            return web.json_response({"remaining": found, "remainingCount": len(found)})
        if path == "/protections/kill-switch" and request.method == "PUT":
            self.switches.append(await request.json())
            engaged = self.switches[-1]["engaged"]
            off = {"engaged": False, "reason": None, "changedAt": None, "flatten": False}
            mine = {**off, "engaged": engaged, "changedAt": "2026-01-01T00:00:00Z"}
            return web.json_response({"user": mine, "system": off})
        if path.endswith("/preview-sale"):
            return web.json_response(FORECAST)
        if path.endswith("/close"):
            self.sales.append((path, request.headers["Idempotency-Key"]))
            await self.selling.wait()
            self.positions -= 1
            return web.json_response(SOLD)
        return web.json_response({"error": "Not found", "code": "NOT_FOUND"}, status=404)


@pytest.fixture
async def messenger() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as server:
        yield server


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    found = FakeService()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    found.url = f"http://{host}:{port}"
    yield found
    await runner.cleanup()


@asynccontextmanager
async def listening(
    messenger: FakeTelegram,
    service: FakeService,
    *,
    token: str = TOKEN,
    operators: str = "",
    ready: bool = True,
) -> AsyncIterator[asyncio.Task[None]]:
    """Run the bot until the block ends; nothing of it is left then."""
    settings = TelegramSettings.read(
        {
            "TELEGRAM_CHAT_IDS": f"{ME},{GROUP}",
            "TELEGRAM_OPERATOR_IDS": operators,
            "TELEGRAM_API_URL": messenger.url,
        }
    )
    clock = SystemClock()
    questions = Questions(clock)
    stop = asyncio.Event()
    async with KeyClient(Address(service.url, "in a test"), SecretStr("nex_" + "k" * 32)) as client:
        running = asyncio.create_task(
            TelegramBot(
                bot=telegram.Bot(
                    token,
                    base_url=f"{settings.api_url}/bot",
                    request=HTTPXRequest(read_timeout=20.0),
                    get_updates_request=HTTPXRequest(read_timeout=20.0),
                ),
                access=Access(settings),
                commands=Commands(service=Service(client), questions=questions, time_zone="UTC", clock=clock),
                questions=questions,
                clock=clock,
            ).run(stop)
        )
        try:
            if ready:
                # It listens once what waited at its start was taken.
                polls = messenger.calls.count("getUpdates")
                await until(
                    lambda: messenger.calls.count("getUpdates") >= polls + 2 or running.done(),
                    "the bot listens",
                )
            yield running
        finally:
            stop.set()
            await asyncio.wait({running})
            names = [task.get_name().split()[0] for task in asyncio.all_tasks()]
            assert not {"update", "missed", "question", "offer"} & set(names)
    if ready:
        await running


async def question(messenger: FakeTelegram, chat: int = ME, user: int | None = None) -> Said:
    """Ask to sell the position; return what the bot asks back."""
    said = len(messenger.said)
    await messenger.write(chat, "/exit EXM", user_id=user)
    return await messenger.answer("Sell all of EXM?", after=said)


async def test_a_listed_chat_is_answered_and_its_menu_offers_the_commands(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        await messenger.write(ME, "/help")
        assert "/stop_entries" in (await messenger.answer("nexgent")).shown
        await messenger.write(ME, "/help@" + BOT.upper())
        await messenger.answer("nexgent", after=1)
        await messenger.write(ME, "/sell everything")
        assert "/help lists what there is" in (await messenger.answer("I do not know /sell")).shown
        await messenger.write(ME, "hello <b>")
        await messenger.answer("I understand commands")
    assert messenger.offered == {chat: [one.name for one in COMMANDS] for chat in (ME, GROUP)}
    assert messenger.waiting == [], "the next start would find them again"


async def test_strangers_get_nothing_and_the_log_only_their_number(
    messenger: FakeTelegram, service: FakeService
) -> None:
    with capture_logs() as lines:
        structlog.configure(cache_logger_on_first_use=False)
        async with listening(messenger, service):
            asked = await question(messenger)
            for _ in range(30):
                await messenger.write(STRANGER, "/stop_entries my secret words")
            await messenger.press(Said(STRANGER, asked.message_id, "", []), asked.button("Sell all of it"))
            await messenger.write(ME, "/help")
            await messenger.answer("nexgent")
    assert [one.chat_id for one in messenger.said if one.chat_id == STRANGER] == []
    assert (service.switches, service.sales, messenger.notices) == ([], [], [])
    told = [line for line in lines if line["event"] == "telegram.strangers"]
    assert 1 <= len(told) <= 2
    assert "secret words" not in str(lines)
    assert TOKEN not in str(lines)


async def test_in_a_group_only_operators_have_something_done(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        # The user of a listed private chat is an operator in the group as well.
        asked = await question(messenger, GROUP, ME)
        await messenger.write(GROUP, "/stop_entries", user_id=OTHER)
        await messenger.answer("it is for the operators")
        await messenger.write(
            GROUP, "/resume", user_id=ME, sender_chat={"id": GROUP, "type": "supergroup", "title": "G"}
        )
        await until(lambda: sum("it is for the operators" in one.shown for one in messenger.said) == 2)
        await messenger.press(asked, "Sell all of it", user_id=OTHER)
        await until(lambda: any("it is for the operators" in one for one in messenger.notices))
        assert (service.switches, service.sales) == ([], [])
        # Somebody else's commands and talk are none of ours.
        said = len(messenger.said)
        for text in ("/weather", "/status@somebody_else", "hello", "/exit@other EXM"):
            await messenger.write(GROUP, text, user_id=ME)
        await messenger.press(asked, "Sell all of it", user_id=ME)
        await messenger.answer("Sold 5 EXM", after=said)
        assert [one.shown for one in messenger.said[said:] if "Sold" not in one.shown] == []
    assert len(service.sales) == 1


async def test_operators_may_be_named_and_then_nobody_else_is_one(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service, operators=str(OTHER)):
        await messenger.write(ME, "/exit EXM")
        await messenger.answer("it is for the operators")
        await messenger.write(GROUP, "/stop_entries news", user_id=OTHER)
        await messenger.answer("Entries of your agents are stopped")
    assert [(one["engaged"], one["reason"], one["scope"]) for one in service.switches] == [
        (True, "Telegram: news", "user")
    ]


async def test_a_sale_asks_first_and_two_presses_sell_once(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        asked = await question(messenger)
        assert service.sales == []
        for part in (
            "Agent A, paper",
            "would bring 0.5",
            "0.20 % price impact",
            "+25.0 %",
            "Quote of jupiter",
            "60 seconds",
        ):
            assert part in asked.shown
        yes = asked.button("Sell all of it")
        service.selling.clear()
        await messenger.press(asked, yes)
        await messenger.press(asked, yes)
        await until(
            lambda: any("not open any more" in one for one in messenger.notices),
            "the second press is refused",
        )
        await until(lambda: asked.buttons == [], "the question has no buttons any more")
        service.selling.set()
        await messenger.answer("Sold 5 EXM for 0.5")
        await messenger.press(asked, yes)
        await until(lambda: len(messenger.notices) == 2)
    ((path, key),) = service.sales
    assert path == f"/agents/{AGENT}/positions/{POSITION}/close"
    assert key.startswith("telegram-")


async def test_a_sale_does_not_wait_until_telegram_has_taken_that_it_begins(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        asked = await question(messenger)
        for method in ("answerCallbackQuery", "editMessageText"):
            messenger.fail(method, 500, b"", seconds=1.0)
        await messenger.press(asked, "Sell all of it")
        await until(lambda: service.sales, "the sale has begun")
        assert asked.edits == 0
        await messenger.answer("Sold 5 EXM")
        assert asked.shown.startswith("Confirmed")


async def test_an_update_that_comes_again_is_carried_out_once(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        await messenger.write(ME, "/stop_entries")
        first = await messenger.answer("Entries of your agents are stopped")
        update = messenger.delivered[0]
        messenger.fail("getUpdates", 200, {"ok": True, "result": [update, update]})
        await messenger.write(ME, "/help")
        await messenger.answer("nexgent")
        await until(lambda: not messenger.failures["getUpdates"])
    assert len(service.switches) == 1
    assert [one for one in messenger.said if "stopped" in one.shown] == [first]


async def test_pages_are_turned_in_place_and_a_second_press_adds_nothing(
    messenger: FakeTelegram, service: FakeService
) -> None:
    service.positions = 9
    async with listening(messenger, service):
        await messenger.write(ME, "/positions")
        page = await messenger.answer("9 open, page 1 of 2")
        assert page.shown.count("/exit_") == 8
        onwards = page.button("▶")
        for _ in range(2):
            await messenger.press(page, onwards)
        await until(lambda: "page 2 of 2" in page.shown)
        assert page.shown.count("/exit_") == 1
        await messenger.press(page, page.button("◀"))
        await until(lambda: "page 1 of 2" in page.shown)
        await messenger.write(ME, "/positions nothing")
        await messenger.answer("Nothing open for nothing")
        await messenger.write(ME, "/exit EXM A")
        choice = await messenger.answer("9 positions could be meant")
        assert len(choice.buttons) == 8
        await messenger.press(choice, choice.buttons[3][0])
        await messenger.answer("Sell all of EXM?")
    assert [one.shown for one in messenger.said].count(page.shown) == 1


async def test_an_answer_that_never_comes_is_asked_for_again(
    messenger: FakeTelegram, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_module, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(bot_module, "LISTEN_SECONDS", 1)
    async with listening(messenger, service):
        messenger.fail("getUpdates", 200, {"ok": True, "result": []}, seconds=30.0)
        await messenger.write(ME, "/help")
        await messenger.answer("nexgent")
        await until(lambda: not messenger.failures["getUpdates"])
        await messenger.write(ME, "/help")
        await messenger.answer("nexgent", after=1)


async def test_cancelling_closes_a_question_and_short_commands_name_a_position(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        await messenger.write(ME, f"/exit_{POSITION[:8]}")
        asked = await messenger.answer("Sell all of EXM?")
        yes = asked.button("Sell all of it")
        await messenger.press(asked, "Cancel")
        await until(lambda: asked.shown == "Nothing was done.")
        await messenger.press(asked, yes)
        await until(lambda: len(messenger.notices) == 1)
        await messenger.write(ME, "/exit")
        await messenger.answer("Say which one")
        await messenger.write(ME, "/exit NOTHING")
        await messenger.answer("Nothing open for NOTHING")
    assert service.sales == []


async def test_resuming_asks_first(messenger: FakeTelegram, service: FakeService) -> None:
    async with listening(messenger, service):
        await messenger.write(ME, "/resume")
        asked = await messenger.answer("Let your agents buy again?")
        assert service.switches == []
        await messenger.press(asked, "Resume")
        await messenger.answer("Entries: allowed")
    assert [one["engaged"] for one in service.switches] == [False]


async def test_a_stop_closes_what_would_let_agents_buy_again(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        await messenger.write(GROUP, "/resume", user_id=ME)
        asked = await messenger.answer("Let your agents buy again?")
        await messenger.write(ME, "/stop_entries")
        await messenger.answer("Entries of your agents are stopped")
        await messenger.press(asked, "Resume", user_id=ME)
        await until(lambda: any("not open any more" in one for one in messenger.notices))
    assert [one["engaged"] for one in service.switches] == [True]


@pytest.mark.parametrize(("chat", "asking"), [(GROUP, OTHER), (GROUP, ME), (ME, ME)])
async def test_whoever_asks_much_keeps_no_operator_from_stopping(
    messenger: FakeTelegram, service: FakeService, chat: int, asking: int
) -> None:
    service.telling.clear()
    async with listening(messenger, service):
        for _ in range(bot_module.MOST_AT_ONCE + 2):
            await messenger.write(chat, "/status", user_id=asking)
        await until(lambda: service.asked_how_it_is == bot_module.MOST_AT_ONCE)
        await messenger.write(chat, "/stop_entries", user_id=ME)
        await until(lambda: service.switches, "entries are stopped")
        service.telling.set()
        await messenger.answer("Entries of your agents are stopped")
    assert service.asked_how_it_is == bot_module.MOST_AT_ONCE


async def test_what_others_ask_leaves_requests_to_the_service_for_operators(
    messenger: FakeTelegram, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_module, "MOST_QUESTIONS", 3)
    monkeypatch.setattr(bot_module, "QUESTIONS_SECONDS", 3600.0)
    async with listening(messenger, service):
        await messenger.write(GROUP, "nothing for us", user_id=OTHER)
        for _ in range(5):
            await messenger.write(GROUP, "/status", user_id=OTHER)
        await until(lambda: service.asked_how_it_is == 3)
        await messenger.write(GROUP, "/status", user_id=ME)
        await until(lambda: service.asked_how_it_is == 4)
        await messenger.write(ME, "/stop_entries")
        await messenger.answer("Entries of your agents are stopped")
    assert service.asked_how_it_is == 4


async def test_what_others_ask_keeps_no_operator_from_selling(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        asked = await question(messenger, GROUP, ME)
        service.telling.clear()
        for _ in range(bot_module.MOST_AT_ONCE):
            await messenger.write(GROUP, "/status", user_id=OTHER)
        await until(lambda: service.asked_how_it_is == bot_module.MOST_AT_ONCE)
        await messenger.press(asked, "Sell all of it", user_id=ME)
        await messenger.answer("Sold 5 EXM")
        service.telling.set()


async def test_what_was_sent_while_nobody_listened_is_told_and_not_carried_out(
    messenger: FakeTelegram, service: FakeService
) -> None:
    for text in ("/stop_entries", "/resume", "/exit EXM", "hello"):
        await messenger.write(ME, text)
    await messenger.press(Said(ME, 1, "", []), "y:of-before")
    await messenger.write(STRANGER, "/resume")
    async with listening(messenger, service):
        told = await messenger.answer("while I was not listening")
        for part in ("/stop_entries", "/resume", "/exit", "a button", "Send again"):
            assert part in told.shown
        await messenger.write(ME, "/help")
        await messenger.answer("nexgent")
    assert (service.switches, service.sales) == ([], [])
    assert [one.chat_id for one in messenger.said] == [ME, ME]


async def test_so_is_what_comes_after_telegram_was_away_for_long(
    messenger: FakeTelegram, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_module, "LATE_SECONDS", -1.0)
    async with listening(messenger, service):
        await messenger.write(ME, "/stop_entries")
        await messenger.answer("while I was not listening")
    assert service.switches == []


async def test_so_is_what_is_old_by_its_own_date(messenger: FakeTelegram, service: FakeService) -> None:
    async with listening(messenger, service):
        await messenger.write(ME, "/stop_entries", date=int(time.time()) - 3600)
        await messenger.answer("while I was not listening")
    assert service.switches == []


async def test_a_question_of_before_a_restart_sells_nothing(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        asked = await question(messenger)
    async with listening(messenger, service):
        await messenger.press(asked, "Sell all of it")
        await until(lambda: any("not open any more" in one for one in messenger.notices))
    assert service.sales == []


async def test_the_sale_that_is_under_way_is_told_before_it_stops(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service) as running:
        asked = await question(messenger)
        service.selling.clear()
        await messenger.press(asked, "Sell all of it")
        await until(lambda: service.sales)
        asyncio.get_running_loop().call_later(0.2, service.selling.set)
        assert not running.done()
    await messenger.answer("Sold 5 EXM")
    assert len(service.sales) == 1


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "POSITION_NOT_FOUND", "not held any more"),
        (409, "SALE_IN_PROGRESS", "Not sold"),
        (409, "PARTIALLY_SOLD", "Only a part of EXM was sold"),
        (502, "EXECUTION_FAILED", "Not sold"),
        (504, "SWAP_UNKNOWN", "It is not known yet"),
        (503, "UNAVAILABLE", "It is not known yet"),
        (403, "AUTHORIZATION_ERROR", "Not sold"),
        (401, "", "does not take my API key"),
    ],
)
async def test_nothing_ambiguous_is_called_failed(
    messenger: FakeTelegram, service: FakeService, status: int, code: str, said: str
) -> None:
    service.answers[f"/agents/{AGENT}/positions/{POSITION}/close"] = (
        status,
        {"error": "Refused <b>", "code": code},
    )
    async with listening(messenger, service):
        await messenger.press(await question(messenger), "Sell all of it")
        await messenger.answer(said)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, "Invalid API key"), "Entries are NOT stopped"),
        ((403, "Not allowed"), "Entries are NOT stopped"),
        ((503, "The database is away"), "It is not known whether entries are stopped"),
        ((500, "Internal error"), "It is not known whether entries are stopped"),
        (None, "It is not known whether entries are stopped"),
    ],
)
async def test_a_stop_of_which_nobody_knows_is_not_called_failed(
    messenger: FakeTelegram, service: FakeService, answer: tuple[int, str] | None, said: str
) -> None:
    async with listening(messenger, service):
        if answer is None:
            service.hangs_up.add("/protections/kill-switch")
        else:
            service.answers["/protections/kill-switch"] = (answer[0], {"error": answer[1]})
        await messenger.write(ME, "/stop_entries")
        await messenger.answer(said)


async def test_a_resume_of_which_nobody_knows_is_not_called_failed(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        await messenger.write(ME, "/resume")
        asked = await messenger.answer("Let your agents buy again?")
        service.hangs_up.add("/protections/kill-switch")
        await messenger.press(asked, "Resume")
        await messenger.answer("It is not known whether agents may buy again")


async def test_a_service_that_is_away_is_said(messenger: FakeTelegram, service: FakeService) -> None:
    async with listening(messenger, service):
        asked = await question(messenger)
        service.answers = {
            path: (401, {"error": "Invalid API key"})
            for path in ("/health", "/protections/panic", "/protections/kill-switch")
        }
        await messenger.write(ME, "/positions")
        await messenger.answer("does not take my API key any more")
        await messenger.write(ME, "/stop_entries")
        await messenger.answer("Entries are NOT stopped")
        del asked


async def test_telegram_asks_to_wait_and_is_waited_for(messenger: FakeTelegram, service: FakeService) -> None:
    flood = {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests",
        "parameters": {"retry_after": 1},
    }
    async with listening(messenger, service):
        messenger.fail("sendMessage", 429, flood)
        messenger.fail("getUpdates", 429, flood)
        began = time.monotonic()
        await messenger.write(ME, "/help")
        await messenger.answer("nexgent")
        assert time.monotonic() - began >= 1.0


async def test_telegram_stumbles_and_nothing_is_lost(messenger: FakeTelegram, service: FakeService) -> None:
    for _ in range(2):
        messenger.fail("getMe", 502, b"<html>bad gateway</html>")
    async with listening(messenger, service):
        messenger.fail("getUpdates", 200, b"not json")
        messenger.fail("getUpdates", 500, b"")
        messenger.fail(
            "getUpdates", 200, {"ok": True, "result": [{"update_id": 1, "message": {"text": "/help"}}]}
        )
        messenger.fail("sendMessage", 500, b"")
        messenger.fail("sendMessage", 200, {"ok": True, "result": {}})
        await messenger.write(ME, "/help")
        await messenger.answer("nexgent")
        await until(lambda: not messenger.failures["getUpdates"], "it has stumbled over all of it")
        await messenger.write(ME, "/help")
        await messenger.answer("nexgent", after=1)


async def test_an_update_that_cannot_be_read_keeps_no_other_from_being_read(
    messenger: FakeTelegram, service: FakeService
) -> None:
    async with listening(messenger, service):
        await messenger.deliver({"message": {"message_id": "x", "chat": 7, "date": "yesterday"}})
        await messenger.write(ME, "/help")
        await messenger.answer("nexgent")


async def test_a_second_program_with_the_same_token_is_said(
    messenger: FakeTelegram, service: FakeService
) -> None:
    with capture_logs() as lines:
        async with listening(messenger, service):
            async with listening(messenger, service, ready=False):
                await until(lambda: any(line["event"] == "telegram.trouble" for line in lines))
            await messenger.write(ME, "/help")
            await messenger.answer("nexgent")
    told = {line["trouble"] for line in lines if line["event"] == "telegram.trouble"}
    assert told == {"another program uses this bot's token, or it has a webhook: some messages go astray"}


async def test_trouble_is_told_once_and_so_is_its_end(messenger: FakeTelegram, service: FakeService) -> None:
    with capture_logs() as lines:
        async with listening(messenger, service):
            for _ in range(2):
                messenger.fail("getUpdates", 500, b"")
            await messenger.write(ME, "/help")
            await messenger.answer("nexgent")
            await until(lambda: any(line["event"] == "telegram.well_again" for line in lines))
    assert len([line for line in lines if line["event"] == "telegram.trouble"]) == 1


async def test_a_token_that_telegram_does_not_take_ends_it(
    messenger: FakeTelegram, service: FakeService
) -> None:
    wrong = "987654321:" + "x" * 35
    async with listening(messenger, service, token=wrong, ready=False) as running:
        await asyncio.wait({running})
        with pytest.raises(TokenRefusedError) as caught:
            await running
    assert wrong not in repr(caught.value)


async def test_a_question_nobody_answers_closes(
    messenger: FakeTelegram, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_module, "OPEN_SECONDS", 0.05)
    async with listening(messenger, service):
        asked = await question(messenger)
        await until(lambda: asked.shown == "Not answered in time: nothing was done.")
        await messenger.press(asked, "y:whatever")
        await until(lambda: messenger.notices)
    assert service.sales == []
    assert OPEN_SECONDS == 60.0
