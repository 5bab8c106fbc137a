"""Floods of every kind against a running service: how late prices, stops and answers become, and how large the process."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from benchmarks.table import Row
from tests.e2e.product import Product
from tests.e2e.test_trade import bought
from tests.security.floods import FLOODS, Seen, flooded, observe

SECONDS = 10.0
SETTINGS = {
    "RATE_LIMITS": "true",
    "PRICE_POLL_SECONDS": "1.0",
    "PRICE_PATIENCE_SECONDS": "0.9",
    "LOG_LEVEL": "warn",
}


async def run() -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory(prefix="nexgent-floods-") as folder:
        product = Product(Path(folder), SETTINGS, from_scratch=True, forked=False)
        await product.start_sandbox()
        try:
            await product.start_service()
            return await _floods(product)
        finally:
            await product.stop()


async def _floods(product: Product) -> list[Row]:
    agent = await product.agent()
    held = [token["mint"] for token in (await product.tokens())[: len(FLOODS) + 2]]
    for mint in held:
        await bought(product, agent, mint)
    await asyncio.sleep(2.0)
    idle = product.service.memory_info().rss
    calm = await observe(product, SECONDS, fall_of=held.pop())
    rows = _rows("no flood", calm, idle)
    for name in FLOODS:
        async with flooded(product, name, agent["id"], SECONDS + 30):
            await asyncio.sleep(1.0)
            rows += _rows(name, await observe(product, SECONDS, fall_of=held.pop()), idle)
        await asyncio.sleep(1.0)
    return rows


def _rows(name: str, seen: Seen, idle: int) -> list[Row]:
    stop = float("nan") if seen.stop_seconds is None else seen.stop_seconds
    worst = max(seen.live, default=float("nan"))
    return [
        Row(f"flood {name}: longest gap between price ticks", seen.longest_gap, "s", None, 1.5),
        Row(
            f"flood {name}: fall → sale ordered",
            stop,
            "s",
            None,
            2.0,
            note=f"{seen.stop_ticks} ticks",
        ),
        Row(
            f"flood {name}: slowest health/live",
            worst,
            "s",
            None,
            1.0,
            note=f"{len(seen.live)} answered, {seen.live_failed} not",
        ),
        Row(
            f"flood {name}: memory, times idle",
            seen.memory / idle,
            "x",
            None,
            2.0,
            note=f"{seen.memory >> 20} MiB",
        ),
    ]
