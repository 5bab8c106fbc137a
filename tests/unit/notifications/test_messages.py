"""Flood control: nothing is left out, and few messages are sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.notifications.messages import MESSAGES_A_MINUTE, messages
from nexgent.domain.notifications.models import Channel, EventKind, Level, Waiting
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.builders import a_notification

USER = UserId(new_id())


def waiting(*kinds: tuple[EventKind, Level]) -> list[Waiting]:
    return [
        Waiting(id=number, notification=a_notification(USER, kind=kind, level=level, title=f"no. {number}"))
        for number, (kind, level) in enumerate(kinds, 1)
    ]


OPENED = (EventKind.POSITION_OPENED, Level.INFO)
FAILED = (EventKind.TRADE_FAILED, Level.WARNING)
DELAYED = (EventKind.EXIT_DELAYED, Level.DANGER)


def test_a_few_are_told_one_by_one_what_matters_most_first() -> None:
    found = messages(Channel.APPRISE, waiting(OPENED, OPENED, DELAYED, FAILED), 0)
    assert [one.title for one in found] == ["no. 3", "no. 4", "no. 1", "no. 2"]
    assert all(one.notification is not None for one in found)


def test_many_of_a_kind_are_one_message_that_names_ten() -> None:
    found = messages(Channel.APPRISE, waiting(*[OPENED] * 12, FAILED), 0)
    assert [one.title for one in found] == ["no. 13", "12 positions opened"]
    digest = found[1]
    assert digest.deliveries == tuple(range(1, 13))
    assert digest.notification is None
    assert digest.text.count("\n") == 10
    assert digest.text.endswith("… and 2 more")


def test_programs_get_each_by_itself() -> None:
    found = messages(Channel.WEBHOOK, waiting(*[OPENED] * 50, DELAYED), 1_000)
    assert [one.deliveries for one in found] == [(51,), *((number,) for number in range(1, 51))]


def test_when_the_minute_is_used_up_only_danger_goes_out() -> None:
    many = waiting(OPENED, DELAYED, FAILED, DELAYED)
    (only,) = messages(Channel.APPRISE, many, MESSAGES_A_MINUTE)
    assert only.deliveries == (2, 4)
    assert only.level is Level.DANGER
    assert messages(Channel.APPRISE, waiting(OPENED, FAILED), MESSAGES_A_MINUTE) == []


def test_what_is_left_of_the_minute_takes_everything_that_waits() -> None:
    kinds = [(kind, Level.INFO) for kind in EventKind for _ in range(2)]
    found = messages(Channel.APPRISE, waiting(*kinds), MESSAGES_A_MINUTE - 3)
    assert len(found) == 3
    assert len(found[2].deliveries) == len(kinds) - 2


@given(
    kinds=st.lists(st.tuples(st.sampled_from(EventKind), st.sampled_from(Level)), max_size=80),
    recent=st.integers(0, MESSAGES_A_MINUTE - 1),
)
def test_each_delivery_is_in_one_message_and_there_are_not_too_many(
    kinds: list[tuple[EventKind, Level]], recent: int
) -> None:
    given_ = waiting(*kinds)
    found = messages(Channel.APPRISE, given_, recent)
    assert sorted(one for message in found for one in message.deliveries) == [one.id for one in given_]
    assert len(found) <= MESSAGES_A_MINUTE - recent
    if found and kinds:
        assert found[0].level is max((level for _, level in kinds), key=lambda level: level.rank)
