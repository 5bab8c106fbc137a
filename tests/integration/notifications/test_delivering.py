"""Many messages to programs: in order, noted in groups, none lost, and nobody held up by anybody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from aiohttp import web

from nexgent.domain.notifications import deliver
from nexgent.domain.notifications.deliver import (
    READ_AT_ONCE,
    TARGETS_AT_ONCE,
    TURN_SECONDS,
    DeliverNotifications,
)
from nexgent.domain.notifications.messages import MESSAGES_A_MINUTE
from nexgent.domain.notifications.models import (
    Address,
    Channel,
    Delivered,
    DeliveryState,
    EventKind,
    Message,
    NewTarget,
    Notification,
    Outcome,
    Target,
    Wishes,
)
from nexgent.domain.notifications.noting import MOST_UNNOTED
from nexgent.infrastructure.database.stores.notification_outbox import PostgresOutbox
from nexgent.infrastructure.notifications.webhook import WebhookSender
from nexgent.shared.types import UserId
from tests.builders import T0, a_notification, a_target
from tests.fakes.clock import FakeClock
from tests.fakes.notifications import FakeSender
from tests.integration.external.servers import serve
from tests.integration.notifications.test_outbox import AT_ONCE, World, user, world
from tests.integration.repositories.conftest import Pool, pool

__all__ = ["pool", "user", "world"]

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Receiver:
    """A program that takes webhooks; from some number of them on it may answer nothing, or with an error."""

    def __init__(self, *, hangs_at: int | None = None, fails_at: int | None = None) -> None:
        self.ids: list[str] = []
        self.connections: set[object] = set()
        self.hung = asyncio.Event()
        self._hangs_at = hangs_at
        self._fails_at = fails_at

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.connections.add(request.transport)
        if len(self.ids) == self._hangs_at:
            self.hung.set()
            await asyncio.Event().wait()
        if len(self.ids) == self._fails_at:
            return web.Response(status=503)
        self.ids.append(request.headers["webhook-id"])
        return web.Response(status=204)


class Counting(PostgresOutbox):
    """Counts the notes."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.notes: list[int] = []

    async def sent(self, target_id: UUID, delivered: Sequence[Delivered]) -> None:
        await super().sent(target_id, delivered)
        self.notes.append(len(delivered))


class Silent(PostgresOutbox):
    """A database that has stopped to answer when something is noted."""

    async def sent(self, target_id: UUID, delivered: Sequence[Delivered]) -> None:
        await asyncio.Event().wait()


def serving(world: World, outbox: PostgresOutbox) -> DeliverNotifications:
    return DeliverNotifications(
        outbox=outbox,
        targets=world.targets,
        senders={Channel.WEBHOOK: WebhookSender(clock=world.clock, private=True)},
        clock=world.clock,
    )


async def program(world: World, user: UserId, url: str) -> Target:
    target = a_target(user, wishes=AT_ONCE, channel=Channel.WEBHOOK)
    await world.targets.add(NewTarget(target, Address(url=url, secret=SECRET)))
    return target


def a_row(user: UserId, many: int) -> list[Notification]:
    return [
        a_notification(user, title=f"{number}", at=T0 + timedelta(seconds=number)) for number in range(many)
    ]


async def states(world: World, user: UserId) -> list[DeliveryState]:
    """Of everything that was to be told, oldest first."""
    return [one.state for one in reversed(await world.targets.deliveries(user, limit=2_000))]


async def test_more_than_is_read_at_once_comes_in_order_over_few_connections(
    world: World, user: UserId, pool: Pool
) -> None:
    receiver, outbox, many = Receiver(), Counting(pool), 2 * READ_AT_ONCE[Channel.WEBHOOK] + 50
    told = a_row(user, many)
    async with serve(receiver.handle) as url:
        target = await program(world, user, url)
        await world.tell(*told)
        worker = serving(world, outbox)
        await worker.execute()
        report = await worker.drain()

    assert (report.sent, report.failed) == (many, 0)
    assert receiver.ids == [str(one.id) for one in told]
    assert len(receiver.connections) <= 3, "one for each time something was read"
    assert set(await states(world, user)) == {DeliveryState.SENT}
    assert sum(outbox.notes) == many
    stored = await world.targets.find(target.id)
    assert stored is not None
    assert (stored.sent_count, stored.failures) == (many, 0)
    assert await outbox.sent_since(target.id, T0 - timedelta(seconds=1)) == many, "each is a message"
    assert (
        await pool.fetchval("SELECT claimed_until FROM notification_targets WHERE id = $1", target.id) is None
    )


async def test_what_came_before_a_failure_is_noted_and_what_follows_waits(
    world: World, user: UserId, pool: Pool
) -> None:
    receiver = Receiver(fails_at=2)
    told = a_row(user, 5)
    async with serve(receiver.handle) as url:
        target = await program(world, user, url)
        await world.tell(*told)
        worker = serving(world, PostgresOutbox(pool))
        await worker.execute()
        report = await worker.drain()

    assert (report.sent, report.failed) == (2, 1)
    assert await states(world, user) == [DeliveryState.SENT] * 2 + [DeliveryState.WAITING] * 3
    stored = await world.targets.find(target.id)
    assert stored is not None
    assert (stored.sent_count, stored.failures, stored.last_error) == (2, 1, "it answered 503")
    assert stored.retry_at == T0 + timedelta(seconds=5), "what came through before does not undo the pause"


