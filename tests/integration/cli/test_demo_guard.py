"""The demo and a database of the operator's own."""

from __future__ import annotations

import asyncpg
import pytest

from nexgent.cli.demo import require_no_live_wallets
from nexgent.cli.demo_files import RealMarketDataError
from nexgent.shared.ids import new_id


async def _assign(database_url: str, kind: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        user, agent = new_id(), new_id()
        await connection.execute("INSERT INTO users (id, email) VALUES ($1, $2)", user, f"{user}@example.com")
        await connection.execute(
            "INSERT INTO agents (id, user_id, name, updated_at) VALUES ($1, $2, 'A', now())", agent, user
        )
        await connection.execute(
            "INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, updated_at) VALUES ($1, $2, $3, now())",
            str(agent)[:32],
            agent,
            kind,
        )
    finally:
        await connection.close()


async def test_a_database_with_live_wallets_is_refused(database_url: str) -> None:
    await require_no_live_wallets(database_url)
    await _assign(database_url, "simulation")
    await require_no_live_wallets(database_url)
    await _assign(database_url, "live")
    with pytest.raises(RealMarketDataError, match="DATABASE_URL= make run"):
        await require_no_live_wallets(database_url)


async def test_a_database_that_is_away_is_left_to_the_service_to_explain() -> None:
    await require_no_live_wallets("postgresql://nobody@127.0.0.1:1/nothing")


async def test_an_empty_database_is_nobodys(postgres_url: str) -> None:
    await require_no_live_wallets(postgres_url)
