"""An upstream in trouble: stops fire all the same, and nothing is traded on nonsense."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

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
