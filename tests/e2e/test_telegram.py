"""The bot as people run it, with the real product, and Telegram played by a server: asking, selling, being killed in between."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.product import Product, until
from tests.fakes.telegram import BOT, TOKEN, FakeTelegram, Said
from tests.forks import Running
from tests.patience import PATIENCE_SECONDS

ME, STRANGER = 4711, 99


class Installation:
    """A product with an agent, and what a bot of it is started with."""

    def __init__(self, product: Product, messenger: FakeTelegram, key: str) -> None:
        self.product = product
        self.messenger = messenger
        self._key = key
        self._starts = 0

    async def start_bot(self) -> Running:
        """Start the bot as a supervisor would, and wait until it listens."""
        environment = {
            **{
                name: text
                for name, text in self.product.environment.items()
                if not name.startswith(("ADMIN_", "JWT_"))
            },
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_SERVICE_KEY": self._key,
            "TELEGRAM_CHAT_IDS": str(ME),
            "TELEGRAM_API_URL": self.messenger.url,
            "LOG_LEVEL": "debug",
        }
        self._starts += 1
        name = f"bot{self._starts}"
        running = self.product.spawn(name, "telegram", "--url", self.product.url, env=environment)

        async def listens() -> bool:
            assert running.poll() is None, self.product.log(name)
            return "telegram.listening" in self.product.log(name)

        await until(listens, "the bot listens")
        return running

    @property
    def log(self) -> str:
        """What all bots have logged."""
        return "".join(self.product.log(f"bot{number + 1}") for number in range(self._starts))

    async def asked(self, text: str, expected: str) -> Said:
        """Write to the bot; return the answer that holds what is expected."""
        said = len(self.messenger.said)
        await self.messenger.write(ME, text)
        return await self.messenger.answer(expected, after=said)


@asynccontextmanager
async def installation(product: Product) -> AsyncIterator[Installation]:
    """Make a key for the bot with the command that does it."""
    code, out, err = await product.run("telegram", "--make-key", "--url", product.url)
    assert code == 0, err
    name, _, key = out.strip().partition("=")
    assert name == "TELEGRAM_SERVICE_KEY"
    async with FakeTelegram() as messenger:
        yield Installation(product, messenger, key)


async def bought(product: Product, symbol: str) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Let an agent buy; return agent, position and signal."""
    agent = await product.agent("Trader")
    token = (await product.tokens())[0]["mint"]
    signal_id = await product.signal(token, symbol)
    held = await until(lambda: product.positions(agent["id"]), "the agent has bought")
    return agent, held[0], signal_id


async def test_somebody_far_away_asks_stops_and_sells(product: Product) -> None:
    agent, position, signal_id = await bought(product, "EXM")
    symbol = position["tokenSymbol"]
    async with installation(product) as here:
        bot = await here.start_bot()
        await here.messenger.write(STRANGER, "/status")

        status = await here.asked("/status", "Engine: engine")
        for part in ("Healthy", "SOL:", "USD", "Entries: allowed", "Paper: 1 agents, 1 open"):
            assert part in status.shown
        profit = await here.asked("/profit", "Trader")
        assert "today: no closed trades" in profit.shown
        listed = await here.asked("/positions", "1 open")
        short = f"/exit_{position['id'][:8]}"
        for part in (symbol, "Trader", short, "stop"):
            assert part in listed.shown
        for words in (str(signal_id), position["tokenAddress"], "exm", ""):
            explained = await here.asked(f"/explain {words}", f"Signal {signal_id}: buy")
            assert "Trader: EXECUTED" in explained.shown
        await here.asked("/explain 987654", "not found")

        stopped = await here.asked("/stop_entries too wild", "Entries of your agents are stopped")
        assert "Telegram: too wild" in stopped.shown
        switches = await product.call("GET", "/protections/kill-switch")
        assert (switches["user"]["engaged"], switches["system"]["engaged"]) == (True, False)
        await here.asked("/status", "Entries of your agents are stopped")
        question = await here.asked("/resume", "Let your agents buy again?")
        said = len(here.messenger.said)
        await here.messenger.press(question, "Resume")
        await here.messenger.answer("Entries: allowed", after=said)
        assert (await product.call("GET", "/protections/kill-switch"))["user"]["engaged"] is False

        question = await here.asked(short, f"Sell all of {symbol}?")
        assert "paper" in question.shown
        yes = question.button("Sell all of it")
        await here.messenger.press(question, yes)
        await here.messenger.press(question, yes)
        sold = await here.messenger.answer("Sold ")
        assert await product.positions(agent["id"]) == []
        (trade,) = await product.closed(agent["id"])
        assert Decimal(str(trade["profitLossSol"])) < 1
        assert sum("Sold " in one.shown for one in here.messenger.said) == 1
        assert sold.shown.count(symbol) == 1
        await here.asked("/positions", "Nothing is open")
        profit = await here.asked("/profit", "By agent")
        assert "today: " in profit.shown
        assert "1 trades" in profit.shown

        assert {one.chat_id for one in here.messenger.said} == {ME}
        bot.send_signal(signal.SIGTERM)
        assert bot.wait(PATIENCE_SECONDS) == 0
        assert here.messenger.waiting == []
        for secret in (TOKEN, TOKEN.partition(":")[2], "too wild", "nex_"):
            assert secret not in here.log
    code, _ = await product.verify()
    assert code == 0


