"""While somebody floods the service it goes on looking at prices, sells at stops, says that it lives, and stays small.

How fast all that is depends on the machine: `python -m benchmarks floods` prints the figures. Here it has to go on at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.product import Product
from tests.e2e.test_trade import bought
from tests.patience import until
from tests.security.floods import FLOODS, flooded, observe

SECONDS = 2.0
AT_LEAST = 5


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    async with Product(
        tmp_path, {"RATE_LIMITS": "true", "PRICE_POLL_SECONDS": "0.2", "LOG_LEVEL": "warn"}, makes_admin=True
    ).running() as product:
        yield product


async def test_a_flood_blinds_nobody(product: Product) -> None:
    agent: dict[str, Any] = await product.agent()
    # One more than there are floods stays to the end: of what nobody holds no price is asked for.
    held = [token["mint"] for token in (await product.tokens())[: len(FLOODS) + 1]]
    for mint in held:
        await bought(product, agent, mint)
    idle = product.service.memory_info().rss

    for name, mint in zip(FLOODS, held[1:], strict=True):
        async with flooded(product, name, agent["id"], 300.0) as attacking:
            seen = await observe(product, SECONDS, fall_of=mint, at_least=AT_LEAST)
            await until(partial(_sold, product, agent, mint), f"the stop has fired during {name}")
            assert not attacking.done(), name

        assert seen.ticks >= AT_LEAST, (name, seen)
        assert len(seen.live) >= AT_LEAST, (name, seen)
        assert seen.live_failed <= 1, (name, seen)
        assert seen.memory < 1.5 * idle, (name, seen, idle)


async def _sold(product: Product, agent: dict[str, Any], mint: str) -> bool:
    return any(one["tokenAddress"] == mint for one in await product.closed(agent["id"]))
