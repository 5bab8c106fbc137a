"""The application on a real socket, reading real tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace

import httpx
import pytest
import uvicorn

from nexgent.domain.agents.models import Agent
from nexgent.infrastructure.database.stores.agents import PostgresAgentRepository
from nexgent.infrastructure.database.stores.queries import (
    PostgresClosedTradeQueries,
    PostgresSignalQueries,
    PostgresTransactionQueries,
)
from nexgent.shared.tls import verification
from tests.builders import USER, an_agent
from tests.fakes.api import FakeApi
from tests.integration.repositories.conftest import Pool, pool
from tests.patience import PATIENCE_SECONDS

__all__ = ["pool"]


@dataclass(frozen=True)
class Service:
    """A running service with one agent."""

    agent: Agent
    pool: Pool
    client: httpx.AsyncClient
    url: str
    port: int


@pytest.fixture
async def service(pool: Pool) -> AsyncIterator[Service]:
    """The HTTP interface over the tables of a fresh database, served by uvicorn on a port of its own."""
    await pool.execute("INSERT INTO users (id, email) VALUES ($1, 'owner@example.com')", USER)
    api = FakeApi()
    agent = await api.engine.add_agent(an_agent())
    await PostgresAgentRepository(pool).add(agent)
    api.app.state.services = replace(
        api.services,
        signals=PostgresSignalQueries(pool),
        transactions=PostgresTransactionQueries(pool),
        closed_trades=PostgresClosedTradeQueries(pool),
    )
    server = uvicorn.Server(
        uvicorn.Config(api.app, host="127.0.0.1", port=0, log_config=None, lifespan="off")
    )
    running = asyncio.create_task(server.serve())
    while not server.started:
        assert not running.done()
        await asyncio.sleep(0)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}/api/v1"
    headers = {"authorization": f"Bearer {api.token()}"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=PATIENCE_SECONDS, verify=verification(url)
    ) as client:
        yield Service(agent, pool, client, url, port)
    server.should_exit = server.force_exit = True
    with suppress(asyncio.CancelledError):
        await running
