"""An upstream in trouble: stops fire all the same, and nothing is traded on nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.product import Product, until
from tests.patience import PATIENCE_SECONDS


async def fault(product: Product, **rule: Any) -> None:
    """Have the sandbox misbehave."""
    response = await product.http.post(f"{product.sandbox_url}/control/faults", json=rule)
    assert response.status_code == 200, response.text


async def test_a_hanging_source_holds_no_stop_back(product: Product) -> None:
    agent = await product.agent()
    tokens = (await product.tokens())[:2]
    for token in tokens:
        await product.signal(token["mint"])

    async def both() -> bool:
        return len(await product.positions(agent["id"])) == 2

    await until(both, "both positions are open")
    await fault(product, endpoint="dexscreener", kind="delay", seconds=30)
    for token in tokens:
        await product.set_price(token["mint"], format(Decimal(str(token["priceSol"])) / 2, "f"))

    async def flat() -> bool:
        return not await product.positions(agent["id"])

    await until(flat, "both stops have fired on the other source's prices")
    assert {swap["closeReason"] for swap in await product.closed(agent["id"])} == {"stop_loss"}


async def test_nonsense_prices_close_nothing(product: Product) -> None:
    agent = await product.agent()
    token = (await product.tokens())[0]
    await product.signal(token["mint"])

    async def opened() -> bool:
        return len(await product.positions(agent["id"])) == 1

    await until(opened, "the position is open")
    await fault(product, endpoint="dexscreener", kind="zero_price", times=5)
    await fault(product, endpoint="dexscreener", kind="absurd_price", factor=0.01, times=1)
    await fault(product, endpoint="dexscreener", kind="absurd_price", factor=50, times=1)
    async with product.follow(agent["id"]) as frames:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len([frame for frame in frames.seen if frame["type"] == "price_update_batch"]) < 3:
                await frames.next(lambda frame: frame["type"] == "price_update_batch", "prices go on")
        prices = {
            Decimal(str(update["price"]))
            for frame in frames.seen
            if frame["type"] == "price_update_batch"
            for update in frame["data"]["updates"]
        }
    assert prices == {Decimal(str(token["priceSol"]))}
    (position,) = await product.positions(agent["id"])
    assert position["tokenAddress"] == token["mint"]
    assert await product.closed(agent["id"]) == []


async def test_absurd_quotes_are_not_traded_on(product: Product) -> None:
    agent = await product.agent()
    token = (await product.tokens())[0]
    for factor in (100, 0.01):
        await fault(product, endpoint="order", kind="absurd_price", factor=factor, times=1)
        signal_id = await product.signal(token["mint"], kind=f"ABSURD-{factor}")

        async def refused(signal_id: int = signal_id) -> bool:
            decisions = await product.decisions(signal_id)
            return [(one["outcome"], one["code"]) for one in decisions] == [("FAILED", "QUOTE_IMPLAUSIBLE")]

        await until(refused, f"a quote times {factor} is refused, and the decision says why")
    assert await product.positions(agent["id"]) == []

    await product.signal(token["mint"])

    async def opened() -> bool:
        return len(await product.positions(agent["id"])) == 1

    await until(opened, "an honest quote is taken")
    await fault(product, endpoint="order", kind="absurd_price", factor=0.01, times=2)
    await product.set_price(token["mint"], format(Decimal(str(token["priceSol"])) / 2, "f"))

    async def closed() -> list[dict[str, Any]]:
        swaps: list[dict[str, Any]] = await product.closed(agent["id"])
        return swaps

    (swap,) = await until(closed, "the stop is sold at an honest quote")
    assert Decimal(-60) < Decimal(str(swap["changePercent"])) < Decimal(-40)


STOP_AT_TEN = {
    "positionCalculator": {"randomization": {"enabled": False}},
    "stopLoss": {"enabled": True, "mode": "fixed", "defaultPercentage": -10},
    "dca": {"enabled": False},
    "staleTrade": {"enabled": False},
}


async def prices_meanwhile(product: Product, agent_id: str, frames_seen: int) -> set[Decimal]:
    """Return the prices that are pushed to an agent's client in the next so many frames."""
    async with product.follow(agent_id) as frames, asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(frames_seen):
            await frames.next(lambda frame: frame["type"] == "price_update_batch", "prices go on")
        return {
            Decimal(str(update["price"]))
            for frame in frames.seen
            if frame["type"] == "price_update_batch"
            for update in frame["data"]["updates"]
        }


