"""The dashboard's session and one-time links against the real service, and `nexgent dashboard` beside it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from nexgent.shared.tls import verification
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    async with Product(tmp_path_factory.mktemp("web")).running() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def page(product: Product) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with the page open, and nothing else."""
    headers = {"x-nexgent-web": "1", "origin": product.url}
    async with httpx.AsyncClient(
        base_url=product.url, timeout=PATIENCE_SECONDS, headers=headers, verify=verification(product.url)
    ) as made:
        yield made


async def post(page: httpx.AsyncClient, path: str, body: object = None) -> httpx.Response:
    return await page.post(f"/api/v1/web/{path}", json=body)


async def link_of(product: Product) -> str:
    code, out, err = await product.run("dashboard", "--json")
    assert code == 0, err
    made = json.loads(out)
    address, _, token = made["url"].partition("/#/link/")
    assert address == product.url
    return str(token)


async def keys_of(product: Product) -> dict[str, bytes]:
    async with Redis.from_url(product.redis_url) as redis:
        names = [name async for name in redis.scan_iter("*web_link:*")]
        return {name.decode(): await redis.get(name) for name in names}


async def test_the_page_logs_in_goes_on_and_logs_out(product: Product, page: httpx.AsyncClient) -> None:
    assert (await page.get("/")).headers["content-type"].startswith("text/html")
    login = await post(page, "login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
    assert login.status_code == 200, login.text
    refreshed = await post(page, "refresh")
    token = refreshed.json()["accessToken"]
    bearer = {"authorization": f"Bearer {token}"}
    assert (await page.get("/api/v1/agents", headers=bearer)).status_code == 200
    sessions = (await page.get("/api/v1/auth/sessions", headers=bearer)).json()["items"]
    assert sum(one["current"] for one in sessions) == 1

    assert (await post(page, "logout")).status_code == 200

    assert (await page.get("/api/v1/agents", headers=bearer)).status_code == 401
    assert (await post(page, "refresh")).status_code == 401


async def test_two_tabs_that_refresh_at_once_get_the_same_next_token(
    product: Product, page: httpx.AsyncClient
) -> None:
    await post(page, "login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})

    answers = await asyncio.gather(*(post(page, "refresh") for _ in range(4)))

    assert [one.status_code for one in answers] == [200] * 4
    assert len({one.headers["set-cookie"] for one in answers}) == 1
    assert (await post(page, "refresh")).status_code == 200


async def test_a_link_of_the_command_logs_in_once_whoever_asks_at_the_same_time(
    product: Product, page: httpx.AsyncClient
) -> None:
    token = await link_of(product)
    kept = await keys_of(product)
    assert len(kept) == 1
    assert not any(token in name or token.encode() in value for name, value in kept.items())

    answers = await asyncio.gather(*(post(page, "link", {"token": token}) for _ in range(4)))

    assert sorted(one.status_code for one in answers) == [200, 401, 401, 401]
    [refused, *_] = [one for one in answers if one.status_code == 401]
    assert refused.json()["code"] == "LINK_OVER"
    assert (await post(page, "refresh")).json()["user"]["email"] == ADMIN_EMAIL
    assert await keys_of(product) == {}


async def test_who_can_write_to_redis_makes_no_links(product: Product, page: httpx.AsyncClient) -> None:
    token = await link_of(product)
    [(name, sealed)] = (await keys_of(product)).items()
    assert ADMIN_EMAIL.encode() not in sealed
    prefix, _, _ = name.rpartition(":")
    me = str((await product.call("GET", "/auth/me"))["id"])
    later = int(time.time()) + 600
    forged = json.dumps({"user_id": me, "issued_at": later - 600, "good_until": later}).encode()
    async with Redis.from_url(product.redis_url) as redis:
        for text, value in (("plain", forged), ("moved", sealed), ("empty", b"")):
            await redis.set(f"{prefix}:{hashlib.sha256(text.encode()).hexdigest()}", value)

    for text in ("plain", "moved", "empty"):
        assert (await post(page, "link", {"token": text})).json()["code"] == "LINK_OVER"
    assert (await post(page, "link", {"token": token})).status_code == 200


async def test_what_was_done_is_in_the_audit_log_without_its_secrets(
    product: Product, page: httpx.AsyncClient
) -> None:
    token = await link_of(product)
    session = (await post(page, "link", {"token": token})).json()
    await post(page, "link", {"token": "guessed"})
    await post(page, "login", {"email": ADMIN_EMAIL, "password": "wrong"})
    await post(page, "logout")
    await post(page, "logout")
    again = (await post(page, "login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})).json()

    answer = await page.get(
        "/api/v1/auth/audit?limit=6", headers={"authorization": f"Bearer {again['accessToken']}"}
    )

    entries: list[dict[str, Any]] = answer.json()
    assert [(one["action"], one["outcome"]) for one in entries][:5] == [
        ("auth.login", "ok"),
        ("auth.logout", "ok"),
        ("auth.login", "failed"),
        ("auth.link", "ok"),
        ("auth.link_made", "ok"),
    ]
    assert token not in answer.text
    assert session["accessToken"] not in answer.text
    assert token not in product.log("service")


async def test_the_command_says_what_to_do_without_a_service_of_its_own(product: Product) -> None:
    code, _, err = await product.run("dashboard", "--url", product.url)

    # Whoever names an address proves nothing about its data folder.
    assert code == 3
    assert "own machine" in err
