"""What began and what is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from nexgent.domain.attention.notices import Notice, NoticeKind, Severity
from nexgent.domain.notifications.conditions import OVER_AFTER, Conditions
from nexgent.domain.notifications.models import EventKind, Level
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, PositionId, UserId, WalletAddress
from tests.builders import T0

USER, OTHER = UserId(new_id()), UserId(new_id())
LOCKED = Notice(
    kind=NoticeKind.WALLET_LOCKED,
    severity=Severity.DANGER,
    text="The wallet is locked",
    code="WALLET_LOCKED",
    agent_id=AgentId(new_id()),
    agent_name="Alpha",
    wallet_address=WalletAddress("w" * 44),
)
STALE = Notice(kind=NoticeKind.PRICE_STALE, severity=Severity.DANGER, text="No price of BONK")
SECOND = timedelta(seconds=1)


def test_what_lasts_is_told_once_and_so_is_its_end() -> None:
    conditions, now = Conditions(now=T0), T0
    assert conditions.step({USER: [LOCKED]}, now).told == []
    begun = conditions.step({USER: [LOCKED]}, now + 5 * SECOND)
    (told,) = begun.told
    assert (told.kind, told.level, told.title) == (
        EventKind.WALLET_LOCKED,
        Level.DANGER,
        "Alpha: A wallet is locked",
    )
    assert told.facts["state"] == "begun"
    assert told.agent_id == LOCKED.agent_id
    conditions.done(begun, now + 5 * SECOND)
    now += 5 * SECOND
    for seconds in range(1, 500, 7):
        assert conditions.step({USER: [LOCKED]}, now + seconds * SECOND).told == []
    now += 498 * SECOND
    assert conditions.step({USER: []}, now + OVER_AFTER - 2 * SECOND).told == []
    ended = conditions.step({USER: []}, now + OVER_AFTER)
    (over,) = ended.told
    assert (over.level, over.title) == (Level.INFO, "Over: Alpha: A wallet is locked")
    assert over.key == f"over:{told.id}"
    assert over.facts["state"] == "over"
    conditions.done(ended, now + OVER_AFTER)
    assert conditions.step({USER: []}, now + 2 * OVER_AFTER).told == []


def test_what_comes_and_goes_is_not_told_again_and_again() -> None:
    conditions = Conditions(now=T0)
    conditions.step({USER: [LOCKED]}, T0)
    change = conditions.step({USER: [LOCKED]}, T0 + 5 * SECOND)
    conditions.done(change, T0 + 5 * SECOND)
    for seconds in range(6, 600):
        noticed = [LOCKED] if seconds % 20 == 0 else []
        assert conditions.step({USER: noticed}, T0 + seconds * SECOND).told == []


def test_what_passes_at_once_is_not_told() -> None:
    conditions = Conditions(now=T0)
    for seconds in range(0, 300, 4):
        noticed = [LOCKED] if seconds % 8 == 0 else []
        assert conditions.step({USER: noticed}, T0 + seconds * SECOND).told == []


def test_what_could_not_be_stored_is_told_at_the_next_look() -> None:
    conditions = Conditions(now=T0)
    conditions.step({USER: [LOCKED]}, T0)
    first = conditions.step({USER: [LOCKED]}, T0 + 5 * SECOND)
    again = conditions.step({USER: [LOCKED]}, T0 + 7 * SECOND)
    assert len(first.told) == len(again.told) == 1


def test_another_engine_knows_what_was_told() -> None:
    before = Conditions(now=T0)
    before.step({USER: [LOCKED]}, T0)
    begun = before.step({USER: [LOCKED]}, T0 + 5 * SECOND).begun

    after = Conditions(begun, now=T0)
    assert after.step({USER: [LOCKED]}, T0 + 60 * SECOND).told == []
    over = after.step({USER: []}, T0 + 60 * SECOND + OVER_AFTER)
    assert [one.title for one in over.told] == ["Over: Alpha: A wallet is locked"]


def test_each_user_wallet_and_position_is_told_by_itself_and_prices_together() -> None:
    conditions = Conditions(now=T0)
    late = replace(LOCKED, kind=NoticeKind.EXIT_DELAYED, position_id=PositionId(new_id()), code="NO_ROUTE")
    noticed = {
        USER: [LOCKED, late, replace(late, position_id=PositionId(new_id())), STALE, STALE, STALE],
        OTHER: [STALE],
    }
    conditions.step(noticed, T0)
    told = conditions.step(noticed, T0 + 30 * SECOND).told
    assert len(told) == 5
    (prices,) = [one for one in told if one.user_id == USER and one.kind is EventKind.FEED_STALE]
    assert prices.text == "No price of BONK (and 2 more)"
    assert len({one.key for one in told}) == len(told)


def test_that_another_process_trades_is_not_for_the_engine_to_tell() -> None:
    conditions = Conditions(now=T0)
    elsewhere = Notice(kind=NoticeKind.ENGINE_ELSEWHERE, severity=Severity.INFO, text="x")
    conditions.step({USER: [elsewhere]}, T0)
    assert conditions.step({USER: [elsewhere]}, T0 + 600 * SECOND).told == []
