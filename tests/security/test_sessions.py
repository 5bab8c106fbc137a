"""Sessions, passwords and keys against the real service: what has ended opens nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from nexgent.domain.users.models import Claims, TokenType
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, CheapSecrets, Product, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD, ANOTHER = "Correct-horse-1", "Another-horse-2"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    async with CheapSecrets(
        tmp_path_factory.mktemp("sessions"), {"ALLOW_REGISTRATION": "true"}, makes_admin=True
    ).running() as made:
        yield made


class Person:
    """Somebody with an account of their own."""

    def __init__(self, product: Product, email: str) -> None:
        self.product = product
        self.email = email
        self.http = product.http

    async def ask(self, method: str, path: str, token: str = "", **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        return await self.http.request(method, f"{self.product.url}/api/v1{path}", headers=headers, **options)

    async def log_in(self, password: str = PASSWORD, program: str = "test") -> dict[str, str]:
        answer = await self.ask(
            "POST",
            "/auth/login",
            json={"email": self.email, "password": password},
            headers={"user-agent": program},
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        tokens: dict[str, str] = answer.json()
        return tokens

    async def refreshed(self, refresh_token: str, **body: bool) -> httpx.Response:
        return await self.ask("POST", "/auth/refresh", json={"refreshToken": refresh_token, **body})

    async def may(self, token: str) -> bool:
        status = (await self.ask("GET", "/agents", token)).status_code
        assert status in {200, 401}
        return status == 200


@pytest_asyncio.fixture(loop_scope="module")
async def person(product: Product) -> Person:
    made = Person(product, f"{new_id()}@example.com")
    answer = await made.ask("POST", "/auth/register", json={"email": made.email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return made


async def test_sessions_are_listed_and_ended_one_by_one_and_together(person: Person) -> None:
    phone, laptop, tablet = [await person.log_in(program=name) for name in ("phone", "laptop", "tablet")]

    answer = await person.ask("GET", "/auth/sessions", laptop["accessToken"])
    listed = {one["userAgent"]: one for one in answer.json()["items"]}
    assert {"phone", "laptop", "tablet"} <= set(listed)
    assert [name for name, one in listed.items() if one["current"]] == ["laptop"]
    assert listed["phone"]["address"] == "127.0.0.1"
    assert set(listed["phone"]) == {
        "id",
        "createdAt",
        "lastUsedAt",
        "expiresAt",
        "address",
        "userAgent",
        "current",
    }

    path = f"/auth/sessions/{listed['phone']['id']}"
    assert (await person.ask("DELETE", path, laptop["accessToken"])).status_code == 200
    assert (await person.ask("DELETE", path, laptop["accessToken"])).status_code == 404
    assert not await person.may(phone["accessToken"])
    assert (await person.refreshed(phone["refreshToken"])).status_code == 401
    assert await person.may(tablet["accessToken"])

    others = await person.ask("DELETE", "/auth/sessions", laptop["accessToken"])
    # The one of the registration is among them.
    assert others.json()["ended"] == 2
    assert not await person.may(tablet["accessToken"])
    assert await person.may(laptop["accessToken"])
    assert (await person.refreshed(laptop["refreshToken"])).status_code == 200


async def test_a_new_password_asks_for_the_old_one_and_ends_everything_else(person: Person) -> None:
    mine, theirs = await person.log_in(), await person.log_in()

    async def change(current: str, new: str) -> httpx.Response:
        body = {"currentPassword": current, "newPassword": new}
        return await person.ask("POST", "/auth/change-password", mine["accessToken"], json=body)

    wrong = await change("Wrong-horse-3", ANOTHER)
    assert (wrong.status_code, wrong.json()["code"]) == (403, "INVALID_PASSWORD")
    weak = await change(PASSWORD, "weakling")
    assert (weak.status_code, weak.json()["code"]) == (400, "WEAK_PASSWORD")
    assert await person.may(theirs["accessToken"])

    done = await change(PASSWORD, ANOTHER)

    assert done.status_code == 200, done.text
    assert done.headers["cache-control"] == "no-store"
    new = done.json()
    for old in (mine, theirs):
        assert not await person.may(old["accessToken"])
        assert (await person.refreshed(old["refreshToken"])).status_code == 401
    assert await person.may(new["accessToken"])
    assert (await person.refreshed(new["refreshToken"])).status_code == 200
    again = await person.ask("POST", "/auth/login", json={"email": person.email, "password": PASSWORD})
    assert again.status_code == 401
    assert await person.log_in(ANOTHER)


async def test_a_stolen_session_does_not_guess_the_password(person: Person) -> None:
    token = (await person.log_in())["accessToken"]
    body = {"currentPassword": "Wrong-horse-3", "newPassword": ANOTHER}

    answers = await asyncio.gather(
        *(person.ask("POST", "/auth/change-password", token, json=body) for _ in range(20))
    )

    assert sorted(answer.status_code for answer in answers) == [403] * 5 + [423] * 15


async def test_refresh_tokens_rotate_for_who_asks_and_reuse_ends_the_session(
    product: Product, person: Person
) -> None:
    old_client, new_client = await person.log_in(), await person.log_in()

    for _ in range(3):
        answer = await person.refreshed(old_client["refreshToken"])
        assert set(answer.json()) == {"accessToken"}
        assert answer.headers["cache-control"] == "no-store"

    tabs = await asyncio.gather(
        *(person.refreshed(new_client["refreshToken"], rotate=True) for _ in range(8))
    )
    assert {answer.status_code for answer in tabs} == {200}
    (newest,) = {answer.json()["refreshToken"] for answer in tabs}
    assert newest != new_client["refreshToken"]

    # The grace passes: it is moved into the past instead of waited for.
    await in_database(product, "UPDATE user_sessions SET rotated_at = rotated_at - interval '1 minute'")
    stolen = await person.refreshed(new_client["refreshToken"])
    assert (stolen.status_code, stolen.json()["error"]) == (401, "Refresh token has been revoked")
    assert (await person.refreshed(newest)).status_code == 401
    assert not await person.may(tabs[0].json()["accessToken"])
    assert await person.may(old_client["accessToken"])


async def test_what_has_ended_stays_so_after_a_restart_without_the_cache(
    product: Product, person: Person
) -> None:
    ended, stays = await person.log_in(), await person.log_in()
    listed = await person.ask("GET", "/auth/sessions", ended["accessToken"])
    (mine,) = [one["id"] for one in listed.json()["items"] if one["current"]]
    gone = await person.ask("DELETE", f"/auth/sessions/{mine}", stays["accessToken"])
    assert gone.status_code == 200, gone.text

    product.kill_service()
    for leftover in (product.folder / "data").glob("*/dump.rdb"):
        leftover.unlink()
    await product.start_service()

    assert not await person.may(ended["accessToken"])
    assert (await person.refreshed(ended["refreshToken"])).status_code == 401
    assert (await person.refreshed(stays["refreshToken"])).status_code == 200


async def test_a_key_ends_when_it_was_to(product: Product, person: Person) -> None:
    token = (await person.log_in())["accessToken"]
    end = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = await person.ask(
        "POST", "/api-keys", token, json={"name": "short", "scopes": ["agents"], "expiresAt": end}
    )
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    headers = {"X-API-Key": made.json()["key"]}
    assert (await person.ask("GET", "/agents", headers=headers)).status_code == 200

    await in_database(product, "UPDATE api_keys SET expires_at = now() - interval '1 second'")

    async def refused() -> bool:
        answer = await person.ask("GET", "/agents", headers=headers)
        return answer.status_code == 401 and answer.json()["error"] == "API key has expired"

    await until(refused, "the key has ended")


async def test_keys_made_at_once_do_not_pass_the_cap(person: Person) -> None:
    token = (await person.log_in())["accessToken"]

    answers = await asyncio.gather(
        *(
            person.ask("POST", "/api-keys", token, json={"name": "many", "scopes": ["agents"]})
            for _ in range(110)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 100 + [409] * 10
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"TOO_MANY_API_KEYS"}


async def test_a_key_to_read_signals_writes_none(person: Person) -> None:
    token = (await person.log_in())["accessToken"]
    made = await person.ask("POST", "/api-keys", token, json={"name": "r", "scopes": ["signals_read"]})
    headers = {"X-API-Key": made.json()["key"]}
    signal = {"tokenAddress": "x" * 32, "signalType": "T", "signalStrength": 1}

    assert (await person.ask("GET", "/trading-signals", headers=headers)).status_code == 200
    assert (await person.ask("GET", "/trading-signals/1", headers=headers)).status_code == 404
    for method, path in (
        ("POST", "/trading-signals"),
        ("POST", "/trading-signals/test"),
        ("PUT", "/trading-signals/1"),
        ("DELETE", "/trading-signals/1"),
    ):
        answer = await person.ask(method, path, headers=headers, json=signal)
        assert answer.status_code == 403
        assert answer.json()["error"] == "API key missing required scope: signals"


async def test_altered_expired_and_foreign_tokens_open_nothing(product: Product, person: Person) -> None:
    session = await person.log_in()
    token = session["accessToken"]
    head, body, signature = token.split(".")
    codec = JwtCodec(SecretStr(product.environment["JWT_SECRET"]))
    claims = codec.decode(token)
    now = int(datetime.now(UTC).timestamp())

    def made(secret: str = product.environment["JWT_SECRET"], **change: Any) -> str:
        values = {
            "user_id": claims.user_id,
            "email": claims.email,
            "type": TokenType.ACCESS,
            "token_id": "t",
            "issued_at": now,
            "expires_at": now + 900,
        }
        return JwtCodec(SecretStr(secret)).encode(Claims(**{**values, **change}))

    altered = [
        ".".join((head, body, signature[:-2] + ("AA" if signature[-2:] != "AA" else "BB"))),
        ".".join((head, body[:-4] + "AAAA", signature)),
        f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.",
        made("another-secret-0123456789-0123456789"),
        made(issued_at=now - 1000, expires_at=now - 100),
        made(type=TokenType.REFRESH),
        session["refreshToken"],
    ]
    paths = ["/agents", "/auth/me", "/auth/sessions", "/api-keys", "/wallets", "/trading-signals"]
    for text in altered:
        for path in paths:
            assert (await person.ask("GET", path, text)).status_code == 401, (text, path)
    stranger = made(user_id=UserId(new_id()))
    assert (await person.ask("GET", "/auth/me", stranger)).status_code == 404
    assert (await person.ask("GET", "/auth/sessions", stranger)).json() == {"items": []}


async def test_an_adopted_account_keeps_nothing_that_acts_for_it(tmp_path: Path) -> None:
    async with Product(
        tmp_path, {"ALLOW_REGISTRATION": "true", "ADMIN_EMAIL": "first@example.com"}
    ).running() as product:
        squatter = Person(product, ADMIN_EMAIL)
        answer = await squatter.ask(
            "POST", "/auth/register", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        )
        tokens = answer.json()
        token = tokens["accessToken"]
        key = await squatter.ask("POST", "/api-keys", token, json={"name": "k", "scopes": ["full_access"]})
        webhook = (await squatter.ask("POST", "/signal-webhooks", token, json={"name": "w"})).json()
        alert = {"tokenAddress": "x" * 32, "secret": webhook["secret"]}
        works = await squatter.ask("POST", f"/signal-webhooks/{webhook['id']}/in", json=alert)
        assert works.status_code != 403

        product.kill_service()
        product.settings["ADMIN_EMAIL"] = ADMIN_EMAIL
        await product.start_service()

        assert not await squatter.may(token)
        assert (await squatter.refreshed(tokens["refreshToken"])).status_code == 401
        with_key = await squatter.ask("GET", "/agents", headers={"X-API-Key": key.json()["key"]})
        assert with_key.status_code == 401
        into = await squatter.ask("POST", f"/signal-webhooks/{webhook['id']}/in", json=alert)
        assert into.status_code == 403
        admin = (await squatter.log_in(ADMIN_PASSWORD))["accessToken"]
        assert (await squatter.ask("GET", "/api-keys", admin)).json() == {"items": []}
        assert (await squatter.ask("GET", "/signal-webhooks", admin)).json() == {"items": []}
        sessions = (await squatter.ask("GET", "/auth/sessions", admin)).json()["items"]
        assert [one["current"] for one in sessions] == [True]


async def test_a_changed_password_of_the_administrator_survives_a_restart(product: Product) -> None:
    admin = Person(product, ADMIN_EMAIL)
    token = (await admin.log_in(ADMIN_PASSWORD))["accessToken"]
    body = {"currentPassword": ADMIN_PASSWORD, "newPassword": ANOTHER}
    assert (await admin.ask("POST", "/auth/change-password", token, json=body)).status_code == 200

    product.kill_service()
    await product.start_service()

    assert await admin.log_in(ANOTHER)
    product.kill_service()
    product.settings["ADMIN_PASSWORD"] = "a-Password-for-tests-2"
    await product.start_service()
    assert await admin.log_in("a-Password-for-tests-2")


async def in_database(product: Product, statement: str) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(product.database_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
