"""Limits and repeated requests with real processes: shared between two services, and across a crash."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from tests.e2e.product import ADMIN_EMAIL, Product, until
from tests.e2e.test_market_trouble import fault
from tests.e2e.test_trade import bought, check_the_books

SEVERAL = 20
ELSEWHERE = {"X-Forwarded-For": "10.1.2.3"}
BEHIND_A_PROXY = {"TRUSTED_PROXIES": "1"}
WRONG = {"email": "nobody@example.com", "password": "wrong"}


@pytest.fixture
async def product(tmp_path: Path, database_url: str, redis_url: str, redis: Redis) -> AsyncIterator[Product]:
    """A service with servers that are not its own, and a market."""
    async with Product(tmp_path, {"DATABASE_URL": database_url, "REDIS_URL": redis_url}).running() as product:
        await product.login()
        yield product


async def post(product: Product, path: str, body: object, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {product.token(ADMIN_EMAIL)}", "Idempotency-Key": key}
    return await product.http.post(f"{product.url}/api/v1{path}", json=body, headers=headers)


async def test_twenty_equal_requests_at_once_are_one(product: Product) -> None:
    token = (await product.tokens())[0]["mint"]
    signal = {"tokenAddress": token, "symbol": "EXM", "signalType": "TEST", "signalStrength": 3}
    for path, body in (("/agents", {"name": "Once"}), ("/api-keys", {"name": "Once", "scopes": ["signals"]})):
        answers = await asyncio.gather(*(post(product, path, body, "one") for _ in range(SEVERAL)))
        assert Counter(answer.status_code for answer in answers).keys() <= {201, 409}
        refused = [answer for answer in answers if answer.status_code == 409]
        assert {answer.json()["code"] for answer in refused} <= {
            "IDEMPOTENCY_IN_PROGRESS",
            "IDEMPOTENCY_KEY_REUSED",
        }
        if path == "/agents":
            made = {answer.content for answer in answers if answer.status_code == 201}
            assert len(made) == 1
            again = await post(product, path, body, "one")
            assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
            assert {again.content} == made
        else:
            # The key belongs to the other request.
            assert Counter(answer.status_code for answer in answers) == {409: SEVERAL}
    sent = await asyncio.gather(*(post(product, "/trading-signals", signal, "two") for _ in range(SEVERAL)))

    assert len({answer.content for answer in sent if answer.status_code == 201}) == 1
    assert len(await product.call("GET", "/agents")) == 1
    assert len(await product.call("GET", "/trading-signals")) == 1
    assert (await product.call("GET", "/api-keys"))["items"] == []


async def test_killed_in_the_middle_of_a_sale_it_is_not_sold_twice(
    product: Product, database_url: str
) -> None:
    agent = await product.agent()
    token = (await product.tokens())[0]["mint"]
    position = await bought(product, agent, token)
    path = f"/agent-positions/{agent['id']}/{position['id']}/close"
    await fault(product, endpoint="order", kind="delay", seconds=60)
    connection = await asyncpg.connect(database_url)
    try:
        closing = asyncio.create_task(post(product, path, {}, "sale"))

        async def noted() -> Any:
            return await connection.fetchval("SELECT true FROM idempotency_keys WHERE status IS NULL")

        await until(noted, "the request is noted")
        busy = await post(product, path, {}, "sale")
        assert (busy.status_code, busy.json()["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
        assert busy.headers["retry-after"] == "1"
        product.kill_service()
        with pytest.raises(httpx.HTTPError):
            await closing
        await product.http.delete(f"{product.sandbox_url}/control/faults")
        await product.start_service()

        # Another process might be at it still.
        early = await post(product, path, {}, "sale")
        await connection.execute("UPDATE idempotency_keys SET created_at = created_at - interval '2 minutes'")
        late = await post(product, path, {}, "sale")
    finally:
        await connection.close()

    assert (early.status_code, early.json()["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert (late.status_code, late.json()["code"]) == (409, "IDEMPOTENCY_OUTCOME_UNKNOWN")
    # Whoever looks sees that it was not sold, and sells it under a new key.
    assert [row["id"] for row in await product.positions(agent["id"])] == [position["id"]]
    sold = await post(product, path, {}, "another")
    again = await post(product, path, {}, "another")
    assert (sold.status_code, again.status_code) == (200, 200), sold.text
    assert again.content == sold.content

    async def booked() -> bool:
        return len(await product.closed(agent["id"])) == 1

    await until(booked, "the sale is in the tables")
    await check_the_books(product, agent)


async def test_two_services_count_together(
    tmp_path: Path, database_url: str, redis_url: str, redis: Redis
) -> None:
    settings = {
        "DATABASE_URL": database_url,
        "RATE_LIMITS": "true",
        "RATE_LIMIT_PER_USER": "30",
        **BEHIND_A_PROXY,
    }
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    one, two = (Product(folder, {**settings, "REDIS_URL": redis_url}) for folder in folders)
    await one.start_sandbox()
    two.sandbox_url = one.sandbox_url
    try:
        await one.start_service()
        await two.start_service()

        # Exactly five logins a minute, whichever of the two is asked.
        statuses = [
            (await one.http.post(f"{where.url}/api/v1/auth/login", json=WRONG, headers=ELSEWHERE)).status_code
            for where in (one, two, one, two, one, two)
        ]
        assert statuses == [401] * 5 + [429]

        # Redis is disposable: emptying it lets nobody off, and other addresses are not concerned.
        await redis.flushall()
        refused = await one.http.post(f"{one.url}/api/v1/auth/login", json=WRONG, headers=ELSEWHERE)
        assert refused.status_code == 429
        token = await one.login()

        async def ask(where: Product) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"}
            return await where.http.get(f"{where.url}/api/v1/agents", headers=headers)

        used_up = [await ask(one) for _ in range(31)]
        assert [answer.status_code for answer in used_up] == [200] * 30 + [429]
        assert used_up[30].headers["ratelimit-remaining"] == "0"
        assert 0 < used_up[30].json()["retryAfter"] <= 60

        async def refused_elsewhere() -> bool:
            return (await ask(two)).status_code == 429

        # The other one hears of it long before it has counted thirty itself.
        await until(refused_elsewhere, "the other service refuses as well")
        assert len([name async for name in redis.scan_iter("*ratelimit:u:*")]) == 1
    finally:
        await two.stop()
        await one.stop()


async def test_limits_hold_and_nobody_waits_while_redis_hangs(tmp_path: Path) -> None:
    async with Product(tmp_path, {"RATE_LIMITS": "true", **BEHIND_A_PROXY}).running() as product:
        await product.login()
        cache = product.redis()
        cache.suspend()
        try:
            answers = [
                await product.http.post(f"{product.url}/api/v1/auth/login", json=WRONG, headers=ELSEWHERE)
                for _ in range(6)
            ]
            agents = await product.call("GET", "/agents")
        finally:
            cache.resume()

        assert [answer.status_code for answer in answers] == [401] * 5 + [429]
        assert agents == []
