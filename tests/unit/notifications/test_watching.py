"""The engine looks at what needs attention, and says when nothing comes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.attention.notices import Asked, ListNotices, Notice, NoticeKind, Severity
from nexgent.domain.ledger.share import LEADING, EngineShare
from nexgent.domain.notifications.models import Notification, OutboxState
from nexgent.domain.notifications.ports import Condition
from nexgent.domain.notifications.watch_conditions import FailingTargets, KnownOutbox, WatchConditions
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.shards import ALL_SHARDS, shard_of
from nexgent.shared.types import SignalId, UserId
from tests.builders import T0, a_target, an_agent
from tests.fakes.clock import FakeClock

USER = UserId(new_id())


class Store:
    """Conditions in memory, which may be away."""

    def __init__(self, *listeners: UserId) -> None:
        self.listeners = frozenset(listeners)
        self.kept: dict[tuple[UserId, str], Condition] = {}
        self.told: list[Notification] = []
        self.away = False

    async def ongoing(self) -> Sequence[Condition]:
        return list(self.kept.values())

    async def change(
        self, begun: Sequence[Condition], over: Sequence[Condition], notifications: Sequence[Notification]
    ) -> None:
        if self.away:
            raise UnavailableError("away")
        self.kept.update({(one.user_id, one.key): one for one in begun})
        for one in over:
            self.kept.pop((one.user_id, one.key))
        self.told += notifications

    async def state(self, now: datetime) -> OutboxState:
        return OutboxState(listeners=self.listeners)


class Trouble:
    """Says of every agent, and of the service, that something is the matter."""

    def __init__(self) -> None:
        self.asked = 0

    def of(self, asked: Asked) -> list[Notice]:
        self.asked += 1
        general = Notice(kind=NoticeKind.ENGINE_NOT_READY, severity=Severity.DANGER, text="Nothing is traded")
        return [
            general,
            *(
                Notice(
                    kind=NoticeKind.PROTECTION,
                    severity=Severity.WARNING,
                    text="buys nothing",
                    agent_id=agent.id,
                    agent_name=agent.name,
                )
                for agent in asked.agents
            ),
        ]


class World:
    def __init__(self, *listeners: UserId) -> None:
        self.clock, self.store, self.trouble = FakeClock(T0), Store(*listeners), Trouble()
        self.directory = AgentDirectory()
        self.engine, self.share = True, EngineShare()
        self.outbox = KnownOutbox(store=self.store, clock=self.clock)
        self.watching = WatchConditions(
            store=self.store,
            outbox=self.outbox,
            notices=ListNotices(directory=self.directory, sources=[self.trouble], clock=self.clock),
            is_engine=lambda: self.engine,
            clock=self.clock,
            share=self.share,
        )

    async def look(self) -> list[str]:
        await self.outbox.refresh()
        before = len(self.store.told)
        await self.watching.tick()
        return sorted(one.title for one in self.store.told[before:])


async def test_each_agent_and_the_service_are_told_once() -> None:
    world = World(USER)
    world.directory.load([replace(an_agent(user_id=USER), name=name) for name in ("Alpha", "Beta")])
    assert await world.look() == ["Alpha: A protection has tripped", "Beta: A protection has tripped"]
    world.clock.advance(30)
    assert await world.look() == ["Nothing is traded"]
    assert await world.look() == []


async def test_who_wants_to_hear_nothing_is_not_looked_at_and_only_the_engine_tells() -> None:
    world = World()
    assert await world.look() == []
    assert world.trouble.asked == 0
    world = World(USER)
    world.engine = False
    world.clock.advance(600)
    assert await world.look() == []
    assert world.trouble.asked == 0


async def test_of_several_engines_each_tells_of_its_agents_and_whoever_leads_of_the_service() -> None:
    world = World(USER)
    agents = [replace(an_agent(user_id=USER), name=f"Agent {number}") for number in range(40)]
    world.directory.load(agents)
    others = ALL_SHARDS & ~((1 << 32) - 1)
    world.share.give_up(others)
    mine = [agent for agent in agents if shard_of(agent.id) < 32]
    assert 0 < len(mine) < 40

    assert await world.look() == sorted(f"{agent.name}: A protection has tripped" for agent in mine)
    world.clock.advance(30)
    assert await world.look() == ["Nothing is traded"]
    # The other ones come here. What is told of them has been told, and goes on.
    world.share.take_over(others, SignalId(0))
    world.share.give_up(LEADING)
    theirs = {f"{agent.name}: A protection has tripped" for agent in agents if shard_of(agent.id) >= 32}
    assert set(await world.look()) == theirs
    world.share.give_up(ALL_SHARDS)
    world.clock.advance(600)
    assert await world.look() == []
    assert len(world.store.kept) == 41, "nobody says that what is another engine's is over"


async def test_what_could_not_be_noted_is_told_when_the_database_is_back() -> None:
    world = World(USER)
    world.directory.load([an_agent(user_id=USER)])
    world.store.away = True
    with pytest.raises(UnavailableError):
        await world.look()
    world.store.away = False
    assert len(await world.look()) == 1


def test_targets_that_take_nothing_and_a_worker_that_does_not_run_are_noticed() -> None:
    failing = a_target(USER, failing_since=T0, last_error="no connection")
    stranger = a_target(UserId(new_id()), failing_since=T0)
    state = OutboxState(failing=(failing, stranger), listeners=frozenset({USER}), overdue_seconds=120)
    source = FailingTargets(lambda: state)

    assert list(source.of(Asked(USER, (), T0 + timedelta(seconds=59)))) == []
    (notice,) = source.of(Asked(USER, (), T0 + timedelta(seconds=60)))
    assert notice.text == "Nothing comes through to Phone (ntfy://… (ntfy)): no connection"
    assert notice.kind is NoticeKind.NOTIFICATIONS

    state = OutboxState(listeners=frozenset({USER}), overdue_seconds=61)
    (notice,) = source.of(Asked(USER, (), T0))
    assert "does the worker run?" in notice.text
    assert list(source.of(Asked(UserId(new_id()), (), T0))) == []
    state = OutboxState(listeners=frozenset({USER}), overdue_seconds=59)
    assert list(source.of(Asked(USER, (), T0))) == []
