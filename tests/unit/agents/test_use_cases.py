"""Creating, changing and deleting agents."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.delete_agent import DeleteAgent, TradeUnderWayError
from nexgent.domain.agents.errors import OpenPositionsAtStakeError
from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.agents.update_agent import AgentChanges, UpdateAgent
from nexgent.domain.agents.update_config import UpdateConfig
from nexgent.domain.ledger.lanes import WalletClosedError
from nexgent.domain.positions.events import PositionClosed
from nexgent.shared.loops import TaskSet
from nexgent.shared.types import TokenAddress
from tests.builders import USER, an_agent
from tests.fakes.api import FakeAgents, FakeProjections
from tests.fakes.engine import FakeEngine
from tests.passes import recovered
from tests.patience import PATIENCE_SECONDS

OTHER = TokenAddress("8xQv4nYw1wJ9zK2mT7rB5cD3eF6gH1jL9pN4sV2uWyZa")


async def test_changes_of_name_and_configuration_at_once_both_stay() -> None:
    engine, agents = FakeEngine(), FakeAgents()
    agent = await engine.add_agent(an_agent())
    await agents.add(agent)

    class Interfering(FakeAgents):
        async def save(self, agent, *, store_config=None, saved_by=""):  # type: ignore[no-untyped-def]
            await UpdateConfig(
                agents=agents, directory=engine.directory, clock=engine.clock, publish=engine.bus.publish
            ).execute(agent.id, USER, {"signals": {"minScore": 3}})

    changed = await UpdateAgent(
        agents=Interfering(), directory=engine.directory, clock=engine.clock, publish=engine.bus.publish
    ).execute(agent.id, USER, AgentChanges(name="Renamed"))

    assert (changed.name, changed.config.signals.min_score) == ("Renamed", 3)
    assert engine.directory.owned(agent.id, USER) == changed


def deleting(engine: FakeEngine, agents: FakeAgents, *, patience_seconds: float = 5.0) -> DeleteAgent:
    engine.bus.on(AgentDeleted, engine.directory.on_deleted)
    return DeleteAgent(
        agents=agents,
        directory=engine.directory,
        ledger=engine.ledger,
        projections=FakeProjections(),
        publish=engine.bus.publish,
        patience_seconds=patience_seconds,
    )


async def with_an_agent(mode: TradingMode = TradingMode.SIMULATION) -> tuple[FakeEngine, FakeAgents, Agent]:
    engine, agents = FakeEngine(), FakeAgents()
    agent = an_agent()
    wallet = replace(agent.wallets[0], mode=mode)
    agent = await engine.add_agent(replace(agent, trading_mode=mode, wallets=(wallet,)))
    agents.stored[agent.id] = agent
    engine.keys.loaded.add(wallet.address)
    return engine, agents, agent


async def test_deleting_tells_of_every_position_and_empties_the_wallet_in_the_journal() -> None:
    engine, agents, agent = await with_an_agent()
    await engine.buy([agent])
    position = engine.book.of_agent(agent.id)[0].position
    engine.events.clear()

    assert await deleting(engine, agents).execute(agent.id, USER) == 1

    assert agents.stored == {}
    told = [event for event in engine.events if isinstance(event, PositionClosed | AgentDeleted)]
    assert [type(event) for event in told] == [PositionClosed, AgentDeleted]
    assert isinstance(told[0], PositionClosed)
    assert told[0].position_id == position.id
    assert len(engine.book) == 0
    wallet = agent.wallets[0].address
    assert not engine.ledger.knows(wallet)
    last = engine.journal.replay(wallet)
    assert (last.positions, last.intents, last.balances) == ({}, {}, {})
    assert engine.directory.find(agent.id) is None
    assert engine.directory.deleted_of_user(USER)[0].id == agent.id


async def an_unfinished_purchase(engine: FakeEngine, agent: Agent, tasks: TaskSet) -> asyncio.Event:
    """Let a purchase begin, and return what lets it end."""
    engine.swaps.gate = asyncio.Event()
    tasks.start(engine.buy([agent]), name="buy")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not engine.ledger.head(agent.wallets[0].address).intents:
            await asyncio.sleep(0)
    return engine.swaps.gate


async def test_an_agent_in_the_middle_of_a_trade_that_does_not_end_is_not_deleted() -> None:
    engine, agents, agent = await with_an_agent()
    tasks = TaskSet("test")
    gate = await an_unfinished_purchase(engine, agent, tasks)

    with pytest.raises(TradeUnderWayError):
        await deleting(engine, agents, patience_seconds=0.02).execute(agent.id, USER)

    assert agent.id in agents.stored
    gate.set()
    await tasks.drain(5)
    assert len(engine.book) == 1
    assert (await engine.buy([agent], OTHER))[0].position is not None, "the wallet is open again"
    assert not [event for event in engine.events if isinstance(event, AgentSaved) and event.agent != agent]


async def test_a_trade_under_way_is_waited_for_and_nothing_new_begins_meanwhile() -> None:
    engine, agents, agent = await with_an_agent()
    tasks = TaskSet("test")
    gate = await an_unfinished_purchase(engine, agent, tasks)
    deletion = asyncio.ensure_future(deleting(engine, agents, patience_seconds=60).execute(agent.id, USER))
    await engine.settle(20)

    (refused,) = await engine.buy([agent], OTHER)
    assert refused.code == WalletClosedError.code
    gate.set()

    assert await deletion == 1
    await tasks.drain(5)
    assert len(engine.book) == 0
    (gone,) = await engine.buy([agent], OTHER)
    assert gone.code == "WALLET_NOT_FOUND"


async def test_open_positions_of_a_live_wallet_have_to_be_confirmed() -> None:
    engine, agents, agent = await with_an_agent(TradingMode.LIVE)
    await engine.buy([agent], size_sol=Decimal(1))

    with pytest.raises(OpenPositionsAtStakeError) as asked:
        await deleting(engine, agents).execute(agent.id, USER)

    assert "1 open position with 1" in asked.value.message
    assert asked.value.details["openPositions"] == 1
    assert agent.id in agents.stored
    assert len(engine.book) == 1
    assert await deleting(engine, agents).execute(agent.id, USER, confirmed=True) == 1


async def test_paper_positions_are_asked_about_only_when_somebody_wants_that() -> None:
    engine, agents, agent = await with_an_agent()
    await engine.buy([agent])

    with pytest.raises(OpenPositionsAtStakeError):
        await deleting(engine, agents).execute(agent.id, USER, confirmed=False)
    assert await deleting(engine, agents).execute(agent.id, USER) == 1


async def test_buying_and_deleting_at_any_instant_leaves_no_ghost() -> None:
    for steps in range(60):
        engine, agents, agent = await with_an_agent()
        buying = asyncio.ensure_future(engine.buy([agent]))
        for _ in range(steps):
            await asyncio.sleep(0)

        await deleting(engine, agents, patience_seconds=60).execute(agent.id, USER)
        await buying

        assert len(engine.book) == 0, steps
        assert engine.ledger.states() == []
        assert engine.journal.replay(agent.wallets[0].address).positions == {}
        await recovered(engine.recovery)


async def test_a_purchase_is_decided_on_the_agent_as_it_is_at_that_instant() -> None:
    engine, _, agent = await with_an_agent()
    engine.bus.publish(AgentSaved(replace(agent, trading_mode=TradingMode.LIVE)))

    (result,) = await engine.buy([agent])

    assert result.code == "TRADING_MODE_MISMATCH"
