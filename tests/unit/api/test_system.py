"""What the administrator sees of the process."""

from __future__ import annotations

import httpx

from nexgent.api.deps import ApiValues
from nexgent.domain.administration.insight import RecentWarning, UpstreamBudget
from tests.builders import T0
from tests.fakes.api import EMAIL, FakeApi


async def test_budgets_and_warnings(api: FakeApi, client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/admin/system")).json() == {"budgets": [], "warnings": []}
    api.budgets.append(
        UpstreamBudget(name="Jupiter", limit=60, window_seconds=60.0, left=12, paused_seconds=0.5, waiting=2)
    )
    api.warnings.append(
        RecentWarning(
            event="prices.source_frozen",
            level="warning",
            count=3,
            first_at=T0,
            last_at=T0,
            fields={"source": "x"},
        )
    )

    body = (await client.get("/api/v1/admin/system")).json()

    assert body["budgets"] == [
        {
            "name": "Jupiter",
            "limit": 60,
            "windowSeconds": 60.0,
            "left": 12,
            "pausedSeconds": 0.5,
            "waiting": 2,
        }
    ]
    [warning] = body["warnings"]
    assert (warning["event"], warning["count"], warning["fields"]) == (
        "prices.source_frozen",
        3,
        {"source": "x"},
    )
    assert warning["what"].startswith("A source of prices stands still")
    assert "reachable" in warning["advice"]


async def test_health_names_the_version() -> None:
    api = FakeApi(values=ApiValues(jupiter_configured=False, admin_email=EMAIL, version="1.2.3"))
    async with api.client(None) as client:
        assert (await client.get("/api/v1/health")).json()["version"] == "1.2.3"
        assert (await client.get("/api/v1/admin/system")).status_code == 401
