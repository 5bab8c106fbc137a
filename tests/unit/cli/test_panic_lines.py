"""What `nexgent panic` and `nexgent shadow` say when things are not as they should be."""

from __future__ import annotations

from typing import Any

from nexgent.cli.panic import progress_line, state_lines
from nexgent.cli.shadow import report_lines

REMAINING = {
    "agentName": "Mine",
    "positionId": "p-1",
    "tokenSymbol": "EXM",
    "walletAddress": "W1",
    "walletType": "live",
    "exitReason": "panic",
    "attempts": 3,
    "code": "WALLET_LOCKED",
}
STATE: dict[str, Any] = {
    "scope": "system",
    "engaged": True,
    "flatten": True,
    "reason": "News",
    "changedAt": "2026-01-01T00:00:00Z",
    "recorded": False,
    "engine": False,
    "flat": False,
    "entriesUnderWay": 2,
    "remainingCount": 7,
    "remaining": [REMAINING] * 7,
}
EMPTY = {"fills": 0, "buys": 0, "sales": 0}


def test_what_remains_and_what_keeps_it_is_said() -> None:
    text = "\n".join(state_lines(STATE, None, "nexgent panic --resume --all"))

    assert "Entries of all agents are stopped since 2026-01-01T00:00:00Z: News" in text
    assert "The database is away" in text
    assert "This process is a replica" in text
    assert "2 purchases are under way" in text
    assert "Positions being sold: 7" in text
    assert "nexgent wallets --unlock W1" in text
    assert text.endswith("To let agents buy again: nexgent panic --resume --all")
    line = progress_line(STATE)
    assert line.startswith("7 open: EXM (WALLET_LOCKED, 3 attempts), ")
    assert line.endswith(" and 2 more; 2 purchases under way")


def test_an_empty_shadow_says_why() -> None:
    report = {"enabled": False, "hasLiveWallet": False, "complete": True, "total": EMPTY, "tokens": []}

    off = "\n".join(report_lines("Mine", report, 30, "nexgent shadow Mine --on", None))
    on = "\n".join(report_lines("Mine", {**report, "enabled": True, "hasLiveWallet": True}, 7, "", None))

    assert "Turn it on: nexgent shadow Mine --on" in off
    assert "It has no live wallet" in off
    assert on == (
        "Agent Mine: shadow is on, 0 fills in the last 7 days (0 buys, 0 sales)\n"
        "No live fill has landed yet; it is recorded some seconds after it did."
    )
