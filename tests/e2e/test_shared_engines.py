"""Several engines on one database, each with its share of the agents: killed, frozen, stopped and started while they trade."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from redis.asyncio import Redis
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.e2e.engines import Engines
from tests.e2e.live import live_agent, only_token
from tests.e2e.orders import an_order, post
from tests.e2e.product import Product, until

PASSPHRASE = "a long enough Passphrase 1"
LEASE_SECONDS = 5
AGENTS = 24


@pytest.fixture
def key() -> Keypair:
    return Keypair()


@pytest.fixture
async def engines(
    tmp_path: Path, database_url: str, redis_url: str, redis: Redis, key: Keypair
) -> AsyncIterator[Engines]:
    """Three engines with one market and one live key."""
    settings = {
        "WALLET_1": str(key),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ENGINES": "shared",
        "ENGINE_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    products = [Product(folder, settings) for folder in folders]
    await products[0].start_sandbox()
    for product in products[1:]:
        product.sandbox_port, product.sandbox_url = products[0].sandbox_port, products[0].sandbox_url
    try:
        for product in products:
            await product.start_service()
        yield Engines(products, database_url)
    finally:
        for product in reversed(products):
            with suppress(psutil.NoSuchProcess):
                product.service.resume()
            await product.stop()


async def all_hold(product: Product, agents: Sequence[dict[str, Any]], *tokens: str) -> None:
    """Wait until each agent holds just these tokens."""

    async def so() -> bool:
        held = [{one["tokenAddress"] for one in await product.positions(agent["id"])} for agent in agents]
        return all(mine == set(tokens) for mine in held)

    await until(so, f"every agent holds {tokens or 'nothing'}")


async def test_three_engines_trade_and_one_after_the_other_is_killed_frozen_and_replaced(
    engines: Engines,
) -> None:
    one, two, three = engines.all
    await engines.spread()
    await engines.act()
    agents = [await engines.all[number % 3].agent(f"Agent {number}") for number in range(AGENTS)]
    tokens = await one.tokens()
    first, second, third, fourth, fifth = (token["mint"] for token in tokens[:5])
    prices = {token["mint"]: Decimal(str(token["priceSol"])) for token in tokens}
    assert all([await engines.of(product, agents) for product in engines.all]), (
        "each has somebody to trade for"
    )

    # A signal that one process is sent is carried out by all, and what a price says is done by whoever has the agent.
    # Whoever looks at an agent sees the same on each of them.
    async with AsyncExitStack() as stack:
        watchers = [
            await stack.enter_async_context(product.follow(agents[0]["id"])) for product in engines.all
        ]
        for watcher in watchers:
            await watcher.next(lambda frame: frame["type"] == "initial_data", "the snapshot")
        await engines.decided(await two.signal(first), AGENTS)
        for watcher in watchers:
            frame = await watcher.update("position_created")
            assert frame["position"]["tokenAddress"] == first
    for product in engines.all:
        await all_hold(product, agents, first)
    epochs = await engines.ask("SELECT DISTINCT epoch FROM journal WHERE kind = 'settled'")
    assert len(epochs) == 3
    # A wallet that is reset at one of them is empty on all of them, on its engine as well.
    its = await engines.of(two, agents)
    elsewhere = [agent for agent in agents if agent not in its]
    await two.call("POST", f"/wallets/{elsewhere[0]['wallet']}/reset", {"confirm": True})
    for product in engines.all:
        await all_hold(product, elsewhere[:1])
    await two.deposit(elsewhere[0]["id"], "10")
    await one.set_price(first, format(prices[first] / 2, "f"))
    await all_hold(three, agents)

    # One is killed with purchases under way: their intents are durable, the quote has been asked for.
    async with SandboxControl(one.sandbox_url) as control:
        await control.fault("delay", "order", mint=second, seconds=5, times=3)
        # The order by hand has no answer until its deadline, which is far off: it is under way when its engine is killed.
        await control.fault("delay", "order", mint=fifth, seconds=60, times=2)
        (mine, *_) = await engines.of(three, agents)
        key, order = uuid4().hex, an_order(mine, fifth)
        asking = asyncio.ensure_future(post(one, "/trades/execute", order, key=key))
        signal_id = await one.signal(second)

        async def intended() -> bool:
            rows = await engines.ask(
                "SELECT FROM journal WHERE kind = 'intended' AND body::text LIKE $1", f"%{second}%"
            )
            by_hand = await engines.ask(
                "SELECT FROM journal WHERE kind = 'intended' AND body::text LIKE $1", f"%{fifth}%"
            )
            return len(rows) == AGENTS and bool(by_hand)

        await until(intended, "every agent is buying, and one by hand")
        three.kill_service()
        engines.up.remove(three)
        await control.clear_faults()
    began = time.monotonic()
    await engines.decided(signal_id, AGENTS)
    await engines.spread()
    # Whoever had taken the order by hand can say nothing any more; whoever follows it has carried it out, and it is not repeated.
    status, answer, _ = await asking
    assert (status, answer["code"]) == (504, "OUTCOME_UNKNOWN")
    status, answer, _ = await post(one, "/trades/execute", order, key=key)
    assert (status, answer["code"]) in {
        (409, "IDEMPOTENCY_IN_PROGRESS"),
        (409, "IDEMPOTENCY_OUTCOME_UNKNOWN"),
    }
    await all_hold(one, [mine], second, fifth)
    (by_hand,) = [row for row in await one.positions(mine["id"]) if row["tokenAddress"] == fifth]
    status, answer, _ = await post(
        two, f"/agents/{mine['id']}/positions/{by_hand['id']}/close", {"reason": "manual"}
    )
    assert status == 200, answer
    print(f"carried out {time.monotonic() - began:.2f} s after one engine was killed")

    # One stands still: the other one does everything, stops of its positions included.
    two.service.suspend()
    engines.up.remove(two)
    began = time.monotonic()
    await one.set_price(second, format(prices[second] / 2, "f"))
    await all_hold(one, agents)
    print(f"sold {time.monotonic() - began:.2f} s after one engine stood still, lease {LEASE_SECONDS} s")
    await engines.decided(await one.signal(third), AGENTS)
    two.service.resume()
    engines.up.append(two)
    await engines.spread()

    # One comes back, one is stopped and started again, and signals come meanwhile.
    await three.start_service()
    engines.up.append(three)
    signals = [await three.signal(fourth, kind="WHILE")]
    await one.stop_service()
    await one.start_service()
    signals.append(await one.signal(fourth, kind="AFTER"))
    await engines.spread()
    # A shard that moves meanwhile may hear of the second one first.
    await engines.shared_out(signals, AGENTS)
    await one.set_price(third, format(prices[third] / 2, "f"))
    await all_hold(two, agents, fourth)
    await engines.check(agents)


async def unlocked_by_way_of(other: Product, owner: Product, engines: Engines) -> str:
    """Unlock, lock and unlock a wallet of an agent of one engine at another one; return it."""
    while True:
        agent = await other.call("POST", "/agents", {"name": "Locked", "tradingMode": "live"}, expect=201)
        if await engines.of(owner, [agent]):
            break
        await other.call("DELETE", f"/agents/{agent['id']}")
    body = {"agentId": agent["id"], "passphrase": PASSPHRASE}
    wallet = (await other.call("POST", "/wallets", body, expect=201))["walletAddress"]

    async def known() -> bool:
        return bool(await owner.call("GET", f"/wallets/{wallet}/status"))

    await until(known, "the engine knows the wallet")
    status, wrong, _ = await post(other, f"/wallets/{wallet}/unlock", {"passphrase": "not the passphrase 1"})
    assert (status, wrong["code"]) == (403, "INVALID_PASSPHRASE")
    status, answer, headers = await post(other, f"/wallets/{wallet}/unlock", {"passphrase": PASSPHRASE})
    assert (status, answer["isUnlocked"], headers["cache-control"]) == (200, True, "no-store"), answer
    for one in engines.up:
        assert (await one.call("GET", f"/wallets/{wallet}/status"))["isUnlocked"]

    async def shown() -> bool:
        lists = [(await one.call("GET", "/wallets"))["wallets"] for one in engines.up]
        notices = [(await one.call("GET", "/overview/attention"))["items"] for one in engines.up]
        unlocked = [row["isUnlocked"] for rows in lists for row in rows if row["walletAddress"] == wallet]
        return unlocked == [True] * len(lists) and not any(
            one["kind"] == "wallet_locked" for items in notices for one in items
        )

    await until(shown, "every process says that it is unlocked, and warns of nothing")
    entries = await engines.ask("SELECT action, outcome FROM audit_log WHERE target = $1 ORDER BY at", wallet)
    assert [tuple(row) for row in entries if row["action"] == "wallet.unlock"] == [
        ("wallet.unlock", "failed"),
        ("wallet.unlock", "ok"),
    ]
    status, answer, _ = await post(other, f"/wallets/{wallet}/lock", {})
    assert (status, answer["isUnlocked"]) == (200, False), answer
    assert not (await owner.call("GET", f"/wallets/{wallet}/status"))["isUnlocked"]
    status, _, _ = await post(other, f"/wallets/{wallet}/unlock", {"passphrase": PASSPHRASE})
    assert status == 200
    return str(wallet)


async def told_that_moved(product: Product, wallet: str) -> bool:
    lines = product.log("service").splitlines()
    return any("wallet.locked" in line and wallet in line and '"moved"' in line for line in lines)


async def test_a_live_swap_is_posted_once_whoever_its_engine_is(engines: Engines, key: Keypair) -> None:
    """Its engine stands still with the order asked for; the one that follows it posts, and the first one does not."""
    await engines.spread()
    await engines.act()
    wallet = str(key.pubkey())
    async with SandboxControl(engines.all[0].sandbox_url) as control:

        async def counted(kind: str) -> int:
            counts: dict[str, int] = (await control.requests())["counts"]
            return counts.get(kind, 0)

        mint, config = await only_token(control, "LIVE")
        agent = await live_agent(engines.all[0], control, wallet, "Live", config)
        owners = [one for one in engines.all if await engines.of(one, [agent])]
        assert len(owners) == 1
        (owner,) = owners
        other = next(one for one in engines.all if one is not owner)
        await until(lambda: other.call("GET", f"/agents/{agent['id']}"), "the other one knows the agent")
        # Whoever does not trade for it has its engine carry it out: one swap for an order that comes twice.
        repeated = uuid4().hex
        order = {**an_order(agent, mint, "0.1"), "walletAddress": wallet}
        answers = [await post(one, "/trades/execute", order, key=repeated) for one in (other, owner, other)]
        assert [status for status, _, _ in answers] == [200, 200, 200], answers
        assert len({answer["transactionHash"] for _, answer, _ in answers}) == 1
        assert await counted("execute") == 1
        position = answers[0][1]["positionId"]
        status, closed, _ = await post(
            other, f"/agents/{agent['id']}/positions/{position}/close", {"reason": "manual"}
        )
        assert (status, await counted("execute")) == (200, 2), closed

        # So is a passphrase: the key is unlocked where its wallet trades, and nowhere else.
        unlocked = await unlocked_by_way_of(other, owner, engines)

        before = await counted("order")
        await control.fault("delay", "order", seconds=4, times=1)
        await other.signal(mint)

        async def asked() -> bool:
            return await counted("order") > before

        await until(asked, "an order is asked for")
        owner.service.suspend()
        engines.up.remove(owner)
        await control.clear_faults()
        await until(lambda: other.positions(agent["id"]), "another engine carries the purchase out")
        assert await counted("execute") == 3
        status, answer, _ = await post(other, f"/wallets/{unlocked}/lock", {})
        assert (status, answer["isUnlocked"]) == (200, False), answer

        owner.service.resume()
        engines.up.append(owner)
        await engines.spread()
        # Its key is gone where it was unlocked, so it stays locked if it comes back there.
        await until(lambda: told_that_moved(owner, unlocked), "a key of what has moved is wiped")
        assert not (await other.call("GET", f"/wallets/{unlocked}/status"))["isUnlocked"]
        await other.set_price(mint, "0.0005")

        async def sold() -> bool:
            return len(await other.closed(agent["id"])) == 2

        await until(sold, "it is sold")
        assert await counted("execute") == 4
        account = (await control.state())["accounts"][wallet]
        assert not any(int(amount) for amount in account["tokens"].values())
    await engines.check([])
