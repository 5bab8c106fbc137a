"""Every route for everybody: nobody, its user, another user, the administrator, a key of each scope, and what has ended.

The rows are the endpoints themselves, and what is expected follows from the access they declare. A route that asks for nobody has
to be named in `PUBLIC` with the reason, so one that forgets to ask fails here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi.routing import APIRoute
from pydantic import SecretStr

from nexgent.api.app import ENDPOINTS, create_api
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.domain.users.models import ASKED_FOR, READERS, Claims, Scope, TokenType
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.e2e.product import ADMIN_EMAIL, CheapSecrets, Product
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUBLIC: dict[str, str] = {
    "GET /health": "supervisors ask before anybody can log in",
    "GET /health/live": "supervisors ask before anybody can log in",
    "GET /health/ready": "supervisors ask before anybody can log in",
    "POST /auth/login": "proves who one is",
    "POST /auth/register": "makes an account, where that is allowed",
    "POST /auth/refresh": "proves with a refresh token who one is",
    "POST /web/login": "proves who one is",
    "POST /web/refresh": "proves with the session's cookie who one is",
    "POST /web/logout": "ends the session of the cookie, if there is one",
    "POST /web/link": "proves with a one-time link who one is",
    "POST /webhooks/test": "gives back what was sent",
    "POST /signal-webhooks/{id}/in": "the alert proves by secret, signature or key where it comes from",
}
"""Endpoints that ask for nobody, and why that is right."""
OWN_DOOR = {"GET /metrics": "session"}
"""Endpoints that check the caller themselves, and whom they let in."""
BESIDE = {"/health", f"{PREFIX}/openapi.json", "/openapi.json"}
"""Routes that are no endpoints: documentation and a redirect. They show nothing of anybody."""
ADMIN_ONLY = re.compile(r"^/admin/")
PASSED = "passed"


def named(endpoint: ApiRoute) -> str:
    return f"{endpoint.method} {endpoint.path}"


@dataclass(frozen=True)
class SocketCaller:
    """Somebody with something to show."""

    name: str
    headers: Mapping[str, str]
    user: str = ""
    scopes: frozenset[str] = frozenset()
    void: bool = False

    @property
    def with_key(self) -> bool:
        return "X-API-Key" in self.headers


@dataclass
class World:
    """A running service, its visitors, and what the first user has."""

    product: Product
    http: httpx.AsyncClient
    ids: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    users: dict[str, tuple[UserId, str]] = field(default_factory=dict)

    def token(self, who: str, **change: Any) -> str:
        """Return a session of its own for each request: some of them end the session that asks."""
        user_id, email = self.users[who]
        now = int(datetime.now(UTC).timestamp())
        values: dict[str, Any] = {
            "user_id": user_id,
            "email": email,
            "type": TokenType.ACCESS,
            "token_id": str(uuid4()),
            "issued_at": now,
            "expires_at": now + 900,
        }
        codec = JwtCodec(SecretStr(self.product.environment["JWT_SECRET"]))
        return codec.encode(Claims(**{**values, **change}))

    def visitors(self) -> list[SocketCaller]:
        """Return everybody, with sessions nobody has used yet."""

        def bearer(token: str) -> dict[str, str]:
            return {"Authorization": f"Bearer {token}"}

        mine = self.token("owner")
        past = int(datetime.now(UTC).timestamp()) - 60
        found = [
            SocketCaller("nobody", {}, void=True),
            SocketCaller("owner", bearer(mine), "owner"),
            SocketCaller("other user", bearer(self.token("other")), "other"),
            SocketCaller("administrator", bearer(self.token("admin")), "admin"),
            SocketCaller("altered token", bearer(mine[:-4] + mine[-4:][::-1] + "x"), void=True),
            SocketCaller("expired token", bearer(self.token("owner", expires_at=past)), void=True),
            SocketCaller("refresh token", bearer(self.token("owner", type=TokenType.REFRESH)), void=True),
            SocketCaller("unknown key", {"X-API-Key": "nex_" + "x" * 32}, void=True),
            SocketCaller("revoked key", {"X-API-Key": self.keys["revoked"]}, void=True),
            SocketCaller("expired key", {"X-API-Key": self.keys["expired"]}, void=True),
        ]
        for scope in Scope:
            headers = {"X-API-Key": self.keys[scope.value]}
            found.append(SocketCaller(f"key {scope.value}", headers, "owner", frozenset({scope.value})))
        return found

    def path(self, endpoint: ApiRoute) -> str:
        """Return the endpoint's path with what the first user has, where there is some."""
        own = {
            "agents": "agent",
            "protections": "agent",
            "balances": "balance",
            "signals": "signal",
            "transactions": "transaction",
            "api-keys": "key",
            "signal webhooks": "webhook",
            "notifications": "target",
            "auth": "session",
        }

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name == "agentId":
                return self.ids["agent"]
            if name == "walletAddress":
                return self.ids["wallet"]
            return self.ids.get(own.get(endpoint.tag, ""), str(new_id())) if name == "id" else str(new_id())

        return re.sub(r"\{(\w+)\}", value, endpoint.path)

    async def ask(self, endpoint: ApiRoute, visitor: SocketCaller) -> httpx.Response:
        """Send a request without any content: who may not call is refused before it is looked at."""
        path = self.path(endpoint)
        if endpoint.method == "DELETE" and visitor.user == "owner":
            # Whoever may take something away gets nothing to take: the visitors after them need it.
            path = re.sub(
                r"\{id\}", "2147480000" if endpoint.tag == "signals" else str(new_id()), endpoint.path
            )
            path = re.sub(r"\{\w+\}", str(new_id()), path)
        return await self.http.request(endpoint.method, PREFIX + path, headers=dict(visitor.headers))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with (
        CheapSecrets(tmp_path_factory.mktemp("matrix"), {"ALLOW_REGISTRATION": "true"}).running() as product,
        httpx.AsyncClient(base_url=product.url, timeout=PATIENCE_SECONDS) as http,
    ):
        made = World(product, http)
        await _furnish(made)
        yield made


