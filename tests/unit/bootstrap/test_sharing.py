"""Taking shards over by the parts a service puts together: what others did unheard is known before anything begins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nexgent.bootstrap.sharing import Sharing, SharingPorts, build_sharing
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.protections.refresh import RefreshProtections
from nexgent.infrastructure.database.lease import Balance
from nexgent.shared.shards import ALL_SHARDS, shard_of
from tests.builders import a_config, an_agent
from tests.fakes.channels import FakeChannels
from tests.fakes.engine import FakeEngine, Nobody
from tests.fakes.protections import FakeProtectionStore


class Storage:
    """What two engines have in common: the lease, the agents, and nothing else of interest here."""

    def __init__(self) -> None:
        self.agents: dict[Any, Agent] = {}
        self.shards = {"one": ALL_SHARDS, "two": 0}

    async def list_all(self) -> list[Agent]:
        return list(self.agents.values())

    async def list_deleted(self) -> list[Agent]:
        return []

    async def load(self, *_: object) -> list[Any]:
        return []


class Lease:
    """One engine's view of the lease."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage, self._name = storage, name

    @property
    def shards(self) -> int:
        return self._storage.shards[self._name]

    async def balance(self) -> Balance:
        return Balance(2, self.shards, 0)

    async def newest_signal(self) -> int:
        return 0


class Heard(FakeChannels):
    """Channels on which nothing is said."""

    async def until_listening(self) -> None:
        return


class AnEngine:
    """One of two engines. What one of them says of agents the other one does not hear."""

    def __init__(self, storage: Storage, name: str, other: AnEngine | None = None) -> None:
        self.engine: FakeEngine = FakeEngine(other.engine.journal if other is not None else None)
        self.engine.parts.share.give_up(ALL_SHARDS)
        nobody: Any = Nobody()
        agents: Any = storage
        lease: Any = Lease(storage, name)
        bridge: Any = Heard()

        async def nothing(*_: object) -> None:
            return

        self.sharing: Sharing = build_sharing(
            SharingPorts(
                engine=self.engine.parts,
                lease=lease,
                bridge=bridge,
                mirror=nobody,
                hub=nobody,
                agents=agents,
                trails=agents,
                guard=self.engine.protections,
                refresh_protections=RefreshProtections(
                    store=FakeProtectionStore(), protections=self.engine.protections, clock=self.engine.clock
                ),
                on_read=nothing,
                on_moved=lambda *_: None,
                lock_keys=lambda _: None,
                sol_price=nobody,
                clock=self.engine.clock,
            ),
            max_price_age_seconds=10,
        )

    def blocks(self, agent: Agent) -> bool:
        """Tell whether what it knows of the agent keeps it from buying for a whole SOL."""
        known = self.engine.directory.find(agent.id)
        assert known is not None
        state = self.engine.ledger.head(agent.wallets[0].address)
        verdict = self.engine.protections.check(
            known, state, self.engine.clock.now(), size_lamports=1_000_000_000
        )
        return verdict.blocked


@pytest.mark.parametrize("gap", [True, False])
async def test_protections_that_were_changed_elsewhere_hold_where_the_agent_is_taken_over(gap: bool) -> None:
    storage = Storage()
    one = AnEngine(storage, "one")
    two = AnEngine(storage, "two", one)
    agent = await one.engine.add_agent(an_agent(a_config()))
    storage.agents[agent.id] = agent
    two.engine.directory.load([agent])
    two.engine.protections.know([agent])
    await one.sharing.shards.tick()
    await two.sharing.shards.tick()
    assert not one.blocks(agent)

    careful = replace(
        agent, config=a_config({"protections": {"maxExposureSol": 0.5, "tokenCooldownMinutes": 30}})
    )
    storage.agents[agent.id] = careful
    one.engine.bus.publish(AgentSaved(careful))
    assert one.blocks(agent)
    assert agent.id not in two.engine.protections.protected

    if gap:
        # It knows that it has missed something, before it has the shard.
        two.sharing.shards.missed_events()
        await two.sharing.shards.tick()
        assert agent.id in two.engine.protections.protected
    storage.shards = {"one": 0, "two": 1 << shard_of(agent.id)}
    await two.sharing.shards.tick()

    assert two.blocks(agent)
    assert agent.id in two.engine.protections.protected
    assert agent.id in two.engine.protections.cooldowns
