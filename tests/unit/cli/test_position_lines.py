"""`nexgent positions` says of a position that should be sold that it is, since when it is tried and what is in the way."""

from __future__ import annotations

from typing import Any

from nexgent.cli.positions import exit_lines, with_exits


def remaining(**changes: Any) -> dict[str, Any]:
    known = {
        "positionId": "p",
        "tokenSymbol": "EXM",
        "exitReason": "stop_loss",
        "attempts": 3,
        "code": "SWAP_UNAVAILABLE",
    }
    return {**known, **changes}


def test_what_is_being_sold_is_said_with_what_is_in_the_way() -> None:
    assert exit_lines([remaining()], {"p"}) == [
        "EXM (p) is being sold (stop_loss), attempts: 3, the last one failed: SWAP_UNAVAILABLE"
    ]
    assert exit_lines([remaining(code=None, attempts=1)], {"p"}) == [
        "EXM (p) is being sold (stop_loss), attempts: 1"
    ]


def test_what_is_held_and_what_others_hold_is_not() -> None:
    assert exit_lines([remaining(exitReason=None, code=None)], {"p"}) == []
    assert exit_lines([remaining(positionId="of another agent")], {"p"}) == []


def test_as_json_a_position_has_its_exit_or_none() -> None:
    waiting = remaining()
    assert with_exits([{"id": "p"}, {"id": "q"}], [waiting, remaining(positionId="q", exitReason=None)]) == [
        {
            "id": "p",
            "exit": {
                "reason": waiting["exitReason"],
                "attempts": waiting["attempts"],
                "code": waiting["code"],
            },
        },
        {"id": "q", "exit": None},
    ]
