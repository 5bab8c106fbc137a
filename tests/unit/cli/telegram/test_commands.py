"""Commands as they are offered: what Telegram takes, and what the documentation says of them."""

from __future__ import annotations

import re
from pathlib import Path

from nexgent.cli.telegram_bot.check import PROBES
from nexgent.cli.telegram_bot.commands import COMMANDS, help_lines, known
from nexgent.cli.telegram_bot.service import READING, SCOPES
from nexgent.domain.users.models import Scope

ROOT = Path(__file__).resolve().parents[4]


def test_telegram_takes_the_commands_and_the_key_may_do_all_of_them() -> None:
    for command in COMMANDS:
        assert re.fullmatch(r"[a-z0-9_]{1,32}", command.name)
        assert 1 <= len(command.summary) <= 256
    assert {scope for command in COMMANDS for scope in command.scopes} == set(SCOPES)
    assert {scope for command in COMMANDS if not command.acts for scope in command.scopes} == set(READING)
    assert set(SCOPES) <= set(Scope)
    assert set(PROBES) == set(SCOPES)


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
