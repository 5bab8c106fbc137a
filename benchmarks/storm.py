"""Everything falls at once: 1 000 positions over 100 tokens, real servers, real sandbox; when is each sale booked?

The clock starts when the answer arrived that the earliest sale was decided on, which the journal keeps with every intent, and
stops for each position when its owner hears on the WebSocket that it is closed, which is after the sale was booked.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil

from benchmarks.load import MANY_CONNECTIONS
from benchmarks.table import Row
from tests.e2e.product import Product

TOKENS = 100
TOKENS_PER_AGENT = 25
AGENTS_PER_TOKEN = 10
DEADLINE_SECONDS = 120.0
SETTLING_SECONDS = 3.0
_LAG_PAUSE_SECONDS = 0.01
_FIRST_SEEN = """
SELECT min(extract(epoch FROM (body #>> '{intent,created_at}')::timestamptz)
           - (body #>> '{intent,evidence,age_ms}')::float / 1000)
FROM journal WHERE kind = 'intended' AND position_id IS NOT NULL
"""


_LAG = """
SELECT extract(epoch FROM clock_timestamp() - min(at))::float FROM journal
WHERE id > (SELECT position FROM journal_watermark)
"""
_LAG_PROMISE_MS = 250.0


class Lag:
    """How far the tables are behind the journal: the age of the oldest entry they lack, looked at over and over."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self.seconds: list[float] = []

    async def run(self) -> None:
        """Look until cancelled."""
        connection = await asyncpg.connect(self._product.database_url)
        try:
            while True:
                self.seconds.append(await connection.fetchval(_LAG) or 0.0)
                await asyncio.sleep(_LAG_PAUSE_SECONDS)
        finally:
            await connection.close()

    def at_share(self, share: float) -> float:
        """Return the lag that this share of the looks did not exceed, in seconds."""
        return sorted(self.seconds)[math.ceil(len(self.seconds) * share) - 1]


class Owner:
    """One agent's WebSocket; notes when each of its positions opens and closes. Looks at bytes only."""

    def __init__(self, product: Product, http: aiohttp.ClientSession, agent_id: str) -> None:
        self._product = product
        self._http = http
        self._agent_id = agent_id
        self.ready = asyncio.Event()
        self.opened = 0
        self.closed_at: list[float] = []

    async def run(self) -> None:
        """Listen until cancelled."""
        query = f"token={self._product.token()}&agentId={self._agent_id}"
        async with self._http.ws_connect(f"ws://127.0.0.1:{self._product.port}/ws?{query}") as connection:
            async for message in connection:
                head = str(message.data)[:200]
                if "position_closed" in head:
                    self.closed_at.append(time.time())
                elif "position_created" in head:
                    self.opened += 1
                elif "initial_data" in head:
                    self.ready.set()


async def run() -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory(prefix="nexgent-storm-") as folder:
        product = Product(Path(folder), {**MANY_CONNECTIONS, "LOG_LEVEL": "warn"}, forked=False)
        await product.start_sandbox()
        try:
            await product.start_service()
            return await _storm(product)
        finally:
            await product.stop()


async def _storm(product: Product) -> list[Row]:
    mints = await storm_tokens(product, TOKENS)
    agents = await storm_agents(product, mints, AGENTS_PER_TOKEN)
    expected = TOKENS * AGENTS_PER_TOKEN
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        owners = [Owner(product, http, agent["id"]) for agent in agents]
        listening = [asyncio.create_task(owner.run()) for owner in owners]
        await asyncio.gather(*(owner.ready.wait() for owner in owners))
        for mint in mints:
            await product.signal(mint)
        await _until(lambda: sum(owner.opened for owner in owners) == expected, "all positions are open")
        await asyncio.sleep(SETTLING_SECONDS)
        busy = _cpu_seconds(product)
        lag = Lag(product)
        looking = asyncio.create_task(lag.run())
        prices = dict.fromkeys(mints, "0.0005")
        body = {"prices": prices}
        answer = await product.http.post(f"{product.sandbox_url}/control/price", json=body)
        answer.raise_for_status()
        await _until(lambda: sum(len(owner.closed_at) for owner in owners) == expected, "all are sold")
        used = {name: _cpu_seconds(product)[name] - before for name, before in busy.items()}
        await _all_in_tables(product)
        for task in (*listening, looking):
            task.cancel()
        await asyncio.gather(*listening, looking, return_exceptions=True)
    seen_at = await _first_seen(product)
    times = sorted(at - seen_at for owner in owners for at in owner.closed_at)
    note = ", ".join(f"{name} {seconds:.2f} s CPU" for name, seconds in used.items())
    name = f"{expected} positions, {TOKENS} tokens fall at once:"
    return [
        Row(f"{name} first sale booked and pushed", times[0], "s", 2.0, 0.05),
        Row(f"{name} p50 of all sales", statistics.median(times), "s", 17.4, 0.5),
        Row(f"{name} last sale", times[-1], "s", 32.3, 1.0, note=note),
        Row(
            f"{name} age of what the tables lack, p99",
            lag.at_share(0.99) * 1000,
            "ms",
            None,
            _LAG_PROMISE_MS,
            note=f"looked at {len(lag.seconds)} times",
        ),
    ]


async def storm_tokens(product: Product, count: int) -> list[str]:
    """Return the mints of that many new tokens; there are no others any more."""
    tokens = [
        {"symbol": f"ST{number}", "priceSol": "0.001", "liquiditySol": "10000", "decimals": 6}
        for number in range(count)
    ]
    body = {"tokens": tokens, "replace": True}
    answer = (await product.http.post(f"{product.sandbox_url}/control/tokens", json=body)).json()
    return [token["mint"] for token in answer["tokens"]]


async def storm_agents(product: Product, mints: list[str], per_token: int) -> list[dict[str, Any]]:
    """Return agents of which `per_token` buy each of the tokens, and each buys as many as one may hold."""
    lots = [mints[start : start + TOKENS_PER_AGENT] for start in range(0, len(mints), TOKENS_PER_AGENT)]
    return [
        await _agent(product, lot, f"Storm {number} {copy}")
        for number, lot in enumerate(lots)
        for copy in range(per_token)
    ]


async def _agent(product: Product, mints: list[str], name: str) -> dict[str, Any]:
    config = {
        "positionCalculator": {"randomization": {"enabled": False}},
        "signals": {"tokenFilterMode": "whitelist", "tokenList": mints},
    }
    return await product.agent(name, "100", config)


async def _first_seen(product: Product) -> float:
    connection = await asyncpg.connect(product.database_url)
    try:
        return float(await connection.fetchval(_FIRST_SEEN))
    finally:
        await connection.close()


async def _all_in_tables(product: Product) -> None:
    connection = await asyncpg.connect(product.database_url)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await connection.fetchval(_LAG) is not None:
                await asyncio.sleep(_LAG_PAUSE_SECONDS)
    finally:
        await connection.close()


def _cpu_seconds(product: Product) -> dict[str, float]:
    """Return the CPU time of the service itself and of everything it has started."""

    def of(process: psutil.Process) -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    service = product.service
    children = 0.0
    for child in service.children(recursive=True):
        try:
            children += of(child)
        except psutil.NoSuchProcess:
            continue
    return {"service": of(service), "worker and servers": children}


async def _until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"did not happen within {DEADLINE_SECONDS} s: {what}")
        await asyncio.sleep(0.01)