async def _furnish(world: World) -> None:
    product = world.product
    await product.login()
    me = await product.call("GET", "/auth/me")
    world.users["admin"] = (UserId(me["id"]), ADMIN_EMAIL)
    for who in ("owner", "other"):
        email = f"{who}@example.com"
        answer = await world.http.post(
            f"{PREFIX}/auth/register", json={"email": email, "password": "Correct-horse-1"}
        )
        assert answer.status_code == 201, answer.text
        world.users[who] = (UserId(answer.json()["user"]["id"]), email)
        if who == "owner":
            world.ids["session"] = (
                JwtCodec(SecretStr(product.environment["JWT_SECRET"]))
                .decode(answer.json()["accessToken"])
                .session_id
            )
    await _furnish_owner(world)


async def _furnish_owner(world: World) -> None:
    async def made(path: str, body: object) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {world.token('owner')}"}
        answer = await world.http.post(PREFIX + path, json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        content: dict[str, Any] = answer.json()
        return content

    agent = await made("/agents", {"name": "Mine"})
    deposit = {
        "agentId": agent["id"],
        "transactionType": "DEPOSIT",
        "transactionValueUsd": 0,
        "transactionTime": "2026-01-01T00:00:00Z",
        "inputMint": "So11111111111111111111111111111111111111112",
        "inputSymbol": "SOL",
        "inputAmount": "1",
        "inputPrice": "1",
    }
    transaction = await made("/agent-transactions", deposit)
    mint = (await world.product.tokens())[0]["mint"]
    signal = await made("/trading-signals", {"tokenAddress": mint, "signalType": "T", "signalStrength": 1})
    webhook = await made("/signal-webhooks", {"name": "Mine"})
    program = {"name": "Mine", "channel": "webhook", "url": "https://mine.example/in"}
    target = await made("/notifications/targets", program)
    world.ids |= {
        "agent": agent["id"],
        "transaction": transaction["id"],
        "wallet": transaction["walletAddress"],
        "signal": str(signal["id"]),
        "webhook": webhook["id"],
        "target": target["id"],
    }
    for scope in Scope:
        key = await made("/api-keys", {"name": scope.value, "scopes": [scope.value]})
        world.keys[scope.value] = key["key"]
    kept = await made("/api-keys", {"name": "kept", "scopes": ["agents"]})
    revoked = await made("/api-keys", {"name": "revoked", "scopes": ["full_access"]})
    end = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    expired = await made("/api-keys", {"name": "expired", "scopes": ["full_access"], "expiresAt": end})
    world.keys |= {"revoked": revoked["key"], "expired": expired["key"]}
    world.ids["key"] = kept["id"]
    headers = {"Authorization": f"Bearer {world.token('owner')}"}
    gone = await world.http.delete(f"{PREFIX}/api-keys/{revoked['id']}", headers=headers)
    assert gone.status_code == 200
    connection: asyncpg.Connection[Any] = await asyncpg.connect(world.product.database_url)
    try:
        await connection.execute(
            "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1", expired["id"]
        )
    finally:
        await connection.close()


def expected(endpoint: ApiRoute, visitor: SocketCaller) -> int | str:
    """Return what a cell of the matrix says: a refusal's status, or that the caller gets past the door."""
    access = OWN_DOOR.get(named(endpoint), endpoint.access.value)
    if access == "public":
        return PASSED
    if visitor.void or (access == "session" and visitor.with_key):
        return 401
    if visitor.with_key:
        reader = READERS.get(Scope(access)) if endpoint.method == "GET" else None
        opened_by = {access, reader} | ({"full_access"} if Scope(access) not in ASKED_FOR else set())
        return PASSED if visitor.scopes & opened_by else 403
    if ADMIN_ONLY.match(endpoint.path) and visitor.user != "admin":
        return 403
    return PASSED


def seen(endpoint: ApiRoute, answer: httpx.Response) -> int | str:
    """Return whether an answer is a refusal at the door, or comes from behind it."""
    if answer.status_code == 401 and named(endpoint) not in PUBLIC:
        return 401
    if answer.status_code == 403 and named(endpoint) not in PUBLIC:
        text = answer.json()["error"]
        if text.startswith("API key missing required scope") or (ADMIN_ONLY.match(endpoint.path)):
            return 403
    assert answer.status_code < 500, answer.text
    return PASSED


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
async def test_who_gets_in(world: World, endpoint: ApiRoute) -> None:
    wrong = []
    for visitor in world.visitors():
        answer = await world.ask(endpoint, visitor)
        wanted, found = expected(endpoint, visitor), seen(endpoint, answer)
        if wanted != found:
            wrong.append(f"{visitor.name}: expected {wanted}, got {answer.status_code} {answer.text[:200]}")
    assert wrong == []


@pytest.mark.parametrize(
    "endpoint",
    [one for one in ENDPOINTS if "{" in one.path and one.access.value != "public"],
    ids=named,
)
@pytest.mark.parametrize("who", ["other", "admin"])
async def test_what_belongs_to_somebody_is_not_anybody_elses(
    world: World, endpoint: ApiRoute, who: str
) -> None:
    visitor = SocketCaller(who, {"Authorization": f"Bearer {world.token(who)}"}, who)

    answer = await world.ask(endpoint, visitor)

    assert answer.status_code in {400, 403, 404}, answer.text


async def test_what_belongs_to_the_owner_is_still_there(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.token('owner')}"}
    for path in (
        f"/agents/{world.ids['agent']}",
        f"/agent-transactions/{world.ids['transaction']}",
        f"/trading-signals/{world.ids['signal']}",
        f"/signal-webhooks/{world.ids['webhook']}",
        f"/notifications/targets/{world.ids['target']}",
        f"/api-keys/{world.ids['key']}",
    ):
        answer = await world.http.get(PREFIX + path, headers=headers)
        assert answer.status_code == 200, (path, answer.text)


async def test_whoever_asks_for_nobody_has_a_reason() -> None:
    public = {named(one) for one in ENDPOINTS if one.access.value == "public"}

    assert public - set(OWN_DOOR) == set(PUBLIC)
    assert set(OWN_DOOR) <= public


async def test_no_route_is_beside_the_matrix() -> None:
    listed = {(one.method, PREFIX + one.path) for one in ENDPOINTS}
    for route in create_api().routes:
        if isinstance(route, APIRoute) and route.path not in BESIDE and "/docs" not in route.path:
            (method,) = route.methods or {""}
            assert (method, route.path) in listed, f"{method} {route.path} is no endpoint of the matrix"
