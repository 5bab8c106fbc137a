"""The administrator's endpoints for other people's accounts."""

from __future__ import annotations

import httpx
import pytest

from nexgent.api.deps import ApiValues
from nexgent.shared.ids import new_id
from tests.builders import USER
from tests.fakes.api import FakeApi

FIRST, SECOND = "Correct-horse-1", "Another-horse-2"
SOMEBODY = "somebody@example.com"


async def made(client: httpx.AsyncClient) -> str:
    answer = await client.post(
        "/api/v1/admin/users", json={"email": " Somebody@Example.com ", "password": FIRST}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["email"] == SOMEBODY
    assert answer.json()["administrator"] is False
    return str(answer.json()["id"])


async def login(anonymous: httpx.AsyncClient, password: str, email: str = SOMEBODY) -> httpx.Response:
    return await anonymous.post("/api/v1/auth/login", json={"email": email, "password": password})


async def test_an_account_from_its_making_to_its_end_and_back(
    api: FakeApi, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    user = await made(client)
    session = (await login(anonymous, FIRST)).json()
    headers = {"authorization": f"Bearer {session['accessToken']}"}
    key = await anonymous.post(
        "/api/v1/api-keys", headers=headers, json={"name": "bot", "scopes": ["agents"]}
    )
    by_key = {"x-api-key": key.json()["key"]}
    assert (await anonymous.get("/api/v1/agents", headers=by_key)).status_code == 200
    [shown] = [one for one in (await client.get("/api/v1/admin/users")).json() if one["id"] == user]
    assert (shown["active"], shown["apiKeys"], shown["administrator"]) == (True, 1, False)
    assert shown["lastUsedAt"] is not None
    api.clock.advance(1)

    closed = await client.post(f"/api/v1/admin/users/{user}/deactivate")

    assert closed.json() == {"success": True, "message": f"{SOMEBODY} cannot log in any more"}
    assert (await login(anonymous, FIRST)).status_code == 401
    assert (await anonymous.get("/api/v1/agents", headers=headers)).status_code == 401
    assert (await anonymous.get("/api/v1/agents", headers=by_key)).status_code == 401
    assert [str(one) for one in api.keys_deleted] == [key.json()["id"]]
    again = await anonymous.post("/api/v1/auth/refresh", json={"refreshToken": session["refreshToken"]})
    assert again.status_code == 401
    [shown] = [one for one in (await client.get("/api/v1/admin/users")).json() if one["id"] == user]
    assert (shown["active"], shown["apiKeys"]) == (False, 0)

    reset = await client.post(f"/api/v1/admin/users/{user}/reset-password", json={"password": SECOND})

    assert reset.status_code == 200, reset.text
    assert (await login(anonymous, FIRST)).status_code == 401
    assert (await login(anonymous, SECOND)).status_code == 200


async def test_a_new_password_ends_sessions_and_locks(
    api: FakeApi, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    user = await made(client)
    session = (await login(anonymous, FIRST)).json()
    for _ in range(5):
        await login(anonymous, "wrong")
    assert (await login(anonymous, FIRST)).status_code == 423
    api.clock.advance(1)

    await client.post(f"/api/v1/admin/users/{user}/reset-password", json={"password": SECOND})

    headers = {"authorization": f"Bearer {session['accessToken']}"}
    assert (await anonymous.get("/api/v1/auth/me", headers=headers)).status_code == 401
    assert (await login(anonymous, SECOND)).status_code == 200


async def test_what_is_refused(client: httpx.AsyncClient) -> None:
    await made(client)
    taken = await client.post("/api/v1/admin/users", json={"email": SOMEBODY, "password": FIRST})
    assert (taken.status_code, taken.json()["code"]) == (409, "EMAIL_IN_USE")
    weak = await client.post("/api/v1/admin/users", json={"email": "b@example.com", "password": "weak-one-1"})
    assert (weak.status_code, weak.json()["code"]) == (400, "WEAK_PASSWORD")
    for what, body in (("deactivate", None), ("reset-password", {"password": FIRST})):
        own = await client.post(f"/api/v1/admin/users/{USER}/{what}", json=body)
        assert (own.status_code, own.json()["code"]) == (409, "OWN_ACCOUNT")
        missing = await client.post(f"/api/v1/admin/users/{new_id()}/{what}", json=body)
        assert (missing.status_code, missing.json()["error"]) == (404, "User not found")


@pytest.mark.parametrize("admin_email", ["", "other@b.co"])
async def test_nobody_else_manages_accounts(admin_email: str) -> None:
    api = FakeApi(values=ApiValues(jupiter_configured=False, admin_email=admin_email))
    async with api.client() as client:
        for method, path in (
            ("GET", "/admin/users"),
            ("POST", "/admin/users"),
            ("POST", f"/admin/users/{new_id()}/deactivate"),
            ("POST", f"/admin/users/{new_id()}/reset-password"),
        ):
            answer = await client.request(
                method, f"/api/v1{path}", json={"email": SOMEBODY, "password": FIRST}
            )
            assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden: admin only")
        assert api.users.by_id == {}


async def test_who_is_the_administrator_is_told(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    await made(client)
    session = (await login(anonymous, FIRST)).json()
    assert session["user"]["administrator"] is False
    headers = {"authorization": f"Bearer {session['accessToken']}"}
    assert (await anonymous.get("/api/v1/auth/me", headers=headers)).json() == session["user"]
    web = await anonymous.post(
        "/api/v1/web/login",
        json={"email": SOMEBODY, "password": FIRST},
        headers={"x-nexgent-web": "1", "origin": "http://test"},
    )
    assert web.json()["user"] == session["user"]
