"""`/web`: the dashboard's session, in a cookie that only its own page can use."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from nexgent.domain.users.models import REMEMBERED_REFRESH_LIFETIME
from nexgent.domain.users.seed_admin import SeedAdmin
from nexgent.domain.users.web_links import LINK_LIFETIME
from nexgent.middleware.client_address import MACHINE_KEY_HEADER
from tests.fakes.api import MACHINE_KEY, PASSWORD, FakeApi

EMAIL = "admin@example.com"
PAGE = {"x-nexgent-web": "1", "origin": "http://test"}
LOGIN = {"email": EMAIL, "password": PASSWORD}
PATHS = ("login", "refresh", "logout", "link")


@pytest.fixture(autouse=True)
async def admin(api: FakeApi) -> None:
    await SeedAdmin(users=api.users, passwords=api.passwords, clock=api.clock).execute(EMAIL, PASSWORD)


async def post(http: httpx.AsyncClient, path: str, body: object = None, **headers: str) -> httpx.Response:
    return await http.post(f"/api/v1/web/{path}", json=body, headers={**PAGE, **headers})


def cookie_of(answer: httpx.Response) -> Any:
    cookies = SimpleCookie(answer.headers["set-cookie"])
    [cookie] = cookies.values()
    return cookie


async def test_a_session_from_login_to_logout(anonymous: httpx.AsyncClient) -> None:
    login = await post(anonymous, "login", LOGIN)
    assert login.status_code == 200
    assert set(login.json()) == {"accessToken", "expiresIn", "user"}
    assert (login.json()["expiresIn"], login.json()["user"]["email"]) == (900, EMAIL)
    assert login.headers["cache-control"] == "no-store"
    cookie = cookie_of(login)
    assert (cookie.key, cookie["path"], cookie["samesite"]) == ("nexgent_session", "/api/v1/web", "strict")
    assert cookie["httponly"]
    assert not cookie["secure"]
    assert cookie["max-age"] == "", "it ends with the browser"

    refreshed = await post(anonymous, "refresh")
    assert refreshed.status_code == 200
    assert set(refreshed.json()) == {"accessToken", "expiresIn", "user"}
    assert cookie_of(refreshed).value != cookie.value
    headers = {"authorization": f"Bearer {refreshed.json()['accessToken']}"}
    assert (await anonymous.get("/api/v1/auth/me", headers=headers)).json() == login.json()["user"]

    out = await post(anonymous, "logout")
    assert (out.status_code, out.json()["success"]) == (200, True)
    assert (cookie_of(out).value, cookie_of(out)["max-age"]) == ("", "0")
    assert (await anonymous.get("/api/v1/auth/me", headers=headers)).status_code == 401
    assert not anonymous.cookies
    stolen = await post(anonymous, "refresh", cookie=f"nexgent_session={cookie_of(refreshed).value}")
    assert stolen.status_code == 401


async def test_without_a_session_there_is_nothing_to_go_on_with_and_nothing_to_end(
    anonymous: httpx.AsyncClient,
) -> None:
    refreshed, out = await post(anonymous, "refresh"), await post(anonymous, "logout")

    assert (refreshed.status_code, refreshed.json()["code"]) == (401, "AUTHENTICATION_ERROR")
    assert "set-cookie" not in refreshed.headers
    assert out.status_code == 200


async def test_a_remembered_session_outlasts_the_browser(anonymous: httpx.AsyncClient) -> None:
    login = await post(anonymous, "login", {**LOGIN, "rememberMe": True})
    refreshed = await post(anonymous, "refresh")

    whole = int(REMEMBERED_REFRESH_LIFETIME.total_seconds())
    assert int(cookie_of(login)["max-age"]) == whole
    assert whole - 60 <= int(cookie_of(refreshed)["max-age"]) <= whole


async def test_a_refresh_token_used_long_after_its_successor_ends_the_session(
    api: FakeApi, anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cookie_of(await post(anonymous, "login", LOGIN)).value
    newest = cookie_of(await post(anonymous, "refresh")).value
    now = api.clock.now()
    monkeypatch.setattr(api.clock.__class__, "now", lambda _self: now + timedelta(seconds=60))

    anonymous.cookies.clear()
    reused = await post(anonymous, "refresh", cookie=f"nexgent_session={first}")
    victim = await post(anonymous, "refresh", cookie=f"nexgent_session={newest}")

    assert (reused.status_code, victim.status_code) == (401, 401)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-nexgent-web": "0"},
        {"x-nexgent-web": "1", "origin": "http://evil.example"},
        {"x-nexgent-web": "1", "origin": "http://test:8080"},
        {"x-nexgent-web": "1", "origin": "null"},
        {"x-nexgent-web": "1", "origin": "http://[bad"},
        {"x-nexgent-web": "1", "origin": "http://evil.example", "sec-fetch-site": "cross-site"},
    ],
)
async def test_only_our_own_page_is_heard(
    anonymous: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    await post(anonymous, "login", LOGIN)

    answer = await anonymous.post(f"/api/v1/web/{path}", json=LOGIN, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_THE_DASHBOARD")
    assert "set-cookie" not in answer.headers
    assert (await post(anonymous, "refresh")).status_code == 200, "the session goes on"


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("test", {}),
        ("test:4000", {"origin": "http://test:4000"}),
        ("trade.example", {"origin": "https://trade.example"}),
        ("trade.example:443", {"origin": "https://trade.example"}),
        # Behind a proxy that calls us by a name of its own.
        ("10.0.0.7:4000", {"origin": "https://trade.example", "sec-fetch-site": "same-origin"}),
    ],
)
async def test_our_own_page_has_many_names(
    anonymous: httpx.AsyncClient, host: str, headers: dict[str, str]
) -> None:
    answer = await anonymous.post(
        "/api/v1/web/login", json=LOGIN, headers={"x-nexgent-web": "1", "host": host, **headers}
    )

    assert answer.status_code == 200
    assert bool(cookie_of(answer)["secure"]) is headers.get("origin", "").startswith("https")


async def test_a_preflight_does_not_allow_the_header(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.options(
        "/api/v1/web/refresh",
        headers={"origin": "http://localhost:3000", "access-control-request-headers": "x-nexgent-web"},
    )

    assert "x-nexgent-web" not in answer.headers["access-control-allow-headers"].lower()


async def test_services_side_by_side_have_cookies_of_their_own(anonymous: httpx.AsyncClient) -> None:
    names = []
    for port in (4000, 4100):
        headers = {"host": f"localhost:{port}", "origin": f"http://localhost:{port}"}
        names.append(cookie_of(await post(anonymous, "login", LOGIN, **headers)).key)

    assert names == ["nexgent_session_4000", "nexgent_session_4100"]


async def test_wrong_passwords_are_counted_as_everywhere(anonymous: httpx.AsyncClient) -> None:
    for _ in range(4):
        wrong = await post(anonymous, "login", {**LOGIN, "password": "no"})
        assert (wrong.status_code, wrong.json()["error"]) == (401, "Invalid email or password")
    await anonymous.post("/api/v1/auth/login", json={**LOGIN, "password": "no"})

    locked = await post(anonymous, "login", LOGIN)

    assert locked.status_code == 423
    assert locked.json()["lockedUntil"].endswith("Z")


async def test_logins_of_both_doors_share_a_limit(api: FakeApi, anonymous: httpx.AsyncClient) -> None:
    api.rate_limits.enabled = True
    statuses = []
    for number in range(6):
        path = "web/login" if number % 2 else "auth/login"
        answer = await anonymous.post(f"/api/v1/{path}", json=LOGIN, headers=PAGE)
        statuses.append(answer.status_code)

    assert statuses == [200] * 5 + [429]


class TestLinks:
    async def made(self, client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/api/v1/web/links", headers={MACHINE_KEY_HEADER: MACHINE_KEY})

    async def session(self, api: FakeApi, anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
        user = await api.users.find_by_email(EMAIL)
        assert user is not None
        return api.client(user.id)

    async def test_a_link_logs_in_once(self, api: FakeApi, anonymous: httpx.AsyncClient) -> None:
        async with await self.session(api, anonymous) as client:
            link = await self.made(client)
        assert link.status_code == 200, link.text
        assert link.headers["cache-control"] == "no-store"
        token = link.json()["token"]
        assert link.json()["path"] == f"/#/link/{token}"
        assert not any(token in held for held in api.links.held), "only its hash is kept"

        used = await post(anonymous, "link", {"token": token})
        again = await post(anonymous, "link", {"token": token})

        assert (used.status_code, used.json()["user"]["email"]) == (200, EMAIL)
        assert cookie_of(used)["httponly"]
        assert (await post(anonymous, "refresh")).status_code == 200
        assert (again.status_code, again.json()["code"]) == (401, "LINK_OVER")
        assert "nexgent dashboard" in again.json()["error"]

    async def test_a_link_is_good_for_ten_minutes(
        self, api: FakeApi, anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with await self.session(api, anonymous) as client:
            token = (await self.made(client)).json()["token"]
        now = api.clock.now()
        monkeypatch.setattr(api.clock.__class__, "now", lambda _self: now + LINK_LIFETIME)

        assert (await post(anonymous, "link", {"token": token})).json()["code"] == "LINK_OVER"

    async def test_a_session_alone_makes_no_links(self, api: FakeApi, anonymous: httpx.AsyncClient) -> None:
        async with await self.session(api, anonymous) as client:
            answer = await client.post("/api/v1/web/links")

        assert (answer.status_code, answer.json()["code"]) == (403, "NOT_THE_MACHINE")
        assert api.links.held == {}

    async def test_from_another_machine_a_link_opens_nothing_and_stays_good(
        self, api: FakeApi, anonymous: httpx.AsyncClient
    ) -> None:
        async with await self.session(api, anonymous) as client:
            token = (await self.made(client)).json()["token"]

        far = await post(anonymous, "link", {"token": token}, **{"x-forwarded-for": "203.0.113.9"})
        here = await post(anonymous, "link", {"token": token})

        assert (far.status_code, far.json()["code"]) == (403, "NOT_THE_MACHINE")
        assert here.status_code == 200

    async def test_redis_away_is_503(self, api: FakeApi, anonymous: httpx.AsyncClient) -> None:
        api.links.away = True

        assert (await post(anonymous, "link", {"token": "x"})).status_code == 503