async def test_a_worker_that_is_stopped_notes_what_came_through(
    world: World, user: UserId, pool: Pool
) -> None:
    receiver = Receiver(hangs_at=5)
    async with serve(receiver.handle) as url:
        await program(world, user, url)
        await world.tell(*a_row(user, 8))
        worker = serving(world, PostgresOutbox(pool))
        await worker.execute()
        await receiver.hung.wait()
        await worker.stop()

    assert await states(world, user) == [DeliveryState.SENT] * 5 + [DeliveryState.WAITING] * 3


async def test_after_a_worker_that_could_note_nothing_all_comes_again_and_no_more_than_is_promised(
    world: World, user: UserId, pool: Pool
) -> None:
    receiver, told = Receiver(), a_row(user, MOST_UNNOTED + 50)
    async with serve(receiver.handle) as url:
        await program(world, user, url)
        await world.tell(*told)
        killed = serving(world, Silent(pool))
        await killed.execute()
        while len(receiver.ids) < MOST_UNNOTED:
            await asyncio.sleep(0)
        tasks = list(killed._serving.values())
        done, _ = await asyncio.wait(tasks, timeout=0.2)
        assert not done
        assert len(receiver.ids) == MOST_UNNOTED, "sending waits for what is to be noted"
        await killed.stop()
        assert set(await states(world, user)) == {DeliveryState.WAITING}

        world.clock.advance(121)
        other = serving(world, PostgresOutbox(pool))
        await other.execute()
        await other.drain()

    ids = [str(one.id) for one in told]
    assert receiver.ids == ids[:MOST_UNNOTED] + ids
    assert set(await states(world, user)) == {DeliveryState.SENT}


async def test_no_program_waits_for_what_people_use(world: World, user: UserId, pool: Pool) -> None:
    class Hanging(FakeSender):
        async def send(self, address: Address, messages: Sequence[Message]) -> AsyncGenerator[Outcome, None]:
            self.got.append((address.url, messages[0]))
            await asyncio.Event().wait()
            yield Outcome(True)

    hanging, taking = Hanging(), FakeSender()
    for _ in range(TARGETS_AT_ONCE[Channel.APPRISE] + 1):
        await world.target(user)
    await world.target(user, channel=Channel.WEBHOOK)
    await world.tell(a_notification(user, title="told"))
    worker = DeliverNotifications(
        outbox=world.outbox,
        targets=world.targets,
        senders={Channel.APPRISE: hanging, Channel.WEBHOOK: taking},
        clock=world.clock,
    )
    await worker.execute()
    async with asyncio.timeout(120):
        while not taking.got or len(hanging.got) < TARGETS_AT_ONCE[Channel.APPRISE]:
            await asyncio.sleep(0.01)
    await worker.execute()
    assert len(hanging.got) == TARGETS_AT_ONCE[Channel.APPRISE], "no more of them than there are places"
    await worker.stop()


async def test_a_slow_program_gives_its_place_back_when_its_turn_is_over(
    world: World, user: UserId, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "TARGETS_AT_ONCE", {Channel.WEBHOOK: 1})

    class Slow(FakeSender):
        async def send(self, address: Address, messages: Sequence[Message]) -> AsyncGenerator[Outcome, None]:
            async for outcome in super().send(address, messages):
                clock.advance(0.6 * TURN_SECONDS)
                yield outcome

    clock = FakeClock(T0)
    slow = World(pool, clock, Slow())
    first, second = [await slow.target(user, channel=Channel.WEBHOOK) for _ in range(2)]
    await slow.tell(*a_row(user, 5))
    for _ in range(6):
        await slow.round()

    served = [url.removeprefix("ntfy://") for url, _ in slow.sender.got]
    assert len(served) == 10
    one, other = served[0], ({str(first.id), str(second.id)} - {served[0]}).pop()
    assert served == [one, one, other, other, one, one, other, other, one, other]
    for target in (one, other):
        assert [message.title for url, message in slow.sender.got if url.endswith(target)] == list("01234")


async def test_a_person_who_has_had_enough_for_a_minute_loses_nothing_of_a_busy_one(
    world: World, user: UserId
) -> None:
    """Two kinds of which there is something each second use up a minute's messages in ten seconds: the rest waits for more."""
    await world.target(user, Wishes())
    kinds = (EventKind.POSITION_OPENED, EventKind.POSITION_CLOSED)
    for _ in range(130):
        now = world.clock.now()
        await world.tell(*(a_notification(user, kind=kind, at=now) for kind in kinds for _ in range(10)))
        await world.round()
        world.clock.advance(1)

    waiting = (await world.conditions.state(world.clock.now())).waiting
    told = sum(len(message.deliveries) for _, message in world.sender.got)
    assert waiting + told == 130 * 20
    assert len(world.sender.got) <= 3 * MESSAGES_A_MINUTE
