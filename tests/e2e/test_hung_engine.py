"""An engine that stands still and goes on later: the standby trades meanwhile, and the one that wakes up does nothing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import Product, until
from tests.e2e.test_trade import bought, check_the_books

LEASE_SECONDS = 5
FUNDS_LAMPORTS = 10 * 10**9


@pytest.fixture
def key() -> Keypair:
    return Keypair()


@pytest.fixture
async def pair(
    tmp_path: Path, database_url: str, redis_url: str, redis: Redis, key: Keypair
) -> AsyncIterator[tuple[Product, Product]]:
    """An engine and a standby with one market and the same live key."""
    shared = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "WALLET_1": str(key),
        "ENGINE_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    folders = [tmp_path / name for name in ("engine", "standby")]
    for folder in folders:
        folder.mkdir()
    engine, standby = (Product(folder, shared) for folder in folders)
    await engine.start_sandbox()
    standby.sandbox_port, standby.sandbox_url = engine.sandbox_port, engine.sandbox_url
    try:
        await engine.start_service()
        await until(lambda: is_engine(engine), "the first one is the engine")
        await standby.start_service()
        yield engine, standby
    finally:
        engine.service.resume()
        await standby.stop()
        await engine.stop()


async def state(product: Product) -> dict[str, Any]:
    """Return what a process says of who trades."""
    answer = (await product.http.get(f"{product.url}/api/v1/health/ready")).json()
    found: dict[str, Any] = answer["engine"]
    return found


async def is_engine(product: Product) -> bool:
    return bool((await state(product))["role"] == "engine")


async def is_replica(product: Product) -> bool:
    return bool((await state(product))["role"] == "replica")


async def orders(control: SandboxControl, kind: str = "order") -> int:
    """Return how often the sandbox was asked."""
    counts: dict[str, int] = (await control.requests())["counts"]
    return counts.get(kind, 0)


async def test_the_standby_sells_and_the_engine_that_wakes_up_writes_nothing(
    pair: tuple[Product, Product], database_url: str
) -> None:
    engine, standby = pair
    agents = [await engine.agent(f"Agent {number}") for number in range(6)]
    tokens = await engine.tokens()
    prices = {token["mint"]: Decimal(str(token["priceSol"])) for token in tokens}
    held, wanted = tokens[0]["mint"], tokens[1]["mint"]
    await bought(engine, agents[0], held)

    async def all_hold_it() -> bool:
        return all([await engine.positions(agent["id"]) for agent in agents])

    await until(all_hold_it, "every agent holds the token")
    said = await state(standby)
    assert (said["role"], said["epoch"]) == ("replica", 1)
    assert said["holder"].endswith(f":{engine.service.pid}")

    # It stands still with purchases under way: their intents are durable, their quote has been asked for.
    async with SandboxControl(engine.sandbox_url) as control:
        before = await orders(control)
        await control.fault("delay", "order", seconds=4, times=1)
        signal_id = await engine.signal(wanted)

        async def asked() -> bool:
            return await orders(control) > before

        await until(asked, "a quote is asked for")
        engine.service.suspend()
        stopped = time.monotonic()
        await control.clear_faults()
    await standby.set_price(held, format(prices[held] * Decimal("0.5"), "f"))

    async def sold() -> bool:
        trades = [await standby.closed(agent["id"]) for agent in agents]
        return all([trade["tokenAddress"] for trade in one] == [held] for one in trades)

    await until(sold, "the standby sells")
    print(f"sold {time.monotonic() - stopped:.2f} s after the engine stood still, lease {LEASE_SECONDS} s")
    assert await is_engine(standby)

    async def decided() -> bool:
        outcomes = [one["outcome"] for one in await standby.decisions(signal_id)]
        return outcomes == ["EXECUTED"] * len(agents)

    await until(decided, "the standby carries the signal out for every agent")

    engine.service.resume()
    await until(lambda: is_replica(engine), "the one that wakes up is a replica")
    await bought(standby, agents[0], tokens[2]["mint"])

    for product in pair:
        assert [one["outcome"] for one in await product.decisions(signal_id)] == ["EXECUTED"] * len(agents)
    for agent in agents:
        await check_the_books(standby, agent)
    connection = await asyncpg.connect(database_url)
    late = await connection.fetchval(
        "SELECT count(*) FROM journal WHERE epoch < 2 AND id > (SELECT min(id) FROM journal WHERE epoch = 2)"
    )
    failed = await connection.fetchval("SELECT count(*) FROM signal_decisions WHERE outcome <> 'EXECUTED'")
    await connection.close()
    assert (late, failed) == (0, 0)


async def test_the_engine_that_wakes_up_posts_nothing(pair: tuple[Product, Product], key: Keypair) -> None:
    engine, standby = pair
    wallet = str(key.pubkey())
    async with SandboxControl(engine.sandbox_url) as control:
        mint = (
            await control.add_tokens(
                [{"symbol": "LIVE", "priceSol": "0.001", "liquiditySol": "1000", "decimals": 6}]
            )
        )[0]["mint"]
        await control.fund(wallet, lamports=FUNDS_LAMPORTS)
        agent = await engine.call("POST", "/agents", {"name": "Live", "tradingMode": "live"}, expect=201)
        config = {"positionCalculator": {"randomization": {"enabled": False}}}
        await engine.call("PATCH", f"/agents/{agent['id']}/config", {"config": config})
        body = {"agentId": agent["id"], "walletAddress": wallet, "walletType": "live"}
        await engine.call("POST", "/wallets/assign", body, expect=201)
        await engine.call("POST", f"/wallets/{wallet}/check-deposits", {"agentId": agent["id"]})

        before = await orders(control)
        await control.fault("delay", "order", seconds=4, times=1)
        await engine.signal(mint)

        async def asked() -> bool:
            return await orders(control) > before

        await until(asked, "an order is asked for")
        engine.service.suspend()
        await control.clear_faults()
        await until(lambda: standby.positions(agent["id"]), "the standby carries the purchase out")
        posted = await orders(control, "execute")
        assert posted == 1

        engine.service.resume()
        await until(lambda: is_replica(engine), "the one that wakes up is a replica")
        await standby.set_price(mint, "0.0005")

        async def sold() -> bool:
            return len(await standby.closed(agent["id"])) == 1

        await until(sold, "the standby sells")
        assert await orders(control, "execute") == 2
        account = (await control.state())["accounts"][wallet]
        assert not any(int(amount) for amount in account["tokens"].values())
    # What needs the engine is refused elsewhere, with its name.
    refused = await engine.call(
        "POST",
        "/trades/execute",
        {"agentId": agent["id"], "walletAddress": wallet, "tokenAddress": mint, "positionSize": "0.1"},
        expect=503,
    )
    assert refused["code"] == "NOT_THE_ENGINE", refused
