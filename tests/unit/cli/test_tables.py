"""What commands print for people: whole ids at any width, and JSON only when it is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nexgent.cli.tables import paragraph, table
from tests.unit.cli.test_commands import DECISION, _Api, api, nexgent

__all__ = ["api"]

AGENT = str(DECISION["agentId"])
WALLET = "sim_R1YaT4iyz3385CrWUSqbsknwMvkSEVn3hhe3f"
USER = "2eef7be8-6295-461e-b441-4187179d9336"
OFF = {"engaged": False, "reason": None, "changedAt": None}
REPORT: dict[str, Any] = {
    "agentId": AGENT,
    "config": {"maxDailyLossSol": "1.5", "maxLossStreak": None},
    "resetAt": None,
    "wallets": [
        {
            "walletAddress": WALLET,
            "walletType": "simulation",
            "blocked": True,
            "code": "LOSS_STREAK",
            "reason": "3 losses in a row",
            "gates": [{"name": "signal_user", "passed": False, "value": USER, "limit": f"the user {USER}"}],
        }
    ],
}
WALLETS = {
    "wallets": [
        {
            "walletAddress": WALLET,
            "walletType": "simulation",
            "source": "simulation",
            "isUnlocked": True,
            "unlockedUntil": None,
            "agentId": AGENT,
        }
    ]
}


@pytest.fixture
def answers(api: str) -> str:
    """Address of a service that knows an agent's protections and wallets."""
    _Api.more.update(
        {
            f"/api/v1/agents/{AGENT}/protections": REPORT,
            "/api/v1/protections/kill-switch": {
                "user": {**OFF, "engaged": True, "reason": "News"},
                "system": OFF,
            },
            "/api/v1/wallets": WALLETS,
            f"/api/v1/wallets/{WALLET}/lock": {"success": True, "walletAddress": WALLET, "isUnlocked": False},
            "/api/v1/trading-signals/9/decisions": {
                "decisions": [{**DECISION, "gates": REPORT["wallets"][0]["gates"], "positionId": USER}]
            },
        }
    )
    return api


@pytest.mark.parametrize("columns", ["40", "80", "200"])
@pytest.mark.parametrize("command", [("explain", "9"), ("protections",), ("wallets",)])
def test_ids_are_whole_at_any_width(
    tmp_path: Path, answers: str, command: tuple[str, ...], columns: str
) -> None:
    result = nexgent(tmp_path, *command, "--url", answers, env={"COLUMNS": columns})

    assert (result.returncode, result.stderr) == (0, "")
    for text in {"explain": (AGENT, USER), "protections": (AGENT, WALLET, USER), "wallets": (AGENT, WALLET)}[
        command[0]
    ]:
        assert text in result.stdout
    widest = max(len(word) for word in result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= max(int(columns), widest + 12)
    assert "{" not in result.stdout


@pytest.mark.parametrize(("command", "document"), [(("protections",), REPORT), (("wallets",), WALLETS)])
def test_programs_ask_for_json(
    tmp_path: Path, answers: str, command: tuple[str, ...], document: object
) -> None:
    result = nexgent(tmp_path, *command, "--json", "--url", answers)

    assert json.loads(result.stdout) == document


def test_what_was_done_is_said_in_a_sentence(tmp_path: Path, answers: str) -> None:
    stopped = nexgent(tmp_path, "protections", "--stop", "News", "--url", answers)
    assert "Your kill switch stops all entries since None: News" in stopped.stdout
    assert _Api.bodies == [{"engaged": True, "reason": "News"}]
    locked = nexgent(tmp_path, "wallets", "--lock", WALLET, "--url", answers)
    assert locked.stdout == f"The wallet {WALLET} is locked.\n"


def test_protections_show_what_blocks_and_what_is_set(tmp_path: Path, answers: str) -> None:
    shown = nexgent(tmp_path, "protections", "--url", answers, env={"COLUMNS": "200"}).stdout

    assert "blocked: 3 losses in a row" in shown
    assert "max daily loss sol  1.5" in shown
    assert "max loss streak" not in shown
    assert "The system's kill switch is off." in shown


def test_a_table_that_does_not_fit_becomes_a_list() -> None:
    rows = [("a" * 10, 1, None)]
    assert table(("name", "number", "none"), rows, width=30) == [
        "name        number  none",
        "aaaaaaaaaa  1       –",
    ]
    assert table(("name", "number", "none"), rows, width=20) == ["aaaaaaaaaa", "  number  1", "  none    –"]


def test_texts_are_broken_between_words_only() -> None:
    assert paragraph("to /a/rather-long/path here", 20, first="- ") == [
        "- to",
        "  /a/rather-long/path",
        "  here",
    ]
    assert paragraph("anything at all", None, first="- ") == ["- anything at all"]


@pytest.mark.parametrize("width", [None, 30])
def test_what_others_have_written_moves_no_cursor(width: int | None) -> None:
    symbol = "X\n\x1b[2J\u202e@everyone"
    lines = [
        *table(("token", "note"), [(symbol, symbol), ("TKN", "-")], width=width),
        *paragraph(symbol, width),
    ]
    assert all(line.isprintable() for line in lines)
    assert any("@everyone" in line for line in lines)
