"""`nexgent cache`: what it asks for, what it prints, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import pytest

from nexgent.cli import cache
from nexgent.cli.main import run

STATUS = {
    "connected": True,
    "keyPrefix": "nexgent:",
    "counts": {"positions": 12, "balances": 3, "configs": 2, "prices": 4, "agents": 2, "activeAgents": 2},
}
WARMED = {"configs": 2, "positions": 12, "balances": 3}


class FakeClient:
    """Answers as the service does; notes what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, object]] = []
        self.connected = True

    def of(self, *_: object) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    async def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        self.calls.append((method, path, body))
        match path.rpartition("/")[2]:
            case "status":
                return {**STATUS, "connected": self.connected}
            case "warm":
                return {"success": True, "warmed": WARMED, "duration": 7}
            case "clear":
                return {"success": True, "cleared": 21, "duration": 7}
        return {"success": True, "cleared": 21, "warmed": WARMED, "duration": 7}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeClient:
    fake = FakeClient()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cache, "ApiClient", fake)
    return fake


def answer_with(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _question: text)


def test_status(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache"]) == 0

    assert client.calls == [("GET", "/admin/cache/status", None)]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Redis is connected; keys begin with 'nexgent:'"
    assert lines[1].split() == ["positions", "12"]
    assert lines[-1].split() == ["active", "agents", "2"]


def test_json(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == STATUS


def test_a_cache_that_is_away_is_a_problem(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    client.connected = False

    assert run(["cache"]) == 1
    assert "not connected" in capsys.readouterr().out


def test_warming_asks_nobody(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache", "--warm"]) == 0

    assert client.calls == [("POST", "/admin/cache/warm", {})]
    assert "Written: 2 configs, 12 positions, 3 balances" in capsys.readouterr().out


@pytest.mark.parametrize("action", ["clear", "reset"])
def test_dropping_needs_a_yes(
    client: FakeClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert run(["cache", f"--{action}"]) == 2
    assert "--yes" in capsys.readouterr().err
    answer_with(monkeypatch, "n")
    assert run(["cache", f"--{action}"]) == 1
    assert client.calls == []

    answer_with(monkeypatch, "y")
    assert run(["cache", f"--{action}"]) == 0
    assert run(["cache", f"--{action}", "--yes"]) == 0

    assert client.calls == 2 * [("POST", f"/admin/cache/{action}", {"confirm": True})]
    assert "Dropped 21 keys" in capsys.readouterr().out


def test_options_that_mean_nothing_are_refused(client: FakeClient) -> None:
    assert run(["cache", "--warm", "--yes"]) == 2
    with pytest.raises(SystemExit) as ended:
        run(["cache", "--warm", "--clear"])
    assert ended.value.code == 2
    assert client.calls == []
