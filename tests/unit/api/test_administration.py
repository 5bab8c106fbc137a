"""Registration, the administrator's view of the cache, and the echo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from nexgent.api.deps import ApiValues
from tests.fakes.api import FakeApi
from tests.fakes.copies import NOTHING

GOOD = "Correct-horse-1"
VALUES = ApiValues(jupiter_configured=False, admin_email="a@b.co")


# --- Registration ---


@pytest.fixture
async def open_site() -> AsyncIterator[tuple[FakeApi, httpx.AsyncClient]]:
    api = FakeApi(allow_registration=True)
    async with api.client(None) as client:
        yield api, client


async def test_registration_is_closed_unless_it_was_opened(
    api: FakeApi, anonymous: httpx.AsyncClient
) -> None:
    users = len(api.users.by_id)
    for body in ({"email": "new@example.com", "password": GOOD}, {}):
        answer = await anonymous.post("/api/v1/auth/register", json=body)
        assert answer.status_code == 403
        assert answer.json() == {"error": "Registration is disabled", "code": "REGISTRATION_DISABLED"}
    assert len(api.users.by_id) == users


async def test_a_new_user_is_logged_in_at_once(open_site: tuple[FakeApi, httpx.AsyncClient]) -> None:
    client = open_site[1]
    answer = await client.post("/api/v1/auth/register", json={"email": " New@Example.com ", "password": GOOD})

    assert answer.status_code == 201
    assert answer.json()["user"]["email"] == "new@example.com"
    assert answer.headers["cache-control"] == "no-store"
    headers = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
    assert (await client.get("/api/v1/auth/me", headers=headers)).json() == answer.json()["user"]
    refreshed = await client.post(
        "/api/v1/auth/refresh", json={"refreshToken": answer.json()["refreshToken"]}
    )
    assert refreshed.status_code == 200
    again = await client.post("/api/v1/auth/login", json={"email": "new@example.com", "password": GOOD})
    assert again.status_code == 200
    # That the address is known is not told in so many words.
    taken = await client.post("/api/v1/auth/register", json={"email": "NEW@example.com", "password": GOOD})
    assert (taken.status_code, taken.json()["error"]) == (400, "Unable to create account")


@pytest.mark.parametrize(
    ("password", "problems"),
    [
        ("correct-horse-1", ["at least one upper-case letter is required"]),
        ("CORRECT-HORSE-1", ["at least one lower-case letter is required"]),
        ("Correct-horse-x", ["at least one digit is required"]),
        ("Correcthorse1", ["at least one other character is required"]),
        ("Aa1-" * 33, ["8 to 128 characters are required, not 132"]),
        (
            "aaaaaaaa",
            [
                f"at least one {what} is required"
                for what in ("upper-case letter", "digit", "other character")
            ],
        ),
    ],
)
async def test_weak_passwords_are_told_what_they_lack(
    open_site: tuple[FakeApi, httpx.AsyncClient], password: str, problems: list[str]
) -> None:
    api, client = open_site
    users = len(api.users.by_id)

    answer = await client.post(
        "/api/v1/auth/register", json={"email": "new@example.com", "password": password}
    )

    assert answer.status_code == 400
    assert answer.json()["details"] == problems
    assert password not in answer.text
    assert len(api.users.by_id) == users


@pytest.mark.parametrize(
    "body", [{}, {"email": "x", "password": GOOD}, {"email": "a@b.co", "password": "Aa1-"}]
)
async def test_broken_registrations_name_all_fields(
    open_site: tuple[FakeApi, httpx.AsyncClient], body: dict[str, str]
) -> None:
    answer = await open_site[1].post("/api/v1/auth/register", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


# --- The cache ---


@pytest.fixture
async def admin_site() -> AsyncIterator[tuple[FakeApi, httpx.AsyncClient]]:
    api = FakeApi(values=VALUES)
    async with api.client() as client:
        yield api, client


async def test_the_administrator_sees_empties_and_fills_the_cache(
    admin_site: tuple[FakeApi, httpx.AsyncClient],
) -> None:
    api, client = admin_site

    status = (await client.get("/api/v1/admin/cache/status")).json()
    cleared = await client.post("/api/v1/admin/cache/clear", json={"confirm": True})
    empty = api.copies.now
    warmed = await client.post("/api/v1/admin/cache/warm")
    resets = [
        await client.post(f"/api/v1/admin/{path}", json={"confirm": True})
        for path in ("cache-reset", "cache/reset")
    ]

    assert status == {
        "connected": True,
        "keyPrefix": "nexgent:",
        "counts": {"positions": 2, "balances": 3, "configs": 1, "prices": 4, "agents": 1, "activeAgents": 1},
    }
    assert (cleared.status_code, cleared.json()["cleared"], empty) == (200, 12, NOTHING)
    expected = {"configs": 1, "positions": 2, "balances": 3}
    assert (warmed.status_code, warmed.json()["warmed"]) == (200, expected)
    for reset in resets:
        assert (reset.status_code, reset.json()["cleared"], reset.json()["warmed"]) == (200, 12, expected)


@pytest.mark.parametrize("path", ["cache/clear", "cache-reset", "cache/reset"])
@pytest.mark.parametrize("body", [{}, {"confirm": "true"}, {"confirm": False}])
async def test_nothing_is_dropped_without_confirmation(
    admin_site: tuple[FakeApi, httpx.AsyncClient], path: str, body: dict[str, object]
) -> None:
    api, client = admin_site
    before = api.copies.now

    answer = await client.post(f"/api/v1/admin/{path}", json=body)

    assert (answer.status_code, answer.json()["error"]) == (400, "Confirmation required")
    assert "confirm" in answer.json()["message"]
    assert api.copies.now == before


async def test_a_cache_that_is_away(admin_site: tuple[FakeApi, httpx.AsyncClient]) -> None:
    api, client = admin_site
    api.copies.away = True

    status = await client.get("/api/v1/admin/cache/status")
    others = [
        await client.post(f"/api/v1/admin/{path}", json={"confirm": True})
        for path in ("cache/warm", "cache/clear", "cache-reset")
    ]

    assert (status.status_code, status.json()["connected"]) == (200, False)
    assert set(status.json()["counts"].values()) == {0}
    assert {answer.status_code for answer in others} == {503}


async def test_nobody_else_is_let_near_it() -> None:
    api = FakeApi(values=replace(VALUES, admin_email="other@example.com"))
    async with api.client() as client:
        for method, path in (
            ("GET", "cache/status"),
            ("POST", "cache/warm"),
            ("POST", "cache/clear"),
            ("POST", "cache-reset"),
        ):
            answer = await client.request(method, f"/api/v1/admin/{path}")
            assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden: admin only")


# --- The echo ---


async def test_the_echo_shows_the_request_but_no_credentials(anonymous: httpx.AsyncClient) -> None:
    headers = {
        "Authorization": "Bearer canary-1",
        "Cookie": "session=canary-2",
        "X-API-Key": "canary-3",
        "X-Signature": "canary-4",
        "X-Custom": "seen",
    }
    answer = await anonymous.post(
        "/api/v1/webhooks/test?a=1&b=2&b=3", json={"hello": ["world"]}, headers=headers
    )

    assert answer.status_code == 200
    assert answer.json()["message"]
    received = answer.json()["received"]
    assert (received["body"], received["query"]) == ({"hello": ["world"]}, {"a": "1", "b": ["2", "3"]})
    assert (received["method"], received["path"]) == ("POST", "/test")
    assert received["headers"]["x-custom"] == "seen"
    assert received["headers"]["authorization"] == "[hidden]"
    assert "canary" not in answer.text


async def test_the_echo_takes_any_json(anonymous: httpx.AsyncClient) -> None:
    listed = await anonymous.post("/api/v1/webhooks/test", json=[1, "two"])
    broken = await anonymous.post(
        "/api/v1/webhooks/test", content=b"{", headers={"content-type": "application/json"}
    )

    assert (listed.status_code, listed.json()["received"]["body"]) == (200, [1, "two"])
    assert (broken.status_code, broken.json()["code"]) == (400, "INVALID_JSON")


async def test_there_is_no_echo_in_production() -> None:
    api = FakeApi(values=replace(VALUES, production=True))
    async with api.client(None) as client:
        answer = await client.post("/api/v1/webhooks/test", json={})

    assert (answer.status_code, answer.json()) == (404, {"error": "Not found"})
