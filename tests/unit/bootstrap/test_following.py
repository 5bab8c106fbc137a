"""Agents of other engines: kept in memory while somebody looks at them, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

import pytest

from nexgent.bootstrap.following import KEPT_SECONDS, Following
from nexgent.bootstrap.start_up import read_agents
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.errors import JournalUnavailableError
from nexgent.domain.ledger.events import WalletsTouched
from nexgent.domain.positions.events import PositionOpened, PositionUpdated
from nexgent.shared.shards import ALL_SHARDS, shard_of
from nexgent.shared.types import AgentId, SignalId
from tests.builders import an_agent
from tests.fakes.channels import FakeChannels
from tests.fakes.engine import FakeEngine
from tests.patience import until


class Process:
    """One that shares the work, with agents that have bought; `leave` makes them another engine's."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.parts = self.engine.parts
        self.channels = FakeChannels()
        self.watched: set[AgentId] = set()
        self.read: list[set[AgentId]] = []
        self.gaps: list[int] = []
        self.following = Following(
            engine=self.parts,
            channels=self.channels,
            read=self._read,
            watched=self.watched.__contains__,
            clock=self.engine.clock,
            on_gap=lambda: self.gaps.append(len(self.read)),
        )

    async def _read(self, agents: Collection[AgentId]) -> None:
        self.read.append(set(agents))
        await read_agents(self.parts, agents, trails=self.engine.trails)

    async def agents(self, count: int) -> list[Agent]:
        agents = [await self.engine.add_agent(an_agent()) for _ in range(count)]
        await self.engine.buy(agents)
        return agents

    async def leave(self) -> None:
        self.parts.share.give_up(ALL_SHARDS)
        await self.following.before_leaving(ALL_SHARDS)
        self.following.left(ALL_SHARDS)

    def held(self, agent: Agent) -> int:
        return len(self.parts.book.of_agent(agent.id))


@pytest.fixture
def process() -> Process:
    return Process()


async def test_what_nobody_looks_at_is_not_kept_and_is_read_for_whoever_asks(process: Process) -> None:
    first, second = await process.agents(2)
    await process.following.have([first.id])
    assert process.read == [], "it is this engine's"
    await process.leave()
    assert (process.held(first), process.held(second)) == (0, 0)

    await process.following.have([first.id])

    assert (process.held(first), process.held(second)) == (1, 0)
    assert process.channels.heard == {shard_of(first.id)}
    assert process.following.keeps(first.id)
    assert not process.following.keeps(second.id)
    await process.following.have([first.id])
    assert process.read == [{first.id}], "what happens from here on is heard"


async def test_a_wallet_that_is_reset_elsewhere_is_heard_of_while_its_shard_is_read_and_had(
    process: Process,
) -> None:
    (agent,) = await process.agents(1)
    mine = 1 << shard_of(agent.id)
    await process.leave()
    assert not process.following.keeps(agent.id)
    await process.following.before_taking(mine)
    assert process.following.keeps(agent.id), "it is being read"
    process.parts.share.take_over(mine, SignalId(0))
    await process.following.tick()
    assert process.channels.heard == {shard_of(agent.id)}
    await process.leave()
    await process.following.tick()
    assert process.channels.heard == set()


async def test_several_who_ask_at_once_read_once(process: Process) -> None:
    agents = await process.agents(3)
    await process.leave()
    ids = [agent.id for agent in agents]
    await asyncio.gather(*(process.following.have(ids) for _ in range(5)))
    assert process.read == [set(ids)]


async def test_who_is_not_looked_at_any_more_is_forgotten_unless_somebody_listens(process: Process) -> None:
    first, second = await process.agents(2)
    await process.leave()
    await process.following.have([first.id, second.id])
    process.watched.add(second.id)
    process.engine.clock.advance(KEPT_SECONDS + 1)

    await process.following.tick()

    assert (process.held(first), process.held(second)) == (0, 1)
    assert process.channels.heard == {shard_of(second.id)}
    await process.following.have([first.id])
    assert process.held(first) == 1


