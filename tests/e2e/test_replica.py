"""Two services on one database: one trades, the other serves, and takes over when the first one dies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.e2e.orders import done_between_trades, ordered_by_way_of
from tests.e2e.product import Product, until
from tests.e2e.test_trade import bought, check_the_books


@pytest.fixture
async def pair(
    tmp_path: Path, database_url: str, redis_url: str, redis: Redis
) -> AsyncIterator[tuple[Product, Product]]:
    """An engine and a replica with one market. The servers are not theirs."""
    shared = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    folders = [tmp_path / name for name in ("engine", "replica")]
    for folder in folders:
        folder.mkdir()
    engine, replica = (Product(folder, shared) for folder in folders)
    await engine.start_sandbox()
    replica.sandbox_port, replica.sandbox_url = engine.sandbox_port, engine.sandbox_url
    try:
        await engine.start_service()
        await replica.start_service()
        yield engine, replica
    finally:
        await replica.stop()
        await engine.stop()


async def test_a_log_level_is_gone_by_in_every_process(pair: tuple[Product, Product]) -> None:
    engine, replica = pair
    part = "nexgent.domain.prices"

    def told(level: str) -> list[int]:
        # A service's log is that of its worker as well.
        return [
            sum("log.level_changed" in line and level in line for line in one.log("service").splitlines())
            for one in pair
        ]

    async def change(product: Product, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await product.call("PUT", "/admin/log-level", body)
        return answer

    async def standing() -> list[dict[str, Any]]:
        return [await one.call("GET", "/admin/log-level") for one in pair]

    async def all_listen() -> bool:
        return bool((await change(replica, {"level": "info"}))["processes"] == 4)

    await until(all_listen, "two services and two workers listen")
    answer = await change(replica, {"level": "debug", "logger": part})
    assert answer["loggers"] == {part: "debug"}
    await until(lambda: _is(told("debug") == [2, 2]), "all four processes go by it")
    assert [one["loggers"] for one in await standing()] == [{part: "debug"}] * 2

    assert (await change(engine, {"level": None}))["loggers"] == {}
    await until(lambda: _is(told("as configured") == [2, 2]), "all four processes have forgotten it")
    assert [one["loggers"] for one in await standing()] == [{}] * 2


async def _is(held: bool) -> bool:
    return held


async def test_a_replica_serves_and_takes_over_when_the_engine_dies(pair: tuple[Product, Product]) -> None:
    engine, replica = pair
    agent = await engine.agent()
    tokens = await engine.tokens()
    prices = {token["mint"]: Decimal(str(token["priceSol"])) for token in tokens}
    first, second = tokens[0]["mint"], tokens[1]["mint"]

    # What happens on one is seen on the other, and a signal may come in on either.
    await until(lambda: replica.call("GET", f"/agents/{agent['id']}"), "the replica knows the agent")
    await replica.deposit(agent["id"], "1")

    async def copied() -> bool:
        return (await engine.verify())[0] == 0

    await until(copied, "the deposit is in the engine's copies as well")
    async with replica.follow(agent["id"]) as frames:
        await frames.next(lambda frame: frame["type"] == "initial_data", "the snapshot")
        await replica.signal(first)
        created = (await frames.update("position_created"))["position"]
        assert created["tokenAddress"] == first
        await engine.set_price(first, format(prices[first] * Decimal("0.5"), "f"))
        assert (await frames.update("position_closed"))["positionId"] == created["id"]
    held = await bought(engine, agent, second)

    async def seen() -> bool:
        return [row["id"] for row in await replica.positions(agent["id"])] == [held["id"]]

    await until(seen, "the replica shows the open position")

    # Orders by hand are carried out by the engine, wherever they are sent to.
    await ordered_by_way_of(replica, engine, agent, tokens[3]["mint"])
    assert "command.served" in engine.log("service")
    assert "command.served" not in replica.log("service")

    # The engine dies without a word: the other one finds the position and sells it.
    engine.kill_service()
    await engine.set_price(second, format(prices[second] * Decimal("0.5"), "f"))

    async def sold() -> bool:
        traded = {trade["tokenAddress"] for trade in await replica.closed(agent["id"])}
        return traded == {first, second, tokens[3]["mint"]}

    await until(sold, "the replica has taken over and sold")
    assert await replica.positions(agent["id"]) == []
    await bought(replica, agent, tokens[2]["mint"])
    await check_the_books(replica, agent)

    # It comes back to serve requests and nothing else. What is asked of it is done by the one that trades now.
    engine.settings |= {"ENGINES": "none", "WORKER_EMBEDDED": "false"}
    await engine.start_service()
    await ordered_by_way_of(engine, replica, agent, tokens[4]["mint"])
    await done_between_trades(engine, replica, agent, tokens[5]["mint"])
    code, report = await replica.verify()
    assert code == 0, report
