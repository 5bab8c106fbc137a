"""Creating, changing and deleting agents."""

from __future__ import annotations

import asyncio

import pytest

from nexgent.domain.agents.delete_agent import DeleteAgent, TradeUnderWayError
from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.agents.update_agent import AgentChanges, UpdateAgent
from nexgent.domain.agents.update_config import UpdateConfig
from nexgent.domain.positions.events import PositionClosed
from nexgent.shared.loops import TaskSet
from tests.fakes.api import FakeAgents
from tests.fakes.engine import USER, FakeEngine, an_agent
from tests.patience import PATIENCE_SECONDS


async def test_changes_of_name_and_configuration_at_once_both_stay() -> None:
    engine, agents = FakeEngine(), FakeAgents()
    agent = await engine.add_agent(an_agent())

    class Interfering(FakeAgents):
        async def save(self, agent, *, store_config=None):  # type: ignore[no-untyped-def]
            await UpdateConfig(
                agents=agents, directory=engine.directory, clock=engine.clock, publish=engine.bus.publish
            ).execute(agent.id, USER, {"signals": {"minScore": 3}})

    changed = await UpdateAgent(
        agents=Interfering(), directory=engine.directory, clock=engine.clock, publish=engine.bus.publish
    ).execute(agent.id, USER, AgentChanges(name="Renamed"))

    assert (changed.name, changed.config.signals.min_score) == ("Renamed", 3)
    assert engine.directory.owned(agent.id, USER) == changed


async def test_deleting_tells_of_every_position() -> None:
    engine, agents = FakeEngine(), FakeAgents()
    agent = await engine.add_agent(an_agent())
    agents.stored[agent.id] = agent
    await engine.buy([agent])
    position = engine.book.of_agent(agent.id)[0].position
    told: list[object] = []

    await DeleteAgent(
        agents=agents, directory=engine.directory, ledger=engine.ledger, publish=told.append
    ).execute(agent.id, USER)

    assert agents.stored == {}
    assert [type(event) for event in told] == [PositionClosed, AgentDeleted]
    assert isinstance(told[0], PositionClosed)
    assert told[0].position_id == position.id
    assert not engine.ledger.knows(agent.wallets[0].address)


async def test_an_agent_in_the_middle_of_a_trade_is_not_deleted() -> None:
    engine, agents = FakeEngine(), FakeAgents()
    agent = await engine.add_agent(an_agent())
    agents.stored[agent.id] = agent
    engine.swaps.gate = asyncio.Event()
    tasks = TaskSet("test")
    tasks.start(engine.buy([agent]), name="buy")
    wallet = agent.wallets[0].address
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not engine.ledger.head(wallet).intents:
            await asyncio.sleep(0)

    with pytest.raises(TradeUnderWayError):
        await DeleteAgent(
            agents=agents, directory=engine.directory, ledger=engine.ledger, publish=engine.bus.publish
        ).execute(agent.id, USER)

    assert agent.id in agents.stored
    engine.swaps.gate.set()
    await tasks.drain(5)
    assert len(engine.book) == 1
    assert not [event for event in engine.events if isinstance(event, AgentSaved) and event.agent != agent]
