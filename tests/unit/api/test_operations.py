"""Health, metrics, prices, documentation, and what every response has."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from pydantic import SecretStr

from nexgent.api.app import ENDPOINTS, allowed_methods, create_api
from nexgent.api.deps import ApiValues
from nexgent.api.http.access import Access
from nexgent.api.http.route import PREFIX
from nexgent.api.v1.health import router as health_router
from nexgent.domain.agents.models import Agent
from nexgent.domain.users.models import Scope
from nexgent.infrastructure.metrics.metrics import Metrics
from tests.fakes.api import FakeApi

AWAY = ConnectionError("away")


class TestHealth:
    async def test_all_well(self, anonymous: httpx.AsyncClient) -> None:
        body = (await anonymous.get("/api/v1/health")).json()

        assert body["status"] == "healthy"
        assert body["uptime"] == 12
        assert body["services"]["database"]["status"] == "healthy"
        assert isinstance(body["services"]["queue"]["latency"], int)
        ready = (await anonymous.get("/api/v1/health/ready")).json()
        assert (ready["ready"], set(ready)) == (True, {"ready", "timestamp", "engine"})
        assert ready["engine"] == body["engine"]
        assert (ready["engine"]["role"], ready["engine"]["unresolved"]) == ("engine", 0)
        live = (await anonymous.get("/api/v1/health/live")).json()
        assert (live["alive"], live["uptime"]) == (True, 12)

    async def test_late_prices_are_told(self, api: FakeApi, anonymous: httpx.AsyncClient) -> None:
        api.health.lateness = "prices were not looked at for 2.0 s"

        for path in ("/api/v1/health", "/api/v1/health/ready"):
            answer = await anonymous.get(path)
            assert (answer.status_code, answer.json()["message"]) == (200, api.health.lateness)
            assert answer.json().get("degraded", answer.json().get("status")) in (True, "degraded")

    async def test_without_redis_it_is_degraded(self, api: FakeApi, anonymous: httpx.AsyncClient) -> None:
        api.servers.redis = AWAY

        health = await anonymous.get("/api/v1/health")
        ready = await anonymous.get("/api/v1/health/ready")

        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert health.json()["services"]["redis"] == {"status": "unhealthy"}
        assert (ready.status_code, ready.json()["degraded"]) == (200, True)

    async def test_without_a_database_it_is_not_ready(
        self, api: FakeApi, anonymous: httpx.AsyncClient
    ) -> None:
        api.servers.database = AWAY

        assert (await anonymous.get("/api/v1/health")).status_code == 503
        ready = await anonymous.get("/api/v1/health/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert (await anonymous.get("/api/v1/health/live")).status_code == 200

    async def test_a_starting_engine_is_not_ready(self, api: FakeApi, anonymous: httpx.AsyncClient) -> None:
        api.health.reason = "Open trades are being settled"

        ready = await anonymous.get("/api/v1/health/ready")

        assert (ready.status_code, ready.json()["message"]) == (503, "Open trades are being settled")

    async def test_a_server_that_hangs_does_not_hang_the_probe(
        self, api: FakeApi, anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health_router, "CHECK_SECONDS", 0.02)

        async def hang(_self: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(type(api.servers), "check_redis", hang)

        assert (await anonymous.get("/api/v1/health")).json()["status"] == "degraded"

    async def test_the_short_path_leads_there(self, anonymous: httpx.AsyncClient) -> None:
        response = await anonymous.get("/health")

        assert (response.status_code, response.headers["location"]) == (302, "/api/v1/health")


class TestMetrics:
    @pytest.fixture
    def api(self) -> FakeApi:
        """What nothing was asked of before."""
        return FakeApi(metrics=Metrics())

    async def test_routes_are_counted_by_template(self, client: httpx.AsyncClient, agent: Agent) -> None:
        await client.get(f"/api/v1/agents/{agent.id}")
        await client.get("/nowhere/1")

        response = await client.get("/api/v1/metrics")

        assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'api_requests_total{method="GET",path="/api/v1/agents/{id}",status="200"} 1.0' in response.text
        assert 'api_requests_total{method="GET",path="unmatched",status="404"} 1.0' in response.text
        assert "/nowhere" not in response.text
        assert "signal_processing_latency_seconds" in response.text

    async def test_closed_by_default_open_by_token_or_setting(self) -> None:
        token = "prometheus-0123456789"
        values = ApiValues(jupiter_configured=False, metrics_token=SecretStr(token))
        async with FakeApi(values=values).client(None) as client:
            assert (await client.get("/api/v1/metrics")).status_code == 401
            headers = {"authorization": f"Bearer {token}"}
            assert (await client.get("/api/v1/metrics", headers=headers)).status_code == 200
            wrong = {"authorization": f"Bearer {token}x"}
            assert (await client.get("/api/v1/metrics", headers=wrong)).status_code == 401
        public = ApiValues(jupiter_configured=False, metrics_public=True)
        async with FakeApi(values=public).client(None) as client:
            assert (await client.get("/api/v1/metrics")).status_code == 200


async def test_sol_price(api: FakeApi, client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/price-feeds/sol-usd")

    body = response.json()
    assert set(body) == {"price", "lastUpdated", "isStale", "source"}
    # Nothing was ever received: the contract's placeholder, marked as stale.
    assert api.engine.sol_price.latest() is None
    assert body == {"price": "100.00000000", "lastUpdated": None, "isStale": True, "source": "pyth"}


async def test_data_sources(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/v1/data-sources/status")).json()

    assert body["jupiter"] == {"configured": False}
    assert body["dexscreener"] == {"configured": True}
    assert len(body) == 6


async def test_where_figures_are_shown_is_told_to_who_is_logged_in() -> None:
    values = ApiValues(jupiter_configured=True, grafana_url="https://grafana.example/d/1")
    async with FakeApi(values=values).client() as client:
        body = (await client.get("/api/v1/data-sources/status")).json()
    assert body["grafanaUrl"] == "https://grafana.example/d/1"


class TestDocumentation:
    async def test_every_endpoint_is_described(self, anonymous: httpx.AsyncClient) -> None:
        document = (await anonymous.get("/openapi.json")).json()

        for endpoint in ENDPOINTS:
            operation = document["paths"][PREFIX + endpoint.path][endpoint.method.lower()]
            assert operation["summary"] == endpoint.summary
            assert str(endpoint.done) in operation["responses"]
            if isinstance(endpoint.access, Scope):
                assert operation["security"] == [{"session": []}, {"apiKey": []}]
            elif endpoint.access is Access.SESSION:
                assert operation["security"] == [{"session": []}]
            assert ("requestBody" in operation) is endpoint.has_body
        assert set(document["components"]["securitySchemes"]) == {"session", "apiKey"}

    async def test_all_references_lead_somewhere(self, anonymous: httpx.AsyncClient) -> None:
        document = (await anonymous.get("/openapi.json")).json()
        found: list[str] = []

        def walk(value: object) -> None:
            if isinstance(value, dict):
                if isinstance(value.get("$ref"), str):
                    found.append(value["$ref"])
                for item in value.values():
                    walk(item)
            elif isinstance(value, list):
                for item in value:
                    walk(item)

        walk(document)
        assert found
        for reference in found:
            target: object = document
            for part in reference.removeprefix("#/").split("/"):
                assert isinstance(target, dict)
                target = target[part]

    async def test_the_page_needs_no_other_server(self, anonymous: httpx.AsyncClient) -> None:
        page = await anonymous.get("/docs")

        assert page.status_code == 200
        assert "://" not in page.text
        assert "<script>" not in page.text
        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "upgrade-insecure-requests" not in policy
        parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(parts) == 4
        for part in parts:
            answer = await anonymous.get(f"/{part}")
            assert answer.status_code == 200, part
            assert answer.content
        assert (await anonymous.get("/docs/static/../secret")).status_code == 404
        assert (await anonymous.get("/docs/static/none.js")).status_code == 404

    @pytest.mark.parametrize(
        "path", ["/docs", "/docs/start.js", "/docs/static/swagger-ui.css", "/openapi.json"]
    )
    async def test_it_can_be_switched_off(self, path: str) -> None:
        transport = httpx.ASGITransport(app=create_api(docs=False))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            assert (await http.get(path)).status_code == 404


class TestEveryResponse:
    async def test_paths_are_forgiving(self, client: httpx.AsyncClient, agent: Agent) -> None:
        path = f"/API/v1/Agents/{str(agent.id).upper()}/"

        response = await client.get(path)
        head = await client.head(path)

        assert response.json()["id"] == str(agent.id)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == response.headers["content-length"]

    async def test_unknown_paths_are_404(self, client: httpx.AsyncClient) -> None:
        response = await client.get("/api/v1/Nowhere?a=1")

        assert response.status_code == 404
        assert response.json() == {
            "success": False,
            "error": "Route not found: GET /api/v1/Nowhere not found",
            "code": "NOT_FOUND",
        }

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("PATCH", "/api/v1/agents", "GET, HEAD, OPTIONS, POST"),
            ("DELETE", "/API/v1/Trades/Execute/?a=1", "OPTIONS, POST"),
            ("HEAD", "/api/v1/trades/execute", "OPTIONS, POST"),
            ("POST", "/api/v1/agents/x", "DELETE, GET, HEAD, OPTIONS, PUT"),
            ("POST", "/api/v1/trading-signals/all", "DELETE, GET, HEAD, OPTIONS, PUT"),
            ("BREW", "/api/v1/health/live", "GET, HEAD, OPTIONS"),
            ("POST", "/docs", "GET, HEAD, OPTIONS"),
            ("POST", "/openapi.json", "GET, HEAD, OPTIONS"),
        ],
    )
    async def test_a_wrong_method_is_405_and_says_which_are_right(
        self, client: httpx.AsyncClient, method: str, path: str, allowed: str
    ) -> None:
        response = await client.request(method, path, headers={"origin": "http://localhost:3000"})

        assert (response.status_code, response.headers["allow"]) == (405, allowed)
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        if method == "HEAD":
            assert response.content == b""
            return
        assert response.json() == {
            "success": False,
            "error": f"Method not allowed: {method} {path.partition('?')[0]} is not possible, only {allowed}",
            "code": "METHOD_NOT_ALLOWED",
        }

    async def test_every_endpoint_is_named_among_the_methods_of_its_path(self) -> None:
        for endpoint in ENDPOINTS:
            path = PREFIX + re.sub(r"\{\w+\}", "x", endpoint.path)

            assert endpoint.method in allowed_methods(path)

    async def test_headers(self, anonymous: httpx.AsyncClient) -> None:
        for path in ("/api/v1/health/live", "/nowhere", "/api/v1/agents"):
            headers = (await anonymous.get(path, headers={"x-request-id": "abc-1"})).headers
            assert headers["x-request-id"] == "abc-1"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "SAMEORIGIN"
            assert headers["content-security-policy"].startswith("default-src 'self';base-uri 'self'")
            assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
            assert headers["access-control-allow-credentials"] == "true"
            assert headers["vary"] == "Origin"

    @pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\tb", "ä", "<script>"])
    async def test_odd_request_ids_are_replaced(self, anonymous: httpx.AsyncClient, given: str) -> None:
        headers = [(b"x-request-id", given.encode())]

        response = await anonymous.get("/api/v1/health/live", headers=headers)

        assert len(response.headers["x-request-id"]) == 36

    async def test_origins(self, anonymous: httpx.AsyncClient) -> None:
        own = {"origin": "http://localhost:3000"}
        allowed = await anonymous.get("/api/v1/health/live", headers=own)
        other = await anonymous.get("/api/v1/health/live", headers={"origin": "http://evil.example"})
        preflight = await anonymous.options("/api/v1/agents", headers=own)

        assert allowed.headers["access-control-allow-origin"] == "http://localhost:3000"
        assert other.status_code == 200
        assert "access-control-allow-origin" not in other.headers
        assert preflight.status_code == 204
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        assert "X-API-Key" in preflight.headers["access-control-allow-headers"]

    async def test_what_nobody_expected_is_a_plain_500(
        self, api: FakeApi, client: httpx.AsyncClient, agent: Agent
    ) -> None:
        api.agents.failure = RuntimeError("secret detail")

        response = await client.put(f"/api/v1/agents/{agent.id}", json={"name": "Other"})

        assert (response.status_code, response.json()) == (500, {"error": "Internal server error"})
        assert response.headers["x-request-id"]
        assert response.headers["x-frame-options"] == "SAMEORIGIN"
