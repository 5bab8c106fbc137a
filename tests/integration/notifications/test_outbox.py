"""What is to be told, in PostgreSQL: who is told, what becomes of it, and that nothing is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import SecretStr

from nexgent.domain.ledger.models import TradeSettled
from nexgent.domain.notifications.deliver import CollectNotifications, DeliverNotifications
from nexgent.domain.notifications.models import (
    MAX_WAITING,
    Address,
    Channel,
    DeliveryState,
    EventKind,
    Level,
    Message,
    NewTarget,
    Notification,
    Outcome,
    QuietHours,
    Target,
    Wishes,
)
from nexgent.domain.notifications.ports import Condition, TradeLine
from nexgent.domain.notifications.trades import trade_notification
from nexgent.domain.positions.models import CloseReason
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.stores import notification_sources
from nexgent.infrastructure.database.stores.notification_outbox import (
    PostgresConditions,
    PostgresOutbox,
    forget_old_notifications,
)
from nexgent.infrastructure.database.stores.notification_sources import PostgresSources
from nexgent.infrastructure.database.stores.notification_targets import PostgresTargets
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.types import UserId
from tests.builders import T0, a_notification, a_target
from tests.fakes.clock import FakeClock
from tests.fakes.notifications import FakeSender
from tests.integration.database.conftest import journal, projector
from tests.integration.database.story import Story, add_owners
from tests.integration.repositories.conftest import Pool, add_user, pool

__all__ = ["journal", "pool", "projector"]

SEALER = Sealer(SecretStr("a secret of tests, 32 characters long"), "notification-target")
AT_ONCE = Wishes(digest_seconds=0)


class World:
    """A worker on a database, with a clock and senders of its own."""

    def __init__(self, pool: Pool, clock: FakeClock, sender: FakeSender | None = None) -> None:
        self.clock = clock
        self.sender = sender if sender is not None else FakeSender()
        self.outbox = PostgresOutbox(pool)
        self.sources = PostgresSources(pool)
        self.targets = PostgresTargets(pool, SEALER)
        self.conditions = PostgresConditions(pool)
        self.collect = CollectNotifications(sources=self.sources, outbox=self.outbox, clock=clock)
        self.deliver = DeliverNotifications(
            outbox=self.outbox,
            targets=self.targets,
            senders=dict.fromkeys(Channel, self.sender),
            clock=clock,
        )

    async def target(self, user: UserId, wishes: Wishes = AT_ONCE, **changes: object) -> Target:
        target = a_target(user, wishes=wishes, **changes)
        await self.targets.add(NewTarget(target, Address(url=f"ntfy://{target.id}", secret=None)))
        return target

    async def tell(self, *notifications: Notification) -> int:
        await self.sources.add(notifications)
        return await self.outbox.route(self.clock.now())

    async def round(self) -> None:
        """Serve everybody for whom something is due."""
        await self.deliver.execute()
        await self.deliver.drain()

    @property
    def titles(self) -> list[str]:
        return [message.title for _, message in self.sender.got]


@pytest.fixture
def world(pool: Pool) -> World:
    return World(pool, FakeClock(T0))


@pytest.fixture
async def user(pool: Pool) -> UserId:
    return await add_user(pool)


async def test_each_target_is_told_what_it_wants_and_what_nobody_wants_is_not_kept(
    world: World, user: UserId, pool: Pool
) -> None:
    everything = await world.target(user)
    alarms = await world.target(user, replace(AT_ONCE, min_level=Level.DANGER))
    await world.target(user, enabled=False)
    stranger = await add_user(pool)
    danger = a_notification(user, level=Level.DANGER, title="danger")
    info = a_notification(user, title="info", at=T0 + timedelta(seconds=1))

    assert await world.tell(danger, info, a_notification(stranger)) == 3
    assert await world.tell(replace(danger, title="again")) == 0
    await world.round()

    got = {(url.removeprefix("ntfy://"), message.title) for url, message in world.sender.got}
    assert got == {
        (str(everything.id), "danger"),
        (str(everything.id), "info"),
        (str(alarms.id), "danger"),
    }
    assert await pool.fetchval("SELECT count(*) FROM notifications") == 2
    stored = await world.targets.find(everything.id)
    assert stored is not None
    assert (stored.sent_count, stored.failed_count, stored.last_sent_at) == (2, 0, T0)
    listed = await world.targets.deliveries(user, limit=10)
    assert {one.state for one in listed} == {DeliveryState.SENT}
    assert [one.id for one in listed] == sorted((one.id for one in listed), reverse=True)
    assert [one.id for one in await world.targets.deliveries(user, limit=10, before=listed[0].id)] == [
        one.id for one in listed[1:]
    ]
    assert len(await world.targets.deliveries(user, limit=10, target_id=alarms.id)) == 1
    assert list(await world.targets.deliveries(stranger, limit=10)) == []


async def test_a_target_that_fails_rests_longer_and_longer_and_loses_nothing(
    world: World, user: UserId, pool: Pool
) -> None:
    target = await world.target(user)
    await world.tell(a_notification(user, level=Level.DANGER, title="alarm"))
    world.sender.answers = [Outcome(False, "no connection")] * 3

    pauses = []
    for _ in range(3):
        await world.round()
        failing = await world.targets.find(target.id)
        assert failing is not None
        assert failing.retry_at is not None
        assert (failing.last_error, failing.failing_since) == ("no connection", T0)
        pauses.append((failing.retry_at - world.clock.now()).total_seconds())
        tried = len(world.sender.got)
        await world.round()
        assert len(world.sender.got) == tried, "a target that rests is left alone"
        world.clock.advance(pauses[-1])
    assert pauses == [5, 10, 20]
    await world.targets.well(target.id)
    rested = await world.targets.find(target.id)
    assert rested is not None
    assert (rested.failures, rested.failing_since, rested.retry_at) == (0, None, None)
    world.sender.answers = [Outcome(False, "no connection")]
    await world.round()
    assert len(world.sender.got) == 4, "it is tried again at once"
    world.clock.advance(5)
    state = await world.conditions.state(world.clock.now())
    assert state.waiting == 1
    assert [one.id for one in state.failing] == [target.id]
    assert state.overdue_seconds == 40

    # Another worker, after this one was killed: what waits is in the database.
    other = World(pool, world.clock)
    await other.round()

    assert other.titles == ["alarm"]
    well = await world.targets.find(target.id)
    assert well is not None
    assert (well.failures, well.failing_since, well.retry_at, well.last_error) == (
        0,
        None,
        None,
        "no connection",
    )
    (delivery,) = await world.targets.deliveries(user, limit=10)
    assert (delivery.state, delivery.attempts, delivery.error) == (DeliveryState.SENT, 5, None)


async def test_what_a_target_refuses_and_what_is_too_old_is_given_up_and_shown(
    world: World, user: UserId
) -> None:
    target = await world.target(user, channel=Channel.WEBHOOK)
    await world.tell(a_notification(user, title="refused"))
    world.sender.answers = [Outcome(False, "it answered 400", refused=True)] * 3
    for _ in range(3):
        await world.round()
        world.clock.advance(60)
    await world.tell(a_notification(user, title="fine", at=world.clock.now()))
    await world.tell(
        a_notification(user, title="old", at=world.clock.now() - timedelta(hours=13)),
    )
    await world.round()

    by_title = {one.notification.title: one for one in await world.targets.deliveries(user, limit=10)}
    assert by_title["refused"].state is DeliveryState.FAILED
    assert by_title["refused"].error == "it answered 400"
    assert by_title["fine"].state is DeliveryState.SENT
    assert by_title["old"].state is DeliveryState.FAILED
    assert "too old" in (by_title["old"].error or "")
    stored = await world.targets.find(target.id)
    assert stored is not None
    assert stored.failed_count == 2
    assert (await world.conditions.state(world.clock.now())).failed == 2


async def test_the_outbox_is_bounded_and_says_what_gave_way(world: World, user: UserId) -> None:
    target = await world.target(user)
    many = [
        a_notification(user, title=f"info {number}", at=T0 + timedelta(seconds=number))
        for number in range(MAX_WAITING)
    ]
    alarm = a_notification(user, level=Level.DANGER, title="alarm", at=T0 - timedelta(hours=1))
    await world.tell(alarm)
    for first in range(0, MAX_WAITING, 1_000):
        await world.tell(*many[first : first + 1_000])

    failed = [
        one
        for one in await world.targets.deliveries(user, limit=2 * MAX_WAITING)
        if one.state is DeliveryState.FAILED
    ]
    assert [one.notification.title for one in failed] == ["info 0"]
    assert failed[0].error == "too much was waiting"
    stored = await world.targets.find(target.id)
    assert stored is not None
    assert (stored.failed_count, stored.last_error) == (1, "too much was waiting")

    await world.round()
    assert world.titles == ["alarm", f"{MAX_WAITING - 1} positions opened"]


async def test_of_two_workers_one_serves_a_target(world: World, user: UserId, pool: Pool) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    class Slow(FakeSender):
        async def send(self, address: Address, messages: Sequence[Message]) -> AsyncGenerator[Outcome, None]:
            entered.set()
            await leave.wait()
            async for outcome in super().send(address, messages):
                yield outcome

    slow, other = World(pool, world.clock, Slow()), World(pool, world.clock)
    await world.target(user)
    await world.tell(a_notification(user, title="once"))
    await slow.deliver.execute()
    await entered.wait()
    # Somebody else's target is not held up by the one that takes long.
    neighbour = await add_user(pool)
    await world.target(neighbour)
    await world.tell(a_notification(neighbour, title="quick"))
    await other.round()
    assert other.titles == ["quick"]
    leave.set()
    await slow.deliver.drain()
    await other.round()
    assert (slow.titles, other.titles) == (["once"], ["quick"])


async def test_a_worker_that_was_killed_while_sending_is_followed(
    world: World, user: UserId, pool: Pool
) -> None:
    class Dying(FakeSender):
        async def send(self, address: Address, messages: Sequence[Message]) -> AsyncGenerator[Outcome, None]:
            await asyncio.Event().wait()
            yield Outcome(True)

    dying = World(pool, world.clock, Dying())
    await world.target(user)
    await world.tell(a_notification(user, title="alarm", level=Level.DANGER))
    await dying.deliver.execute()
    await dying.deliver.stop()

    await world.round()
    assert world.titles == [], "for a moment the target is the dead one's"
    world.clock.advance(121)
    await world.round()
    assert world.titles == ["alarm"]


async def test_at_night_only_danger_is_told(world: World, user: UserId) -> None:
    now = world.clock.now()
    start = now.hour * 60 + now.minute
    quiet = QuietHours((start - 60) % 1440, (start + 60) % 1440, "UTC")
    await world.target(user, Wishes(quiet=quiet))
    await world.tell(
        a_notification(user, title="info"), a_notification(user, title="danger", level=Level.DANGER)
    )
    world.clock.advance(30)
    await world.round()
    assert world.titles == ["danger"]
    world.clock.advance(3_600)
    await world.round()
    assert world.titles == ["danger", "info"]


async def test_quiet_hours_that_began_while_it_waited_count_as_well(world: World, user: UserId) -> None:
    target = await world.target(user)
    await world.tell(a_notification(user, title="info"))
    now = world.clock.now()
    start = now.hour * 60 + now.minute
    quiet = QuietHours(start, (start + 60) % 1440, "UTC")
    await world.targets.save(replace(target, wishes=replace(AT_ONCE, quiet=quiet)))
    await world.round()
    assert world.titles == []
    world.clock.advance(3_600)
    await world.round()
    assert world.titles == ["info"]


async def test_an_address_that_cannot_be_read_any_more_is_the_targets_error(
    world: World, user: UserId, pool: Pool
) -> None:
    target = await world.target(user)
    await world.tell(a_notification(user))
    for sealer in (Sealer(SecretStr("another secret, 32 characters long"), "notification-target"), None):
        changed = World(pool, world.clock)
        changed.deliver = DeliverNotifications(
            outbox=world.outbox,
            targets=PostgresTargets(pool, sealer),
            senders=dict.fromkeys(Channel, world.sender),
            clock=world.clock,
        )
        await changed.round()
        stored = await world.targets.find(target.id)
        assert stored is not None
        assert "cannot be read any more" in (stored.last_error or "")
        world.clock.advance(60)
    await world.round()
    assert len(world.sender.got) == 1


async def _owner(pool: Pool, story: Story) -> UserId:
    connection = await pool.acquire()
    try:
        await add_owners(connection, [story])  # type: ignore[arg-type]  # A connection of the pool does as well.
    finally:
        await pool.release(connection)
    return UserId(await pool.fetchval("SELECT user_id FROM agents WHERE id = $1", story.agent_id))


async def test_the_journal_is_told_once_line_by_line(
    world: World, pool: Pool, journal: PostgresJournal
) -> None:
    story = Story()
    user = await _owner(pool, story)
    await journal.append([story.deposit(), *story.buy()])
    assert await world.sources.note_trades() == 0, "nobody wants to be told, and it is not told later"
    await world.target(user)

    failed, expired = story.intend(), None
    lines = [failed, story.failed(failed)]
    expired = story.intend()
    lines += [expired, story.expired(expired), *story.buy(), *story.sell()]
    await journal.append(lines)
    sale = story.intend(position=next(iter(story.state.positions.values())))
    await journal.append([sale, story.failed(sale)])
    other = World(pool, world.clock)
    await asyncio.gather(world.sources.note_trades(), other.sources.note_trades())
    await world.sources.note_trades()
    await world.outbox.route(world.clock.now())

    told = [one.notification for one in reversed(await world.targets.deliveries(user, limit=100))]
    assert sorted(one.kind for one in told) == sorted(
        [
            EventKind.TRADE_FAILED,
            EventKind.TRADE_FAILED,
            EventKind.POSITION_OPENED,
            EventKind.POSITION_CLOSED,
        ]
    ), "an exit that failed is tried again, and told as delayed"
    closed = next(one for one in told if one.kind is EventKind.POSITION_CLOSED)
    assert closed.agent_id == story.agent_id
    assert closed.facts["profitLossSol"] == "1.000000001"
    assert "+1 SOL" in closed.title
    assert "(paper)" in closed.title
    failure = next(one for one in told if one.kind is EventKind.TRADE_FAILED)
    assert failure.facts["code"] in {"NO_ROUTE", "EXPIRED"}
    assert failure.facts["tokenSymbol"] == "TKN"
    assert await world.sources.note_trades() == 0


@pytest.mark.parametrize("reason", CloseReason)
async def test_a_position_is_told_as_closed_whatever_it_was_closed_for(
    reason: CloseReason, world: World, pool: Pool, journal: PostgresJournal
) -> None:
    story = Story()
    user = await _owner(pool, story)
    await world.target(user)
    bought = [story.deposit(), *story.buy()]
    intended, sold = story.sell()
    body = sold.body
    assert isinstance(body, TradeSettled)
    assert body.closed is not None
    closed = replace(body.closed, close_reason=reason, token_symbol="T\n\x1b[2J\u202eKN")
    await journal.append([*bought, intended, replace(sold, body=replace(body, closed=closed, reason=reason))])
    await world.sources.note_trades()
    await world.outbox.route(world.clock.now())

    newest = (await world.targets.deliveries(user, limit=1))[0].notification
    assert newest.kind is EventKind.POSITION_CLOSED
    assert newest.facts["reason"] == reason.value
    assert "(" in newest.text, "people read why"
    assert newest.title.isprintable(), "whatever its token is called"


async def test_a_line_for_which_there_are_no_words_keeps_none_of_the_others(
    world: World, pool: Pool, journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story()
    user = await _owner(pool, story)
    await world.target(user)
    await journal.append([story.deposit(), *story.buy(), *story.sell()])

    def speechless(line: TradeLine) -> Notification | None:
        body = line.entry.body
        if isinstance(body, TradeSettled) and body.closed is None:
            raise KeyError(body)
        return trade_notification(line)

    monkeypatch.setattr(notification_sources, "trade_notification", speechless)
    await world.sources.note_trades()
    await world.outbox.route(world.clock.now())
    assert [one.notification.kind for one in await world.targets.deliveries(user, limit=9)] == [
        EventKind.POSITION_CLOSED
    ]


async def test_a_report_of_yesterday_and_of_last_week_comes_once(
    world: World, pool: Pool, journal: PostgresJournal, projector: Projector
) -> None:
    story = Story()
    user = await _owner(pool, story)
    await world.target(user)
    await journal.append([story.deposit(), *story.buy(), *story.sell()])
    await projector.project_all()
    yesterday = (story.now.astimezone(UTC)).date()
    noon = datetime(yesterday.year, yesterday.month, yesterday.day, 12, tzinfo=UTC) + timedelta(days=1)
    clock = FakeClock(noon)
    for _ in range(2):
        after = World(pool, clock)
        await after.collect.execute()
        await after.collect.execute()

    reports = {
        one.notification.kind: one.notification
        for one in await world.targets.deliveries(user, limit=100)
        if one.notification.kind in {EventKind.DAILY_REPORT, EventKind.WEEKLY_REPORT}
    }
    assert set(reports) == {EventKind.DAILY_REPORT, EventKind.WEEKLY_REPORT}
    daily = reports[EventKind.DAILY_REPORT]
    assert daily.title == f"Day {yesterday.isoformat()}: +1 SOL on paper"
    assert daily.facts["simulation.trades"] == "1"
    assert Decimal(daily.facts["simulation.profitLossSol"]) == Decimal("1.000000001")


async def test_who_trades_is_told_when_it_changes(world: World, pool: Pool, user: UserId) -> None:
    await world.target(user)

    async def lease(epoch: int, owner: str, seconds: float) -> None:
        await pool.execute(
            "INSERT INTO engine_lease (id, epoch, owner, expires_at) VALUES (1, $1, $2, now() + make_interval(secs => $3))"
            " ON CONFLICT (id) DO UPDATE SET epoch = $1, owner = $2, expires_at = now() + make_interval(secs => $3)",
            epoch,
            owner,
            seconds,
        )
        await world.collect.execute()

    await lease(1, "one:10", 10)
    await lease(2, "one:11", 10)
    await lease(3, "two:5", 10)
    await lease(3, "two:5", -30)
    await lease(3, "two:5", -61)
    await lease(3, "two:5", -90)
    await lease(3, "two:5", 10)

    told = [
        (one.notification.level, one.notification.title)
        for one in reversed(await world.targets.deliveries(user, limit=100))
        if one.notification.kind in {EventKind.ENGINE_MOVED, EventKind.ENGINE_STOPPED}
    ]
    assert told == [
        (Level.INFO, "The engine has started again"),
        (Level.WARNING, "two trades now"),
        (Level.DANGER, "Nobody trades"),
        (Level.INFO, "The engine trades again"),
    ]


async def test_what_goes_on_is_remembered_until_it_is_over(world: World, user: UserId) -> None:
    began = a_notification(user, kind=EventKind.WALLET_LOCKED, facts={"state": "begun"})
    began = replace(began, key=f"begun:{began.id}")
    condition = Condition(user_id=user, key="wallet_locked:x", notification=began)
    await world.target(user)

    await world.conditions.change([condition], [], [began])
    await world.conditions.change([condition], [], [began])
    assert list(await world.conditions.ongoing()) == [condition]
    assert (await world.conditions.state(T0)).listeners == {user}
    # Another engine sees it as well, and sees it end when it has been said to be over: neither is told again.
    seen = a_notification(user, kind=EventKind.WALLET_LOCKED)
    seen = replace(seen, key=f"begun:{seen.id}")
    other = Condition(user_id=user, key="wallet_locked:x", notification=seen)
    await world.conditions.change([other], [], [seen])
    await world.conditions.change([], [condition], [])
    assert list(await world.conditions.ongoing()) == []
    over = a_notification(user, key=f"over:{seen.id}")
    await world.conditions.change([], [other], [over])
    assert await world.outbox.route(T0) == 1


async def test_a_user_who_is_gone_keeps_nobody_else_from_being_told(
    world: World, user: UserId, pool: Pool
) -> None:
    gone = await add_user(pool)
    await world.target(user)
    begun = Condition(user_id=gone, key="wallet_locked:1", notification=a_notification(gone))
    await world.conditions.change([begun], [], [begun.notification])
    await pool.execute("DELETE FROM users WHERE id = $1", gone)

    other = Condition(user_id=gone, key="wallet_locked:2", notification=a_notification(gone))
    mine = Condition(user_id=user, key="wallet_locked:1", notification=a_notification(user, title="mine"))
    await world.conditions.change(
        [other, mine], [begun], [a_notification(gone, title="Over"), other.notification, mine.notification]
    )

    assert await world.conditions.ongoing() == [
        replace(mine, notification=replace(mine.notification, key=f"begun:{mine.notification.id}"))
    ]
    assert await world.outbox.route(world.clock.now()) == 1


async def test_old_notifications_are_forgotten(world: World, user: UserId, pool: Pool) -> None:
    await world.target(user)
    await world.tell(
        a_notification(user, at=T0 - timedelta(days=31)), a_notification(user, title="young", at=T0)
    )
    assert await forget_old_notifications(pool, T0, 30) == 1
    (left,) = await world.targets.deliveries(user, limit=10)
    assert left.notification.title == "young"
