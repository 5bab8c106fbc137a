"""`/auth` and who may call what."""

from __future__ import annotations

import httpx
import pytest

from nexgent.domain.agents.models import Agent
from nexgent.domain.users.authenticate import key_hash
from nexgent.domain.users.models import TokenType
from nexgent.domain.users.seed_admin import SeedAdmin
from tests.builders import an_api_key
from tests.fakes.api import PASSWORD, FakeApi

EMAIL = "admin@example.com"
KEY = "nex_" + "A" * 32


@pytest.fixture(autouse=True)
async def admin(api: FakeApi) -> None:
    await SeedAdmin(users=api.users, passwords=api.passwords, clock=api.clock).execute(EMAIL, PASSWORD)


async def test_a_session_from_login_to_logout(anonymous: httpx.AsyncClient) -> None:
    login = await anonymous.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert login.status_code == 200
    body = login.json()
    assert set(body) == {"accessToken", "refreshToken", "user"}
    assert set(body["user"]) == {"id", "email", "createdAt", "administrator"}
    assert login.headers["cache-control"] == "no-store"
    headers = {"authorization": f"Bearer {body['accessToken']}"}

    me = await anonymous.get("/api/v1/auth/me", headers=headers)
    assert me.json() == body["user"]

    refreshed = await anonymous.post("/api/v1/auth/refresh", json={"refreshToken": body["refreshToken"]})
    assert set(refreshed.json()) == {"accessToken"}

    out = await anonymous.post(
        "/api/v1/auth/logout", headers=headers, json={"refreshToken": body["refreshToken"]}
    )
    assert out.json() == {"success": True, "message": "Logged out successfully"}
    assert (await anonymous.get("/api/v1/auth/me", headers=headers)).json()[
        "error"
    ] == "Token has been revoked"
    again = await anonymous.post("/api/v1/auth/refresh", json={"refreshToken": body["refreshToken"]})
    assert (again.status_code, again.json()["error"]) == (401, "Refresh token has been revoked")


async def test_login_reports_all_fields_together(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.post("/api/v1/auth/login", json={"email": "x", "rememberMe": "yes"})

    assert response.status_code == 400
    assert response.json() == {
        "success": False,
        "error": "Validation failed",
        "code": "VALIDATION_ERROR",
        "details": {
            "errors": [
                {"field": "email", "message": "Invalid email"},
                {"field": "password", "message": "Required"},
                {"field": "rememberMe", "message": "Expected boolean, received string"},
            ]
        },
    }


async def test_wrong_password_then_lock(anonymous: httpx.AsyncClient) -> None:
    for _ in range(5):
        response = await anonymous.post("/api/v1/auth/login", json={"email": EMAIL, "password": "no"})
        assert (response.status_code, response.json()["error"]) == (401, "Invalid email or password")

    locked = await anonymous.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})

    assert locked.status_code == 423
    assert locked.json()["lockedUntil"].endswith("Z")


async def test_redis_away_is_503_and_never_401(api: FakeApi, anonymous: httpx.AsyncClient) -> None:
    login = await anonymous.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    api.store.away = True

    response = await anonymous.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert response.status_code == 503
    assert "not available" in response.json()["error"]
    assert response.headers["retry-after"] == "1"
    # Sessions are written down elsewhere: they go on.
    refreshed = await anonymous.post(
        "/api/v1/auth/refresh", json={"refreshToken": login.json()["refreshToken"]}
    )
    assert refreshed.status_code == 200
    headers = {"authorization": f"Bearer {login.json()['accessToken']}"}
    assert (await anonymous.get("/api/v1/agents", headers=headers)).status_code == 200


async def test_forms_are_read_as_well(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.post("/api/v1/auth/login", data={"email": EMAIL, "password": PASSWORD})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("path", "text"),
    [("/api/v1/agents", "Authorization required"), ("/api/v1/auth/me", "Authorization header required")],
)
async def test_without_anything_the_text_depends_on_what_is_accepted(
    anonymous: httpx.AsyncClient, path: str, text: str
) -> None:
    response = await anonymous.get(path)

    assert (response.status_code, response.json()["error"]) == (401, text)


async def test_keys_open_what_their_scope_says(
    api: FakeApi, anonymous: httpx.AsyncClient, agent: Agent
) -> None:
    api.keys.by_hash[key_hash(KEY)] = an_api_key("agents")
    key = {"x-api-key": KEY}

    assert (await anonymous.get(f"/api/v1/agents/{agent.id}", headers=key)).status_code == 200
    assert (
        await anonymous.get("/api/v1/agents", headers={"authorization": f"Bearer {KEY}"})
    ).status_code == 200
    refused = await anonymous.get(f"/api/v1/agent-positions/{agent.id}", headers=key)
    assert (refused.status_code, refused.json()["error"]) == (
        403,
        "API key missing required scope: positions",
    )
    unknown = await anonymous.get("/api/v1/agents", headers={"x-api-key": "nex_" + "B" * 32})
    assert (unknown.status_code, unknown.json()["error"]) == (401, "Invalid API key")
    write = await anonymous.post("/api/v1/agents", headers=key, json={"name": "abc"})
    assert write.status_code == 401


async def test_a_refresh_token_is_no_access_token(api: FakeApi, anonymous: httpx.AsyncClient) -> None:
    token = api.token(kind=TokenType.REFRESH)

    response = await anonymous.get("/api/v1/agents", headers={"authorization": f"Bearer {token}"})

    assert (response.status_code, response.json()["error"]) == (401, "Invalid token type")
