"""What the bot says: names of others stay names, messages are of a size Telegram takes, and figures say what they are."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.cli.telegram_bot import texts
from nexgent.cli.telegram_bot.texts import (
    MOST_CHARACTERS,
    MOST_MESSAGES,
    Failed,
    messages,
    name,
    plain,
    sol,
    units,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOSTILE = "</code><b>x</b>&\u202e@scam t.me/scam /resume\n\x1b[2J" + "A" * 500
MARKUP = re.compile(r"<(/?)(b|code)>")


def is_markup(text: str) -> bool:
    """Tell whether Telegram takes a text: nothing but our tags, each closed before the next one opens."""
    tags = MARKUP.findall(text)
    rest = re.sub(r"&(?:amp|lt|gt);", "", MARKUP.sub("", text))
    pairs = zip(tags[::2], tags[1::2], strict=False)
    closed = all((first[0], last[0], first[1]) == ("", "/", last[1]) for first, last in pairs)
    return "<" not in rest and ">" not in rest and "&" not in rest and len(tags) % 2 == 0 and closed


def remaining(**changes: Any) -> dict[str, Any]:
    return {
        "agentId": "a", "agentName": "Trader", "positionId": "1a2b3c4d-0000-5000-8000-000000000000", "tokenAddress": "M" * 44,
        "tokenSymbol": "EXM", "walletAddress": "w", "walletType": "simulation", "exitReason": None, "attempts": 0, "code": None,
        **changes,
    }  # fmt: skip


def position(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1a2b3c4d-0000-5000-8000-000000000000",
        "createdAt": (NOW - timedelta(hours=3)).isoformat(),
        "purchase": {"priceNative": Decimal("0.00000008")},
        "current": {"priceNative": Decimal("0.0000001"), "valueNative": Decimal("0.625")},
        "profitLoss": {"native": Decimal("0.125"), "percent": Decimal(25)},
        "stopLoss": {"percentage": Decimal(-32)},
        **changes,
    }


@given(st.text(max_size=300))
def test_a_name_of_others_is_a_line_without_markup(text: str) -> None:
    for shown in (name(text), plain(text), plain(text, 10), texts.prose(text)):
        assert is_markup(shown)
        assert "\n" not in shown
    assert len(html.unescape(plain(text, 10))) <= 10


def test_a_hostile_symbol_is_no_link_no_command_and_hides_nothing() -> None:
    lines = texts.position_lines(remaining(tokenSymbol=HOSTILE, agentName=HOSTILE), position(), NOW)
    lines += texts.exit_question_lines(
        remaining(tokenSymbol=HOSTILE, agentName=HOSTILE), forecast(source=HOSTILE), 60
    )
    notice = {"severity": "danger", "text": HOSTILE}
    lines += status(notices={"items": [notice] * 30})
    text = "\n".join(lines)

    assert is_markup(text)
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert all(units(one) <= MOST_CHARACTERS for one in messages(lines))
    # What looks like a command or a link stands within code, where it is neither.
    assert "/resume" not in re.sub(r"<code>[^<]*</code>", "", "\n".join(lines[:4]))


@pytest.mark.parametrize(
    "alive", ["t.me/scam", "scam.io", "SCAM.fun", "@scam", "/resume", "#scam", "$SCAM", "https://scam", "a@b.c", "scam。io"]
)  # fmt: skip
def test_what_comes_alive_in_telegram_is_within_code_wherever_others_have_put_it(alive: str) -> None:
    notice = {"severity": "danger", "text": f"Selling {alive} has not come through after 1,5 attempts"}
    switch = {"engaged": True, "reason": alive, "changedAt": NOW.isoformat(), "flatten": False}
    gate = {"name": "remainder", "value": f"0.5 {alive}", "limit": alive, "passed": False}
    decision = {"agentId": "a", "outcome": "SKIPPED", "code": "X", "reason": f"no {alive}", "gates": [gate]}
    signal = {
        "id": 7, "symbol": alive, "tokenAddress": "M" * 44, "signalType": alive, "signalStrength": 3,
        "createdAt": NOW.isoformat(),
    }  # fmt: skip
    lines = status(notices={"items": [notice]}, switches={"user": switch, "system": OFF})
    lines += texts.explain_lines(signal, {"note": alive, "decisions": [decision]}, {}, NOW)
    lines += texts.away_lines(Failed(alive))
    text = "\n".join(lines)

    assert is_markup(text)
    assert text.count(f"<code>{alive}</code>") == 9
    assert alive not in re.sub(r"<code>[^<]*</code>", "", text)


def test_figures_and_sentences_stay_as_they_are() -> None:
    for text in ("It took 1.5 s. Then 99.9 % were sold, 3 of 4", "nexgent 0.1.0", "Quote (old): none"):
        assert texts.prose(text) == text


@given(st.lists(st.text(alphabet=st.sampled_from("aé<&>😀 "), max_size=3000), max_size=12))
def test_messages_are_as_long_as_telegram_takes_and_lines_stay_whole(given_lines: list[str]) -> None:
    lines = [f"<b>x</b>{html.escape(line, quote=False)}" for line in given_lines]
    found = messages(lines)

    assert len(found) <= MOST_MESSAGES + 1
    assert all(0 < units(one) <= MOST_CHARACTERS for one in found)
    assert all(is_markup(one) for one in found)
    if len("\n".join(lines)) < MOST_CHARACTERS // 4:
        assert "\n".join(found) == "\n".join(lines)


def test_what_is_too_much_is_left_out_and_said() -> None:
    found = messages(["x" * 4000] * 20)

    assert len(found) == MOST_MESSAGES + 1
    assert "the dashboard has all of it" in found[-1]
    assert messages([]) == []


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1.5", "+1.5000 SOL"),
        ("-0.0000126", "-0.000013 SOL"),
        ("0", "+0.0000 SOL"),
        ("123456.78919", "+123456.7892 SOL"),
    ],
)
def test_amounts(amount: str, shown: str) -> None:
    assert sol(Decimal(amount), signed=True) == shown


def test_a_position_says_how_it_stands_and_how_to_leave_it() -> None:
    first, second, third = texts.position_lines(remaining(), position(), NOW)

    assert first == "🟢 <code>EXM</code> of <code>Trader</code>"
    assert second == "  +0.125000 SOL (+25.0 %), worth 0.625000 SOL, held 3h 0m"
    assert third == "  bought at 8.000e-8, now 1.000e-7 SOL, stop -32.0 %  /exit_1a2b3c4d"
    live = remaining(walletType="live", exitReason="stop_loss", attempts=3, code="SWAP_UNKNOWN")
    lines = texts.position_lines(live, position(profitLoss={"native": -1, "percent": -50}), NOW)
    assert lines[0].startswith("🔴")
    assert "real money" in lines[0]
    assert lines[-1] == "  being sold (stop_loss, 3 attempts, SWAP_UNKNOWN)"
    assert "/exit_1a2b3c4d" in texts.position_lines(remaining(), None, NOW)[1]


def forecast(**changes: Any) -> dict[str, Any]:
    return {
        "amount": Decimal(5_000_000), "receivedSol": Decimal("0.5"), "priceSol": Decimal("0.0000001"),
        "priceImpactPercent": Decimal("0.254"), "profitLossSol": Decimal("-0.1"), "profitLossPercent": Decimal("-16.7"),
        "source": "jupiter", "ageMs": 120, **changes,
    }  # fmt: skip


def test_who_sells_real_money_is_told_so_with_the_quote() -> None:
    lines = texts.exit_question_lines(remaining(walletType="live"), forecast(), 60)

    assert lines[0] == "<b>Sell all of</b> <code>EXM</code>?"
    assert "⚠️ real money" in lines[1]
    assert lines[2] == f"Token <code>{'M' * 44}</code>"
    assert (
        lines[3]
        == "5.00M would bring 0.500000 SOL after fees, at 1.000e-7 SOL (0.25 % price impact): -0.100000 SOL (-16.7 %)"
    )
    assert "0.1 s old" in lines[4]
    assert "60 seconds" in lines[5]


def health(**changes: Any) -> dict[str, Any]:
    well = {"status": "healthy", "latency": 1}
    return {
        "status": "healthy", "version": "0.1.0", "uptime": 90, "services": {"database": well, "redis": well, "queue": well},
        "engine": {"role": "engine", "ageSeconds": 0.4, "unresolved": 0}, **changes,
    }  # fmt: skip


def overview(**changes: Any) -> dict[str, Any]:
    periods = [
        {"period": period, "closedTrades": count, "wins": 1, "winRate": 50, "profitLossSol": "0.5"}
        for period, count in (("today", 0), ("7d", 2), ("30d", 2), ("all", 2))
    ]
    return {
        "agents": 1, "openPositions": 1, "portfolioBalanceSol": "10", "solBalance": "8", "unrealizedProfitLossSol": "-0.25",
        "periods": periods, **changes,
    }  # fmt: skip


OFF = {"engaged": False, "reason": None, "changedAt": None, "flatten": False}


def status(**changes: Any) -> list[str]:
    parts: dict[str, Any] = {
        "health": health(),
        "switches": {"user": OFF, "system": OFF},
        "sol_price": {"price": "150.25", "source": "pyth", "isStale": False, "lastUpdated": NOW.isoformat()},
        "overviews": {"simulation": overview(), "live": overview(agents=0)},
        "notices": {"items": []},
        "now": NOW,
    }
    return texts.status_lines(**{**parts, **changes})


def test_a_service_that_is_well() -> None:
    assert status() == [
        "🟢 <b>Healthy</b> – nexgent 0.1.0, up 1m 30s",
        "Engine: engine, last round of prices 0.4 s ago",
        "SOL: 150.25 USD (pyth, 0s ago)",
        "Entries: allowed",
        "Paper: 1 agents, 1 open, worth 10.0000 SOL, of it 8.0000 SOL free",
        "Nothing needs attention.",
    ]


def test_a_service_that_is_not() -> None:
    away = {"status": "unhealthy"}
    engaged = {
        "engaged": True,
        "reason": "news",
        "changedAt": (NOW - timedelta(minutes=5)).isoformat(),
        "flatten": True,
    }
    lines = status(
        health=health(
            status="unhealthy", services={"database": away}, message="Prices are too old", engine=None
        ),
        switches={"user": OFF, "system": engaged},
        sol_price=Failed("The service has not answered in time."),
        overviews={"live": Failed("away")},
        notices={"items": [{"severity": "danger", "text": "An exit does not come through"}] * 12},
    )

    assert lines[:3] == [
        "🔴 <b>Unhealthy</b> – nexgent 0.1.0, up 1m 30s",
        "Not well: database",
        "Prices are too old",
    ]
    assert "SOL price: The service has not answered in time." in lines
    assert "⛔ Entries of everybody are stopped (5m 0s ago, and everything is being sold): news" in lines
    assert "Real money: away" in lines
    assert lines[-1] == "… and 2 more"


def test_profit_by_period_and_agent() -> None:
    figures = {
        "realizedProfitLossSol": "0.5", "unrealizedProfitLossSol": "-0.25", "totalClosedTrades": 2, "totalOpenPositions": 1,
    }  # fmt: skip
    agent = {"name": "Trader <1>", "tradingMode": "live"}
    lines = texts.profit_lines(
        {"simulation": overview(agents=0, periods=[]), "live": overview()}, [(agent, figures)], 3
    )

    assert lines == [
        "<b>Real money</b>",
        "today: no closed trades",
        "7 days: +0.500000 SOL, 2 trades, 50 % won",
        "30 days: +0.500000 SOL, 2 trades, 50 % won",
        "in all: +0.500000 SOL, 2 trades, 50 % won",
        "open: -0.250000 SOL",
        "",
        "<b>By agent, in all</b>",
        "<code>Trader &lt;1&gt;</code> (real money): +0.500000 SOL, 2 trades; 1 open -0.250000 SOL",
        "… and 3 more agents",
    ]
    assert texts.profit_lines({"simulation": overview(agents=0, periods=[])}, [], 0) == [
        "No agent has traded yet."
    ]


def test_a_decision_names_the_gates_that_were_not_passed() -> None:
    gates = [
        {"name": "kill_switch", "value": "engaged", "limit": None, "passed": False},
        {"name": "strength", "value": "3", "limit": "1..5", "passed": True},
    ]
    decision = {
        "agentId": "a",
        "outcome": "SKIPPED",
        "code": "KILL_SWITCH",
        "reason": "Entries are stopped",
        "gates": gates,
    }
    signal = {
        "id": 7, "symbol": None, "tokenAddress": "M" * 44, "signalType": "TEST", "signalStrength": 3,
        "createdAt": NOW.isoformat(),
    }  # fmt: skip
    lines = texts.explain_lines(signal, {"note": None, "decisions": [decision] * 20}, {"a": "Trader"}, NOW)

    assert lines[0] == f"<b>Signal 7: buy</b> <code>{'M' * 44}</code>"
    assert lines[3:8] == [
        "<code>Trader</code>: <b>SKIPPED</b>",
        "Entries are stopped (KILL_SWITCH)",
        "✗ kill_switch: engaged, limit –",
        "✓ 1 gates passed",
        "",
    ]
    assert lines[-1] == "… and 8 more agents"