async def test_a_killed_bot_sells_nothing_twice_and_nothing_of_before(product: Product) -> None:
    agent, position, _ = await bought(product, "EXM")
    async with installation(product) as here:
        bot = await here.start_bot()
        question = await here.asked("/exit EXM", "Sell all of ")
        yes = question.button("Sell all of it")

        # Killed before anybody has answered: the button of before does nothing any more.
        bot.kill()
        bot.wait()
        await here.messenger.write(ME, "/stop_entries")
        bot = await here.start_bot()
        told = await here.messenger.answer("while I was not listening")
        assert "/stop_entries" in told.shown
        await here.messenger.press(question, yes)
        await until(lambda: _notices(here), "the press is answered")
        assert (await product.call("GET", "/protections/kill-switch"))["user"]["engaged"] is False
        assert [one["id"] for one in await product.positions(agent["id"])] == [position["id"]]

        # Killed in the middle of a sale: the service ends it, once, and what Telegram delivers again does nothing.
        question = await here.asked("/exit EXM", "Sell all of ")
        sale = question.button("Sell all of it")
        faults = f"{product.sandbox_url}/control/faults"
        await product.http.post(faults, json={"kind": "delay", "endpoint": "order", "seconds": 2})
        await here.messenger.press(question, sale)

        async def under_way() -> bool:
            return any(rule["struck"] for rule in (await product.http.get(faults)).json()["rules"])

        await until(under_way, "the order for the sale is asked for")
        bot.kill()
        bot.wait()
        await here.start_bot()
        await here.messenger.press(question, sale)
        await until(lambda: _sold(product, agent["id"]), "the sale is booked")
        await here.asked("/positions", "Nothing is open")
        assert len(await product.closed(agent["id"])) == 1
    code, _ = await product.verify()
    assert code == 0


async def _notices(here: Installation) -> list[str]:
    return here.messenger.notices


async def _sold(product: Product, agent_id: str) -> bool:
    return await product.positions(agent_id) == [] and len(await product.closed(agent_id)) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "TELEGRAM_BOT_TOKEN and TELEGRAM_SERVICE_KEY have to be set"),
        (
            {
                "TELEGRAM_BOT_TOKEN": TOKEN,
                "TELEGRAM_SERVICE_KEY": "nex_" + "k" * 32,
                "TELEGRAM_API_URL": "http://telegram.example.com",
            },
            "TELEGRAM_API_URL: http:// to another network",
        ),
        ({"TELEGRAM_BOT_TOKEN": "a mistake"}, "TELEGRAM_BOT_TOKEN: the value given cannot be used"),
        ({"TELEGRAM_CHAT_IDS": "me"}, "TELEGRAM_CHAT_IDS: 'me' cannot be used"),
    ],
)
async def test_what_is_missing_is_said(product: Product, settings: dict[str, str], said: str) -> None:
    code, _, errors = await product.run("telegram", env={**product.environment, **settings})

    assert (code, said in errors) == (2, True), errors
    assert "a mistake" not in errors
    assert TOKEN not in errors


async def test_the_doctor_looks_at_the_bot_as_well(product: Product) -> None:
    async def said(**settings: str) -> tuple[str, str]:
        _, out, _ = await product.run("doctor", "--json", env={**product.environment, **settings})
        assert TOKEN not in out
        assert not settings.get("TELEGRAM_SERVICE_KEY") or settings["TELEGRAM_SERVICE_KEY"] not in out
        found = [one for one in json.loads(out)["findings"] if one["name"] == "telegram"]
        return (found[0]["verdict"], found[0]["found"]) if found else ("", "")

    _, out, _ = await product.run("telegram", "--make-key", "--url", product.url)
    key = out.strip().partition("=")[2]
    _, out, _ = await product.run("telegram", "--make-key", "--read-only", "--url", product.url)
    reading = out.strip().partition("=")[2]
    async with FakeTelegram() as messenger:
        bot = {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": messenger.url,
            "TELEGRAM_CHAT_IDS": f"{ME},-5",
        }
        assert await said() == ("", "")
        everything = f"@{BOT}, its key may do everything it is for"
        assert await said(**bot, TELEGRAM_SERVICE_KEY=key) == ("ok", f"{everything}; chats: 2, operators: 1")
        unlisted = {**bot, "TELEGRAM_CHAT_IDS": ""}
        assert await said(**unlisted, TELEGRAM_SERVICE_KEY=key) == (
            "warn",
            f"{everything}; nobody is answered",
        )
        verdict, found = await said(**bot, TELEGRAM_SERVICE_KEY=reading)
        assert (verdict, "its key lacks kill_switch, trading" in found) == ("ok", True)
        assert (await said(**bot, TELEGRAM_SERVICE_KEY="nex_" + "k" * 32))[0] == "fail"
        assert await said(**bot) == ("fail", f"@{BOT} has no key for the service")
        messenger.token = "none"
        assert await said(**bot) == ("fail", "Telegram does not take the token (status 401)")
    verdict, found = await said(**bot)
    assert (verdict, found.startswith("Telegram cannot be reached")) == ("fail", True)
