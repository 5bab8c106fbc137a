"""What the commands about agents make of what they are given."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from nexgent.cli.api_client import ApiClient
from nexgent.cli.close import choose_position
from nexgent.cli.manage_agents import changes_of, read_rules
from nexgent.cli.report import report_lines, summed_up
from nexgent.shared.errors import InvalidInputError, NexgentError


def test_settings_become_a_partial_configuration() -> None:
    assert changes_of(
        [
            "stopLoss.defaultPercentage=-10",
            "stopLoss.enabled=true",
            "purchaseLimits={}",
            "a.b=word",
            "c=null",
            "d=",
        ]
    ) == {
        "stopLoss": {"defaultPercentage": -10, "enabled": True},
        "purchaseLimits": {},
        "a": {"b": "word"},
        "c": None,
        "d": "",
    }


@pytest.mark.parametrize("setting", ["stopLoss", "=1", "a..b=1", ".=1"])
def test_what_is_no_setting(setting: str) -> None:
    with pytest.raises(InvalidInputError, match="NAME=VALUE"):
        changes_of([setting])


def test_a_setting_inside_one_that_is_given_as_a_whole() -> None:
    with pytest.raises(InvalidInputError, match=r"a\.b is given as a whole"):
        changes_of(["a=1", "a.b=2"])


@pytest.mark.parametrize("text", ['{"stopLoss": {}}', '{"config": {"stopLoss": {}}}'])
def test_rules_of_a_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rules.json"
    file.write_text(text)
    assert read_rules(str(file)) == {"stopLoss": {}}


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "not JSON"), (b"[]", "no rules"), (b"\xff\xfe", "UTF-8"), (b"1", "no rules"), (b"", "not JSON")],
)
def test_files_without_rules(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "rules.json"
    file.write_bytes(content)
    with pytest.raises(InvalidInputError, match=words):
        read_rules(str(file))
    with pytest.raises(InvalidInputError, match="no file"):
        read_rules(str(tmp_path / "other.json"))


def position(number: int, symbol: str, mint: str) -> dict[str, Any]:
    return {"id": f"00000000-0000-0000-0000-{number:012d}", "tokenSymbol": symbol, "tokenAddress": mint}


def test_a_position_is_never_guessed() -> None:
    held = [position(1, "ONE", "mint1"), position(2, "TWO", "mint2"), position(3, "two", "mint3")]
    for wanted in ("one", "mint1", held[0]["id"], f" {held[0]['id']} "):
        assert choose_position(held, wanted, "Agent") is held[0]
    assert choose_position(held, "mint3", "Agent") is held[2]
    with pytest.raises(InvalidInputError, match="2 positions"):
        choose_position(held, "TWO", "Agent")
    with pytest.raises(InvalidInputError, match="holds no 'three'"):
        choose_position(held, "three", "Agent")


def trade(sold: str, profit: str, **other: object) -> dict[str, Any]:
    return {
        "saleTime": sold,
        "profitLossSol": profit,
        "tokenSymbol": "ONE",
        "tokenAddress": "mint1",
        "closeReason": None,
        "signalType": None,
        **other,
    }


TRADES = [
    trade("2026-11-30T00:30:00+01:00", "0.1"),
    trade("2026-11-29T10:00:00Z", "-0.30", closeReason="stop_loss"),
    trade("2026-12-01T10:00:00Z", "0.000000001", closeReason="take_profit", signalType="BUY"),
]


def test_trades_are_summed_up_exactly() -> None:
    days = summed_up(TRADES, "day")
    assert [(line.group, line.trades, line.wins, line.profit_sol) for line in days] == [
        ("2026-11-29", 2, 1, Decimal("-0.2")),
        ("2026-12-01", 1, 1, Decimal("0.000000001")),
    ]
    assert [line.group for line in summed_up(TRADES, "week")] == ["2026-11-23", "2026-11-30"]
    assert [line.group for line in summed_up(TRADES, "reason")] == ["not known", "take_profit", "stop_loss"]
    assert [line.group for line in summed_up(TRADES, "signal")] == ["BUY", "no signal"]
    (total,) = summed_up(TRADES, None)
    assert (total.best_sol, total.worst_sol) == (Decimal("0.1"), Decimal("-0.30"))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": "No", "code": "X"}, "No"),
        ({"error": "No", "details": ["a: b", "c"]}, "No:\n  - a: b\n  - c"),
        ({"error": "No", "details": {"errors": [{"field": "a", "message": "b"}]}}, "No:\n  - a: b"),
        ({"error": "No", "details": {"errors": [{"field": "", "message": "b"}]}}, "No:\n  - b"),
        ({"error": "No", "message": "Say yes"}, "No:\n  - Say yes"),
        ({"error": "No", "details": {"required": 5}}, "No"),
        ([], "status 400"),
    ],
)
async def test_a_refusal_is_told_with_its_problems(body: object, text: str) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json=body)

    api = ApiClient("http://127.0.0.1:1", "a@example.com", "")
    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse), base_url=api.url) as http:
        api._http = http
        with pytest.raises(NexgentError) as refused:
            await api.call("GET", "/agents")
    assert refused.value.message == text


def test_a_report_of_nothing() -> None:
    (total,) = summed_up([], None)
    assert report_lines("day", [], total, 1, None) == ["No trade was closed in the last 1 day."]
