"""`nexgent close`: a position that goes by itself meanwhile is no failure of selling everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pytest

from nexgent.cli import close, exit_codes
from nexgent.cli.main import run
from nexgent.shared.errors import NotFoundError

AGENT = {"id": "a", "name": "Mine", "tradingMode": "simulation"}
SOLD = {
    "inputAmount": "5",
    "outputAmount": "0.5",
    "salePrice": "0.1",
    "profitLossSol": "0.1",
    "changePercent": "25",
}


class FakeClient:
    """An agent that holds two tokens, the first of which is sold by its stop before it is asked for."""

    def of(self, *_: object) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    async def call(self, method: str, path: str, body: object = None) -> Any:
        del method, body
        if path == "/agents":
            return [AGENT]
        if path == "/agent-positions/a":
            return [{"id": name, "tokenSymbol": name, "tokenAddress": name} for name in ("GONE", "HELD")]
        if "/GONE/" in path:
            raise NotFoundError("Position not found")
        return SOLD


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(close, "ApiClient", FakeClient())


def test_what_a_stop_has_sold_meanwhile_is_sold(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["close", "--all", "--yes"]) == exit_codes.OK

    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "GONE is not held any more.",
        "Sold 5 HELD for 0.5 SOL at 0.1 SOL: +0.1 SOL (+25.0 %).",
    ]
    assert said.err == ""


def test_whoever_names_a_position_that_is_gone_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["close", "GONE", "--yes"]) == exit_codes.FAILURE

    assert "Position not found" in capsys.readouterr().err
