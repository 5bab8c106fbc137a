"""Targets of notifications and their addresses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from nexgent.domain.notifications.models import Address, EventKind, Level, NewTarget, QuietHours, Wishes
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId
from tests.builders import T0, a_target
from tests.integration.ports.conftest import Stores

WISHES = Wishes(
    events=frozenset({EventKind.POSITION_CLOSED, EventKind.DAILY_REPORT}),
    min_level=Level.WARNING,
    agents=frozenset({AgentId(new_id()), AgentId(new_id())}),
    quiet=QuietHours(1320, 420, "Europe/Berlin"),
    digest_seconds=90,
)


async def test_a_target_is_stored_changed_and_deleted(stores: Stores) -> None:
    targets, user, stranger = stores.targets, await stores.user(), await stores.user()
    target = a_target(user)
    newer = a_target(user, created_at=T0 + timedelta(hours=1), wishes=WISHES)
    await targets.add(NewTarget(newer, Address(url="https://b.example/x", secret="whsec_AA==")))
    await targets.add(NewTarget(target, Address(url="ntfy://first")))

    assert await targets.find(target.id) == target
    assert list(await targets.of_user(user)) == [newer, target]
    assert list(await targets.of_user(stranger)) == []
    assert await targets.address_of(newer.id) == Address(url="https://b.example/x", secret="whsec_AA==")
    assert await targets.address_of(target.id) == Address(url="ntfy://first")

    changed = replace(target, name="Other", wishes=WISHES, enabled=False, updated_at=T0 + timedelta(days=1))
    assert await targets.save(changed)
    assert await targets.find(target.id) == changed
    moved = replace(changed, shown="discord://…")
    assert await targets.set_address(NewTarget(moved, Address(url="discord://other")))
    assert await targets.find(target.id) == moved
    assert await targets.address_of(target.id) == Address(url="discord://other")

    assert not await targets.remove(target.id, stranger)
    assert await targets.remove(target.id, user)
    assert not await targets.remove(target.id, user)
    assert await targets.find(target.id) is None
    assert await targets.address_of(target.id) is None
    assert not await targets.save(changed)
    assert not await targets.set_address(NewTarget(moved, Address(url="discord://other")))


async def test_nothing_was_delivered_to_somebody_new(stores: Stores) -> None:
    assert list(await stores.targets.deliveries(await stores.user(), limit=10)) == []
