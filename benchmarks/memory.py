"""Memory of the service process at rest after a start: a thousand agents that hold one position each."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import asyncpg

from benchmarks.load import MANY_CONNECTIONS
from benchmarks.storm import storm_tokens
from benchmarks.table import Row
from tests.e2e.product import Product, until

AGENTS = 1_000
IDLE_SECONDS = 5.0
DEADLINE_SECONDS = 120.0


async def run() -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory(prefix="nexgent-memory-") as folder:
        product = Product(Path(folder), MANY_CONNECTIONS, forked=False)
        await product.start_sandbox()
        try:
            await product.start_service()
            await _positions(product)
            product.kill_service()
            await product.start_service()
            await asyncio.sleep(IDLE_SECONDS)
            memory = product.service.memory_info().rss / 1e6
        finally:
            await product.stop()
    return [
        Row("memory of the service process, 1 000 agents with a position each, idle", memory, "MB", 160, 160)
    ]


async def _positions(product: Product) -> None:
    """Have each agent buy the one token there is."""
    for number in range(AGENTS):
        await product.agent(f"Bench {number}", "100")
    [mint] = await storm_tokens(product, 1)
    await product.signal(mint)
    connection = await asyncpg.connect(product.database_url)
    try:

        async def all_bought() -> bool:
            return bool(await connection.fetchval("SELECT count(*) = $1 FROM agent_positions", AGENTS))

        await until(all_bought, "each agent holds a position", DEADLINE_SECONDS)
    finally:
        await connection.close()
