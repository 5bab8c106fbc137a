"""Commands as they are offered: what Telegram takes, and what the documentation says of them."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import httpx
import pytest

from nexgent.cli.telegram_bot import check
from nexgent.cli.telegram_bot.check import PROBES
from nexgent.cli.telegram_bot.command import NEEDED, _not_for_the_bot, _serve
from nexgent.cli.telegram_bot.commands import COMMANDS, help_lines, known
from nexgent.cli.telegram_bot.service import READING, SCOPES
from nexgent.config.settings import Settings
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.findings import Verdict

ROOT = Path(__file__).resolve().parents[4]


def test_telegram_takes_the_commands_and_the_key_may_do_all_of_them() -> None:
    for command in COMMANDS:
        assert re.fullmatch(r"[a-z0-9_]{1,32}", command.name)
        assert 1 <= len(command.summary) <= 256
    assert {scope for command in COMMANDS for scope in command.scopes} == set(SCOPES)
    assert {scope for command in COMMANDS if not command.acts for scope in command.scopes} == set(READING)
    assert set(SCOPES) <= set(Scope)
    assert set(PROBES) == set(SCOPES)


async def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "telegram", None)

    with pytest.raises(InvalidInputError, match=r"pip install 'nexgent\[telegram\]'"):
        await _serve(argparse.Namespace(), Settings.from_values({}))


async def test_the_doctor_sends_the_token_nowhere_that_the_bot_would_not() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(401)

    given = {
        "TELEGRAM_BOT_TOKEN": "123456789:" + "A" * 35,
        "TELEGRAM_API_URL": "http://telegram.example.com",
    }
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        found = await check.telegram(Settings.from_values(given), http)
        assert asked == []
        assert found is not None
        assert (found.verdict, "another network" in found.found) == (Verdict.FAIL, True)
        await check.telegram(Settings.from_values({**given, "ALLOW_PLAIN_HTTP": "true"}), http)
    assert len(asked) == 1


def test_the_bot_knows_no_secret_but_its_own() -> None:
    private = {"JWT_SECRET", "ADMIN_PASSWORD", "WALLET_1", "JUPITER_API_KEY", "NOTIFY_SECRET"}

    assert {name for name in private if _not_for_the_bot(name)} == private
    assert not any(_not_for_the_bot(name) for name in (*NEEDED, "TELEGRAM_CHAT_IDS", "NEXGENT_DATA_DIR"))


def test_short_cuts() -> None:
    assert [getattr(known(text), "name", None) for text in ("start", "exit_1a2b3c4d", "exit_1A", "exits", "status")] == [
        "help", "exit", None, None, "status",
    ]  # fmt: skip


def test_help_names_everything_and_says_who_may_only_ask() -> None:
    for may_act in (True, False):
        text = "\n".join(help_lines(may_act=may_act))
        assert all(f"/{command.name}" in text for command in COMMANDS)
        assert ("for the operators" in text) is not may_act


def test_the_documentation_has_every_command_with_what_it_takes() -> None:
    rows = re.findall(
        r"^\| `/(\w+)( [^`]*)?` \| (.*?) \| (.*?) \| (.*?) \|$",
        (ROOT / "docs" / "telegram.md").read_text(),
        re.MULTILINE,
    )

    assert rows == [
        (
            command.name,
            f" {command.takes}" if command.takes else "",
            command.summary,
            "operators" if command.acts else "listed chats",
            ", ".join(f"`{scope}`" for scope in command.scopes) or "none",
        )
        for command in COMMANDS
    ]
