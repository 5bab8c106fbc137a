"""The application for contract tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from nexgent.domain.agents.models import Agent
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.builders import an_agent
from tests.fakes.api import FakeApi

STRANGER = UserId(new_id())


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
async def agent(api: FakeApi) -> Agent:
    """An agent of the user with 10 SOL."""
    made = await api.engine.add_agent(an_agent(name="Mine"))
    api.agents.stored[made.id] = made
    return made


@pytest.fixture
async def foreign(api: FakeApi) -> Agent:
    """An agent of somebody else."""
    made = await api.engine.add_agent(an_agent(user_id=STRANGER, name="Theirs"))
    api.agents.stored[made.id] = made
    return made


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client() as made:
        yield made


@pytest.fixture
async def anonymous(api: FakeApi) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client(None) as made:
        yield made
