"""What the engine sees of a token is on its chart, but for the moments without a worker; for nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.product import Product, until
from tests.e2e.test_trade import bought, sold


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    async with Product(tmp_path, {"ALLOW_REGISTRATION": "true"}).running() as product:
        yield product


async def test_a_trade_has_a_chart(product: Product) -> None:
    agent = await product.agent()
    token = (await product.tokens())[0]
    mint, price = token["mint"], Decimal(str(token["priceSol"]))
    await bought(product, agent, mint)

    async def chart(resolution: str) -> dict[str, Any]:
        found: dict[str, Any] = await product.call("GET", f"/price-history/{mint}?resolution={resolution}")
        return found

    async def seconds_are_there() -> dict[str, Any] | None:
        found = await chart("1s")
        return found if len(found["candles"]) >= 2 and found["lines"] else None

    before = await until(seconds_are_there, "seconds and the stop are recorded")
    [line] = before["lines"]
    [held] = await product.positions(agent["id"])
    assert (line["positionId"], line["agentId"]) == (held["id"], agent["id"])
    assert Decimal(line["points"][-1]["stopPrice"]) < Decimal(line["points"][-1]["peakPrice"])
    product.worker().kill()
    killed_at = datetime.now(UTC)

    async def goes_on() -> bool:
        return datetime.fromisoformat((await chart("1s"))["candles"][-1]["time"]) > killed_at

    await until(goes_on, "the next worker records")
    await sold(product, agent, mint, price)

    async def exit_is_there() -> dict[str, Any] | None:
        found = await chart("1s")
        after = [one for one in found["candles"] if Decimal(one["close"]) < price * Decimal("0.6")]
        return found if after and found["markers"][-1]["kind"] == "exit" else None

    whole = await until(exit_is_there, "the fall is recorded")
    assert whole["candles"][: len(before["candles"])] == before["candles"]
    assert [one["kind"] for one in whole["markers"]] == ["signal", "entry", "exit"]
    _, entry, left = whole["markers"]
    assert entry["agentId"] == left["agentId"] == agent["id"]
    assert Decimal(entry["price"]) > Decimal(left["price"])
    assert left["reason"] == "stop_loss"
    [swap] = await product.closed(agent["id"])
    assert Decimal(left["profitLossSol"]) == Decimal(swap["profitLossSol"])
    for resolution in ("1m", "1h"):
        candles = (await chart(resolution))["candles"]
        assert candles
        assert Decimal(candles[0]["open"]) > Decimal(candles[-1]["close"])
        assert min(Decimal(one["low"]) for one in candles) == Decimal(candles[-1]["low"])
        assert {one["source"] for one in candles} <= {"dexscreener", "jupiter"}

    registered = await product.http.post(
        f"{product.url}/api/v1/auth/register",
        json={"email": "other@example.com", "password": "Correct-horse-1"},
    )
    headers = {"Authorization": f"Bearer {registered.json()['accessToken']}"}
    theirs = await product.http.get(f"{product.url}/api/v1/price-history/{mint}", headers=headers)
    body = theirs.json()
    assert (body["candles"], body["markers"], body["lines"]) == ([], [], [])