async def told(product: Product, times: int) -> bool:
    """Tell whether the newest fault has struck so often."""
    rules = (await product.http.get(f"{product.sandbox_url}/control/faults")).json()["rules"]
    return bool(rules[-1]["struck"] >= times)


async def asked(product: Product, endpoint: str) -> int:
    """Return how often a source has been asked."""
    counts = (await product.http.get(f"{product.sandbox_url}/control/requests")).json()["counts"]
    return int(counts.get(endpoint, 0))


async def one_position(product: Product) -> tuple[str, str, Decimal]:
    """Buy a token; return the agent, the mint and the price."""
    agent = await product.agent(config=STOP_AT_TEN)
    token = (await product.tokens())[0]
    await product.signal(token["mint"])

    async def opened() -> bool:
        return len(await product.positions(agent["id"])) == 1

    await until(opened, "the position is open")
    return agent["id"], token["mint"], Decimal(str(token["priceSol"]))


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Product]:
    """A service to which a source is not silent because the machine is slow: what the other one says alone would count then."""
    settings = {"PRICE_PATIENCE_SECONDS": "20", "PRICE_MAX_AGE_SECONDS": "60"}
    async with Product(tmp_path, settings).running() as product:
        yield product


@pytest.mark.parametrize("liar", ["dexscreener", "price"])
async def test_what_one_source_says_alone_fires_no_stop(patient: Product, liar: str) -> None:
    product = patient
    agent_id, mint, price = await one_position(product)
    await prices_meanwhile(product, agent_id, 2)
    # One tick far below the stop, small steps down to it, and then a price below it for as long as it likes.
    for factor, times in (
        ("0.82", 1),
        ("0.5", 1),
        *((f"0.{n}", 2) for n in range(97, 79, -3)),
        ("0.85", 1000),
    ):
        lie = format(price * Decimal(factor), "f")
        await fault(product, kind="other_price", endpoint=liar, mint=mint, priceSol=lie, times=times)
        await until(partial(told, product, min(times, 20)), "the lie has been told")
    assert await prices_meanwhile(product, agent_id, 3) == {price}
    await product.http.delete(f"{product.sandbox_url}/control/faults")
    assert await product.closed(agent_id) == []
    assert len(await product.positions(agent_id)) == 1

    await product.set_price(mint, format(price * Decimal("0.82"), "f"))

    async def stopped() -> bool:
        return [swap["closeReason"] for swap in await product.closed(agent_id)] == ["stop_loss"]

    await until(stopped, "what both say is sold")


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[Product]:
    """A service to which a source that repeats itself for two seconds is frozen."""
    async with Product(tmp_path, {"PRICE_MAX_AGE_SECONDS": "2"}).running() as product:
        yield product


@pytest.mark.parametrize("frozen", ["dexscreener", "price"])
async def test_a_crash_is_sold_though_one_source_is_frozen(impatient: Product, frozen: str) -> None:
    product = impatient
    agent_id, mint, price = await one_position(product)
    await fault(product, kind="frozen_price", endpoint=frozen)

    other = {"dexscreener": "price", "price": "dexscreener"}[frozen]

    async def told_again(before: int) -> bool:
        return await asked(product, other) > before

    # The market goes to and fro, which the other source tells.
    async def noticed() -> bool:
        for factor in ("1.02", "0.99", "1.01", "0.98"):
            await product.set_price(mint, format(price * Decimal(factor), "f"))
            before = await asked(product, other)
            await until(partial(told_again, before), "the other source has told it")
        return "prices.source_frozen" in product.log("service")

    await until(noticed, "the frozen source is noticed")
    assert await product.closed(agent_id) == []
    await product.set_price(mint, format(price / 2, "f"))

    async def stopped() -> bool:
        return [swap["closeReason"] for swap in await product.closed(agent_id)] == ["stop_loss"]

    await until(stopped, "the crash is sold on what the other source says")
