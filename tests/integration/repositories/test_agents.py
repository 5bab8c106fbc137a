"""Agents against a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from nexgent.domain.agents.config import DEFAULT_CONFIG, update_config
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.agents.ports import AgentRepository
from nexgent.infrastructure.database.stores.agents import AgentConflictError, PostgresAgentRepository
from nexgent.shared.types import UserId, WalletAddress
from tests.builders import T0, an_agent
from tests.integration.repositories.conftest import Pool


async def test_an_agent_comes_back_as_it_was_added(pool: Pool, user_id: UserId) -> None:
    repository: AgentRepository = PostgresAgentRepository(pool)
    agent = an_agent(user_id=user_id)

    await repository.add(agent)

    assert await repository.get(agent.id) == agent
    assert list(await repository.list_all()) == [agent]
    assert await pool.fetchval("SELECT trading_config FROM agents") is None


async def test_saving_changes_what_it_says_and_the_configuration_only_when_asked(
    pool: Pool, user_id: UserId
) -> None:
    repository = PostgresAgentRepository(pool)
    agent = an_agent(user_id=user_id)
    await repository.add(agent)
    config = update_config(DEFAULT_CONFIG, {"stopLoss": {"defaultPercentage": -12.5}})
    changed = replace(
        agent,
        name="Renamed",
        trading_mode=TradingMode.LIVE,
        automated_trading_live=False,
        config=config,
        updated_at=T0 + timedelta(hours=1),
    )

    await repository.save(changed)
    assert await repository.get(agent.id) == replace(changed, config=DEFAULT_CONFIG)

    await repository.save(changed, store_config=True)
    stored = await repository.get(agent.id)
    assert stored == changed
    assert stored is not None
    assert stored.config.stop_loss.default_percentage == Decimal("-12.5")

    await repository.save(changed, store_config=False)
    assert await repository.get(agent.id) == replace(changed, config=DEFAULT_CONFIG)


async def test_saving_a_deleted_agent_is_an_error(pool: Pool, user_id: UserId) -> None:
    repository = PostgresAgentRepository(pool)
    agent = an_agent(user_id=user_id)
    await repository.add(agent)
    await repository.delete(agent.id)

    with pytest.raises(AgentNotFoundError):
        await repository.save(agent)
    assert await repository.get(agent.id) is None
    assert await pool.fetchval("SELECT count(*) FROM agent_wallets") == 0


async def test_a_taken_address_adds_nothing(pool: Pool, user_id: UserId) -> None:
    repository = PostgresAgentRepository(pool)
    first, second = an_agent(user_id=user_id), an_agent(user_id=user_id)
    await repository.add(first)
    taken = replace(second.wallets[0], address=first.wallets[0].address)

    with pytest.raises(AgentConflictError, match="address is already assigned"):
        await repository.add(replace(second, wallets=(taken,)))

    assert list(await repository.list_all()) == [first]


async def test_wallets_are_added_and_removed(pool: Pool, user_id: UserId) -> None:
    repository = PostgresAgentRepository(pool)
    agent = an_agent(user_id=user_id)
    await repository.add(agent)
    live = Wallet(WalletAddress("Live1111"), agent.id, TradingMode.LIVE, T0 + timedelta(1), T0 + timedelta(1))

    await repository.add_wallet(live)
    assert await repository.get(agent.id) == replace(agent, wallets=(*agent.wallets, live))
    with pytest.raises(AgentConflictError, match="already has a wallet of this type"):
        await repository.add_wallet(replace(live, address=WalletAddress("Live2222")))
    with pytest.raises(AgentNotFoundError):
        await repository.add_wallet(replace(live, address=WalletAddress("Live3"), agent_id=an_agent().id))

    assert await repository.remove_wallet(live.address)
    assert not await repository.remove_wallet(live.address)
    assert await repository.get(agent.id) == agent


@pytest.mark.parametrize("stored", ['{"stopLoss": {"defaultPercentage": 5}}', '"text"', '{"dca": 1}'])
async def test_a_broken_configuration_stops_the_agent_and_nobody_else(
    pool: Pool, user_id: UserId, stored: str
) -> None:
    repository = PostgresAgentRepository(pool)
    healthy, broken = an_agent(user_id=user_id, name="a"), an_agent(user_id=user_id, name="b")
    await repository.add(healthy)
    await repository.add(broken)
    await pool.execute("UPDATE agents SET trading_config = $2::jsonb WHERE id = $1", broken.id, stored)

    with capture_logs() as logs:
        agents = {agent.id: agent for agent in await repository.list_all()}

    assert agents[healthy.id] == healthy
    loaded = agents[broken.id]
    assert loaded == replace(broken, automated_trading_simulation=False, automated_trading_live=False)
    assert any(
        line["event"] == "agent.config_problem" and line["agent_id"] == str(broken.id) for line in logs
    )

    await repository.save(replace(loaded, name="renamed"))
    row = await pool.fetchrow("SELECT * FROM agents WHERE id = $1", broken.id)
    assert row is not None
    assert (row["name"], row["automated_trading_simulation"], row["automated_trading_live"]) == (
        "renamed",
        True,
        True,
    )

    await repository.save(replace(loaded, automated_trading_simulation=True), store_config=True)
    assert await repository.get(broken.id) == replace(broken, automated_trading_live=False)


async def test_a_thousand_agents_share_what_is_equal(pool: Pool, user_id: UserId) -> None:
    await pool.execute(
        """INSERT INTO agents (id, user_id, name, trading_config, created_at, updated_at)
           SELECT gen_random_uuid(), $1, 'agent', '{"stopLoss": {"defaultPercentage": -20}}', now(), now()
           FROM generate_series(1, 1000)""",
        user_id,
    )
    await pool.execute(
        """INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, created_at, updated_at)
           SELECT 'sim_' || replace(id::text, '-', ''), id, 'simulation', now(), now() FROM agents"""
    )
    repository = PostgresAgentRepository(pool)

    agents = await repository.list_all()

    assert len(agents) == 1_000
    assert all(len(agent.wallets) == 1 for agent in agents)
    assert len({id(agent.config) for agent in agents}) == 1