async def test_who_listens_goes_on_to_hear_when_a_shard_is_left(process: Process) -> None:
    first, second = await process.agents(2)
    process.watched.add(first.id)
    process.parts.share.give_up(ALL_SHARDS)
    await process.following.before_leaving(ALL_SHARDS)
    assert process.channels.heard == {shard_of(first.id)}, "before anybody else trades for it"
    process.following.left(ALL_SHARDS)
    assert (process.held(first), process.held(second)) == (1, 0)
    await process.following.have([first.id])
    assert process.read == []


async def test_an_agent_that_comes_here_is_kept_by_having_its_shard(process: Process) -> None:
    (agent,) = await process.agents(1)
    await process.leave()
    await process.following.have([agent.id])
    process.parts.share.take_over(ALL_SHARDS, SignalId(0))
    process.engine.clock.advance(KEPT_SECONDS + 1)
    await process.following.tick()
    assert process.held(agent) == 1
    assert process.channels.heard == set()


async def test_while_redis_says_nothing_agents_are_read_each_time(process: Process) -> None:
    (agent,) = await process.agents(1)
    await process.leave()
    process.channels.answers = False
    for _ in range(2):
        await process.following.have([agent.id])
        assert process.held(agent) == 1
    assert len(process.read) == 2
    process.channels.answers = True
    for _ in range(2):
        await process.following.have([agent.id])
    assert len(process.read) == 3


async def test_after_a_gap_everybody_who_is_followed_is_read_again_and_nothing_else_is_believed(
    process: Process,
) -> None:
    first, second = await process.agents(2)
    await process.leave()
    await process.following.have([first.id])
    await process.following.read_again()
    assert process.read == [{first.id}, {first.id}]
    assert process.gaps == [2], "whoever listens is shown everything anew"
    ledger = process.parts.ledger
    assert ledger.is_current(first.wallets[0].address)
    assert not ledger.is_current(second.wallets[0].address)


async def test_a_reading_that_fails_is_made_good_by_the_next(process: Process) -> None:
    (agent,) = await process.agents(1)
    await process.leave()
    process.engine.journal.down = True
    with pytest.raises(JournalUnavailableError):
        await process.following.have([agent.id])
    process.engine.journal.down = False
    await process.following.have([agent.id])
    assert process.held(agent) == 1


async def test_what_is_written_while_positions_are_read_is_read_once_more(process: Process) -> None:
    (agent,) = await process.agents(1)
    await process.leave()
    trails, loads = process.engine.trails, 0
    load = trails.load

    async def slowly(positions: object = None) -> object:
        nonlocal loads
        loads += 1
        if loads == 1:
            process.parts.ledger.on_touched(WalletsTouched([agent.wallets[0].address]))
        return await load()

    trails.load = slowly  # type: ignore[method-assign, assignment]
    await process.following.have([agent.id])
    assert loads == 2
    assert process.held(agent) == 1


async def test_what_prices_did_to_a_position_elsewhere_is_taken_over_and_not_stored_here(
    process: Process,
) -> None:
    (agent,) = await process.agents(1)
    await process.leave()
    await process.following.have([agent.id])
    held = process.engine.held(agent)
    saves = process.engine.trails.saves
    higher = replace(held.trail, peak_price_sol=held.trail.peak_price_sol * 2)
    process.engine.bus.publish(PositionUpdated(held.position, higher))
    assert process.engine.held(agent).trail.peak_price_sol == higher.peak_price_sol
    newer = replace(held.position, version=held.position.version + 1)
    process.engine.bus.publish(PositionUpdated(newer, newer.base_trail))
    process.engine.bus.publish(PositionUpdated(held.position, higher))
    assert process.engine.held(agent).position == newer, "an older one says nothing"
    process.engine.bus.publish(PositionOpened(newer, newer.base_trail))
    await process.engine.settle()
    assert process.engine.trails.saves == saves
    await until(lambda: process.held(agent) == 1, "it is there")
