"""`/agents`."""

from __future__ import annotations

import re
from uuid import UUID

import httpx
import pytest

from nexgent.domain.agents.config import DEFAULT_CONFIG, to_json_dict
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import AgentId
from tests.fakes.api import FakeApi

KEYS = {
    "id",
    "userId",
    "name",
    "tradingMode",
    "automatedTradingSimulation",
    "automatedTradingLive",
    "createdAt",
    "updatedAt",
}


async def test_created_agents_have_a_paper_wallet_and_are_listed_newest_first(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    response = await client.post(
        "/api/v1/agents", json={"name": "  Second ", "tradingMode": "live", "bio": 1}
    )

    assert response.status_code == 201
    made = response.json()
    assert set(made) == KEYS
    assert (made["name"], made["tradingMode"]) == ("Second", "live")
    stored = api.agents.stored[AgentId(UUID(made["id"]))]
    assert [wallet.mode for wallet in stored.wallets] == [TradingMode.SIMULATION]
    assert re.fullmatch(r"sim_[1-9A-HJ-NP-Za-km-z]{30,40}", stored.wallets[0].address)
    listed = (await client.get("/api/v1/agents?userId=ignored")).json()
    assert [one["id"] for one in listed] == [made["id"], str(agent.id)]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "name", "Required"),
        ({"name": None}, "name", "Expected string, received null"),
        ({"name": "ab"}, "name", "String must contain at least 3 character(s)"),
        ({"name": "x" * 51}, "name", "String must contain at most 50 character(s)"),
        (
            {"name": "abc", "tradingMode": "paper"},
            "tradingMode",
            "Invalid enum value. Expected 'simulation' | 'live', received 'paper'",
        ),
    ],
)
async def test_creation_is_validated(
    client: httpx.AsyncClient, body: dict[str, object], field: str, message: str
) -> None:
    response = await client.post("/api/v1/agents", json=body)

    assert response.status_code == 400
    assert response.json()["details"] == {"errors": [{"field": field, "message": message}]}


async def test_blank_names_are_refused(client: httpx.AsyncClient, agent: Agent) -> None:
    created = await client.post("/api/v1/agents", json={"name": "     "})
    renamed = await client.put(f"/api/v1/agents/{agent.id}", json={"name": "     "})

    assert created.status_code == renamed.status_code == 400
    assert created.json()["error"] == renamed.json()["error"] == "Name is required"


async def test_changes_are_seen_at_once(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    await client.get("/api/v1/agents")

    response = await client.put(
        f"/api/v1/agents/{agent.id}", json={"automatedTradingSimulation": False, "tradingMode": "live"}
    )

    assert response.status_code == 200
    assert response.json()["automatedTradingSimulation"] is False
    assert (await client.get("/api/v1/agents")).json() == [response.json()]
    assert api.engine.directory.owned(agent.id, agent.user_id).trading_mode is TradingMode.LIVE


async def test_updates_are_checked_in_the_contracts_order(client: httpx.AsyncClient, agent: Agent) -> None:
    invalid = await client.put("/api/v1/agents/nonsense", json={"name": 1})
    malformed = await client.put("/api/v1/agents/nonsense", json={"name": "abc"})
    empty = await client.put(f"/api/v1/agents/{agent.id}", json={})
    missing = await client.put("/api/v1/agents/00000000-0000-4000-8000-000000000000", json={"name": "abc"})

    assert invalid.json()["error"] == "Validation failed"
    assert malformed.json()["error"] == "Invalid agent ID format"
    assert "At least one field is required" in empty.json()["error"]
    assert (missing.status_code, missing.json()["error"]) == (404, "Agent not found")


async def test_a_store_that_is_away_changes_nothing(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent
) -> None:
    api.agents.failure = UnavailableError("The database is not available at present")

    response = await client.put(f"/api/v1/agents/{agent.id}", json={"name": "Other"})

    assert response.status_code == 503
    assert (await client.get(f"/api/v1/agents/{agent.id}")).json()["name"] == "Mine"


async def test_deleting(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    response = await client.delete(f"/api/v1/agents/{agent.id}")

    assert response.json() == {"success": True, "message": "Agent deleted successfully", "openPositions": 0}
    assert (await client.get(f"/api/v1/agents/{agent.id}")).status_code == 404
    assert agent.id not in api.agents.stored


class TestConfig:
    async def test_a_fresh_agent_has_the_defaults(self, client: httpx.AsyncClient, agent: Agent) -> None:
        response = await client.get(f"/api/v1/agents/{agent.id}/config")

        assert response.json() == {"config": to_json_dict(DEFAULT_CONFIG)}

    @pytest.mark.parametrize("verb", ["PUT", "PATCH"])
    async def test_both_verbs_merge(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent, verb: str
    ) -> None:
        path = f"/api/v1/agents/{agent.id}/config"

        response = await client.request(
            verb,
            path,
            json={"config": {"stopLoss": {"defaultPercentage": -20.5}, "signals": {"marketCapMin": 5}}},
        )

        config = response.json()["config"]
        assert config["stopLoss"]["defaultPercentage"] == -20.5
        assert config["stopLoss"]["enabled"] is True
        assert config["signals"]["marketCapMin"] == 5
        assert (await client.get(path)).json() == response.json()
        assert api.agents.config_stored[agent.id] is True

        cleared = await client.request(verb, path, json={"config": None})
        assert cleared.json() == {"config": to_json_dict(DEFAULT_CONFIG)}
        assert api.agents.config_stored[agent.id] is False

    async def test_all_problems_are_listed(self, client: httpx.AsyncClient, agent: Agent) -> None:
        response = await client.put(
            f"/api/v1/agents/{agent.id}/config",
            json={"config": {"signals": {"minScore": 9}, "stopLoss": {"defaultPercentage": 5}}},
        )

        assert response.status_code == 400
        body = response.json()
        assert body["error"] == "Invalid trading configuration"
        assert [detail.split(":")[0] for detail in body["details"]] == [
            "signals.minScore",
            "stopLoss.defaultPercentage",
        ]

    async def test_the_key_must_be_there(self, client: httpx.AsyncClient, agent: Agent) -> None:
        response = await client.put(f"/api/v1/agents/{agent.id}/config", json={"stopLoss": {}})

        assert (response.status_code, response.json()["error"]) == (400, "Config is required in request body")
