"""Creating, changing and trying targets."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.notifications.errors import (
    AddressLostError,
    DeliveryFailedError,
    InvalidAddressError,
    TargetNotFoundError,
    TooManyTargetsError,
)
from nexgent.domain.notifications.manage import NotificationTargets, TargetChange
from nexgent.domain.notifications.models import (
    MAX_TARGETS,
    Channel,
    EventKind,
    Level,
    NewTarget,
    Outcome,
    QuietHours,
    Wishes,
)
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, UserId
from tests.builders import an_agent
from tests.fakes.clock import FakeClock
from tests.fakes.notifications import FakeSender, FakeTargets

USER, STRANGER = UserId(new_id()), UserId(new_id())


class World:
    def __init__(self) -> None:
        self.rows, self.sender, self.directory = FakeTargets(), FakeSender(), AgentDirectory()
        self.targets = NotificationTargets(
            directory=self.directory,
            targets=self.rows,
            senders=dict.fromkeys(Channel, self.sender),
            clock=FakeClock(),
        )

    async def made(self, channel: Channel = Channel.APPRISE, **change: Any) -> NewTarget:
        given = TargetChange(**{"name": " Phone ", "url": "ntfy://topic", **change})
        return await self.targets.create(USER, channel, given)


@pytest.fixture
def world() -> World:
    return World()


async def test_only_a_webhook_has_a_secret_and_no_repr_has_an_address(world: World) -> None:
    phone = await world.made()
    program = await world.made(Channel.WEBHOOK, url="https://a.example/s3cr3t")
    assert phone.target.name == "Phone"
    assert phone.address.secret is None
    assert program.address.secret is not None
    assert len(base64.b64decode(program.address.secret.removeprefix("whsec_"))) == 32
    assert "s3cr3t" not in repr(program)
    assert "whsec_" not in repr(program)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "  "},
        {"name": "x" * 101},
        {"name": None},
        {"url": None},
        {"url": "topic"},
        {"url": "ntfy://"},
        {"url": "ntfy:///"},
        {"url": "ntfy://a\nb"},
        {"url": "ntfy://" + "x" * 2_048},
        {"url": "nope://s3cr3t"},
        {"wishes": lambda known: replace(known, digest_seconds=3_601)},
        {"wishes": lambda known: replace(known, digest_seconds=-1)},
        {"wishes": lambda known: replace(known, agents=frozenset(AgentId(new_id()) for _ in range(101)))},
        {"wishes": lambda known: replace(known, quiet=QuietHours(0, 60, "Mars/Olympus"))},
        {"wishes": lambda known: replace(known, quiet=QuietHours(0, 60, "../../etc/passwd"))},
        {"wishes": lambda known: replace(known, quiet=QuietHours(0, 1_440, "UTC"))},
        # All day, or never? Nobody can tell what was meant.
        {"wishes": lambda known: replace(known, quiet=QuietHours(60, 60, "UTC"))},
    ],
)
async def test_what_no_target_can_have_is_refused_and_not_stored(
    world: World, change: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await world.made(**change)
    assert world.rows.rows == {}
    assert "s3cr3t" not in caught.value.message


async def test_what_is_refused_today_and_was_stored_once_can_be_switched_off(world: World) -> None:
    target = (await world.made()).target
    never = replace(target.wishes, quiet=QuietHours(60, 60, "UTC"))
    await world.rows.save(replace(target, wishes=never))

    changed = await world.targets.change(target.id, USER, TargetChange(enabled=False))

    assert (changed.enabled, changed.wishes) == (False, never)


async def test_a_user_has_so_many_targets_and_no_more(world: World) -> None:
    for _ in range(MAX_TARGETS):
        await world.made()
    with pytest.raises(TooManyTargetsError):
        await world.made()


async def test_others_do_not_exist(world: World) -> None:
    target = (await world.made()).target
    for refused in (
        world.targets.one(target.id, STRANGER),
        world.targets.change(target.id, STRANGER, TargetChange(enabled=False)),
        world.targets.delete(target.id, STRANGER),
        world.targets.test(target.id, STRANGER),
    ):
        with pytest.raises(TargetNotFoundError):
            await refused
    assert list(await world.targets.all(STRANGER)) == []
    await world.targets.delete(target.id, USER)
    assert list(await world.targets.all(USER)) == []


async def test_a_change_leaves_the_rest_and_a_new_address_keeps_the_secret(world: World) -> None:
    made = await world.made(Channel.WEBHOOK, url="https://a.example/1")
    wishes = Wishes(events=frozenset({EventKind.POSITION_CLOSED}), min_level=Level.WARNING)
    changed = await world.targets.change(made.target.id, USER, TargetChange(wishes=lambda _: wishes))
    assert (changed.name, changed.wishes, changed.enabled) == ("Phone", wishes, True)
    world.rows.rows[made.target.id] = replace(changed, failures=3)
    moved = await world.targets.change(
        made.target.id, USER, TargetChange(url="https://b.example/2", enabled=False)
    )
    assert (moved.failures, moved.enabled, moved.wishes) == (0, False, wishes)
    address = await world.rows.address_of(made.target.id)
    assert address is not None
    assert (address.url, address.secret) == ("https://b.example/2", made.address.secret)
    with pytest.raises(InvalidAddressError):
        await world.targets.change(made.target.id, USER, TargetChange(url="nope://x"))
    assert await world.rows.address_of(made.target.id) == address


async def test_only_own_agents_can_be_named_and_one_that_is_gone_may_stay(world: World) -> None:
    mine, theirs = an_agent(user_id=USER), an_agent(user_id=STRANGER)
    world.directory.load([mine, theirs])
    made = await world.made(wishes=lambda known: replace(known, agents=frozenset({mine.id})))
    with pytest.raises(AgentNotFoundError):
        await world.made(wishes=lambda known: replace(known, agents=frozenset({mine.id, theirs.id})))
    world.directory.load([theirs])
    changed = await world.targets.change(made.target.id, USER, TargetChange(name="Other"))
    assert changed.wishes.agents == frozenset({mine.id})
    wider = TargetChange(wishes=lambda known: replace(known, agents=frozenset({mine.id, theirs.id})))
    with pytest.raises(AgentNotFoundError):
        await world.targets.change(made.target.id, USER, wider)


async def test_a_test_is_sent_at_once_whatever_is_wanted_otherwise(world: World) -> None:
    made = await world.made(wishes=lambda known: replace(known, min_level=Level.DANGER), enabled=False)
    world.rows.rows[made.target.id] = replace(made.target, failures=9, retry_at=made.target.created_at)
    await world.targets.test(made.target.id, USER)
    assert (world.rows.rows[made.target.id].failures, world.rows.rows[made.target.id].retry_at) == (0, None)
    ((url, message),) = world.sender.got
    assert url == "ntfy://topic"
    assert message.notification is not None
    assert message.notification.kind is EventKind.TEST
    world.sender.answers = [Outcome(False, "it answered 500")]
    with pytest.raises(DeliveryFailedError, match="it answered 500"):
        await world.targets.test(made.target.id, USER)
    del world.rows.addresses[made.target.id]
    with pytest.raises(AddressLostError):
        await world.targets.test(made.target.id, USER)
