"""The audit log of the running service: what is in it, who reads it, and that it holds no secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from solders.keypair import Keypair

from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, CheapSecrets, Product

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGER = "mallory@example.com"
PASSPHRASE = "kelp-Violin-92-quartz"
WRONG = "wrong-Password-7"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    async with CheapSecrets(
        tmp_path_factory.mktemp("audit"), {"ALLOW_REGISTRATION": "true"}
    ).running() as product:
        answer = await product.http.post(
            f"{product.url}/api/v1/auth/register", json={"email": STRANGER, "password": ADMIN_PASSWORD}
        )
        assert answer.status_code == 201, answer.text
        yield product


async def entries(product: Product, query: str = "", user: str = ADMIN_EMAIL) -> list[dict[str, Any]]:
    path = "/admin/audit" if user == ADMIN_EMAIL else "/auth/audit"
    found: list[dict[str, Any]] = await product.call("GET", f"{path}?limit=1000{query}", user=user)
    return found


async def log_in(product: Product, email: str, password: str) -> int:
    answer = await product.http.post(
        f"{product.url}/api/v1/auth/login", json={"email": email, "password": password}
    )
    return answer.status_code


async def test_logins_are_in_it_however_they_end(product: Product) -> None:
    victim = "victim@example.com"
    await product.http.post(
        f"{product.url}/api/v1/auth/register", json={"email": victim, "password": ADMIN_PASSWORD}
    )
    assert await log_in(product, victim, ADMIN_PASSWORD) == 200
    statuses = [await log_in(product, victim, WRONG) for _ in range(6)]
    assert statuses[0] == 401
    assert statuses[-1] == 423

    found = [one for one in await entries(product, "&action=auth.login") if one["actor"] == victim]

    assert [one["outcome"] for one in found] == ["locked", *["failed"] * 5, "ok"]
    assert all(one["address"] == "127.0.0.1" for one in found)
    assert found[-1]["userId"] is not None
    (registered,) = [one for one in await entries(product, "&action=auth.register") if one["actor"] == victim]
    assert registered["userId"] == found[-1]["userId"]


async def test_keys_wallets_live_switch_and_kill_switch_are_in_it_without_their_secrets(
    product: Product,
) -> None:
    key = await product.call("POST", "/api-keys", {"name": "Bot", "scopes": ["signals"]}, expect=201)
    await product.call("DELETE", f"/api-keys/{key['id']}")
    agent = await product.call("POST", "/agents", {"name": "Audited"}, expect=201)
    imported = Keypair()
    wallet = {
        "agentId": agent["id"],
        "walletType": "live",
        "passphrase": PASSPHRASE,
        "privateKey": str(imported),
    }
    made = await product.call("POST", "/wallets", wallet, expect=201)
    address = made["walletAddress"]
    await product.call("POST", f"/wallets/{address}/unlock", {"passphrase": PASSPHRASE})
    await product.call("POST", f"/wallets/{address}/lock", {})
    secret = await product.call(
        "POST", f"/wallets/{address}/export", {"passphrase": PASSPHRASE, "confirm": True}
    )
    await product.call("PUT", f"/agents/{agent['id']}", {"tradingMode": "live", "automatedTradingLive": True})
    await product.call("PATCH", f"/agents/{agent['id']}/config", {"config": {"purchaseLimits": {}}})
    await product.call("PUT", "/protections/kill-switch", {"engaged": True, "reason": "News"})
    await product.call("PUT", "/protections/kill-switch", {"engaged": False})

    found = await entries(product)

    by_action = {one["action"]: one for one in reversed(found)}
    assert by_action["api_key.create"]["target"] == key["id"]
    assert by_action["api_key.create"]["details"] == {"name": "Bot", "scopes": "signals"}
    assert by_action["api_key.revoke"]["target"] == key["id"]
    assert by_action["wallet.create"]["target"] == address
    assert by_action["wallet.create"]["details"]["imported"] == "true"
    for action in ("wallet.unlock", "wallet.lock", "wallet.export"):
        assert (by_action[action]["target"], by_action[action]["outcome"]) == (address, "ok")
    live = by_action["agent.update"]
    assert (live["target"], live["actor"]) == (agent["id"], ADMIN_EMAIL)
    assert live["details"] == {
        "tradingMode": "live",
        "automatedTradingLive": "true",
        "agentMode": "simulation",
    }
    assert by_action["agent.configure"]["details"] == {"agentMode": "live", "changed": "purchaseLimits"}
    stopped = by_action["kill_switch.set"]["details"]
    assert stopped["engaged"] in ("true", "false")
    text = json.dumps(found)
    for hidden in (
        key["key"],
        PASSPHRASE,
        str(imported),
        secret["privateKey"],
        ADMIN_PASSWORD,
        WRONG,
        product.token(),
    ):
        assert hidden not in text


async def test_only_the_administrator_reads_it_and_everybody_reads_their_own(product: Product) -> None:
    await product.call("POST", "/api-keys", {"name": "Hers", "scopes": ["agents"]}, user=STRANGER, expect=201)
    await product.call("POST", "/api-keys", {"name": "Mine", "scopes": ["agents"]}, expect=201)
    assert await log_in(product, STRANGER, WRONG) == 401
    refused = await product.call("GET", "/admin/audit", user=STRANGER, expect=403)
    assert "Forbidden" in refused["error"]
    assert (await product.http.get(f"{product.url}/api/v1/admin/audit")).status_code == 401

    own = await entries(product, user=STRANGER)

    assert {one["actor"] for one in own} == {STRANGER}
    assert {"api_key.create", "auth.login", "auth.register"} <= {one["action"] for one in own}
    assert "failed" in {one["outcome"] for one in own if one["action"] == "auth.login"}


async def test_pages_and_filters_fit_together(product: Product) -> None:
    everything = await entries(product)
    headers = {"Authorization": f"Bearer {product.token()}"}
    seen: list[int] = []
    cursor = ""
    while True:
        answer = await product.http.get(f"{product.url}/api/v1/admin/audit?limit=3{cursor}", headers=headers)
        seen += [one["id"] for one in answer.json()]
        if "x-next-cursor" not in answer.headers:
            break
        cursor = f"&cursor={answer.headers['x-next-cursor']}"
    assert seen == [one["id"] for one in everything]
    assert seen == sorted(seen, reverse=True)
    failed = await entries(product, "&outcome=failed")
    assert failed
    assert {one["outcome"] for one in failed} == {"failed"}
    assert [one["id"] for one in failed] == [one["id"] for one in everything if one["outcome"] == "failed"]
    middle = everything[len(everything) // 2]["at"]
    assert {one["at"] >= middle for one in await entries(product, f"&from={middle}")} == {True}
    await product.call("GET", "/admin/audit?outcome=maybe", expect=400)


async def test_strangers_cannot_fill_it_and_a_signal_is_not_in_it(product: Product) -> None:
    before = [one["id"] for one in await entries(product)]
    for path in ("/api-keys", "/wallets", "/wallets/assign", "/agents"):
        answer = await product.http.post(f"{product.url}/api/v1{path}", json={})
        assert answer.status_code == 401
    await product.signal((await product.tokens())[0]["mint"])
    assert [one["id"] for one in await entries(product)] == before
