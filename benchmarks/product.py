"""The product's own time, end to end: real processes, upstream latency 0, everything on this machine."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from solders.pubkey import Pubkey

from benchmarks.load import MANY_CONNECTIONS, fire, request
from benchmarks.table import Row
from tests.e2e.product import Product

CONNECTIONS = 16
LISTED_AGENTS = 20
IDLE_SECONDS = 5.0


async def run() -> list[Row]:
    """Measure everything that needs a running service."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="nexgent-bench-") as folder:
        product = Product(Path(folder), MANY_CONNECTIONS, forked=False)
        await product.start_sandbox()
        try:
            started = time.perf_counter()
            await product.start_service()
            rows.append(
                Row("start-up, embedded servers from nothing", time.perf_counter() - started, "s", None, 6)
            )
            rows += await _http(product)
            rows += await _trades(product)
            rows += await _restart(product)
        finally:
            await product.stop()
    return rows


async def _fire(product: Product, queues: list[list[bytes]], **options: Any) -> Any:
    return await asyncio.to_thread(lambda: fire(product.port, queues, **options))


async def _http(product: Product) -> list[Row]:
    token = await product.login()
    rows = []
    live = await _fire(product, [[request("GET", "/api/v1/health/live")]] * CONNECTIONS)
    rows.append(
        Row("GET health/live, 16 connections", live.per_second, "/s", 3711, 5000, more_is_better=True)
    )

    def signal(_: int) -> bytes:
        body = {
            "tokenAddress": str(Pubkey.from_bytes(secrets.token_bytes(32))),
            "symbol": "BENCH",
            "signalType": "BENCH",
            "signalStrength": 3,
        }
        return request("POST", "/api/v1/trading-signals", token, body)

    queues = [[signal(n) for n in range(4_000)] for _ in range(CONNECTIONS)]
    posted = await _fire(product, queues, seconds=4.0, loop_over=False)
    note = "" if set(posted.statuses) == {201} else f"statuses {posted.statuses}"
    rows.append(
        Row(
            "POST signal, durable, 16 connections",
            posted.per_second,
            "/s",
            258,
            2000,
            more_is_better=True,
            note=note,
        )
    )
    rows.append(Row("POST signal, durable, 16 connections, p50", posted.p50 * 1000, "ms", 59))
    rows.append(Row("POST signal, durable, 16 connections, p99", posted.p99 * 1000, "ms", None, 15))
    return rows


async def _trades(product: Product) -> list[Row]:
    rows = []
    references = {1: 66.0, 10: 286.0, 100: 2205.0, 1000: 10_700.0}
    promises = {1: 4.0, 10: 8.0, 100: 25.0, 1000: 250.0}
    mints = [token["mint"] for token in await product.tokens()]
    agents: list[dict[str, Any]] = []
    for count, signals in ((1, 6), (10, 6), (100, 6), (1000, 3)):
        while len(agents) < count:
            agents.append(await product.agent(f"Bench {len(agents)}", "100"))
            if len(agents) == LISTED_AGENTS:
                rows.append(
                    await _list(product, "/api/v1/agents", f"GET agents ({LISTED_AGENTS})", 485, 3000)
                )
        times: list[float] = []
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as group:
            followers = [Follower(product, http, agent["id"]) for agent in agents]
            for follower in followers:
                group.create_task(follower.run())
            await asyncio.gather(*(follower.ready.wait() for follower in followers))
            times += [await one_signal(product, http, mint, followers) for mint in mints[:signals]]
            for follower in followers:
                follower.stop()
        mints = mints[signals:]
        rows.append(
            Row(
                f"signal → trades recorded and pushed, {count} agents",
                statistics.median(times) * 1000,
                "ms",
                references[count],
                promises[count],
                note=f"worst {max(times) * 1000:.1f}",
            )
        )
    positions = len(await product.positions(agents[0]["id"]))
    path = f"/api/v1/agent-positions/{agents[0]['id']}"
    # The budget's row lists 100 positions; an agent may hold 25.
    rows.append(await _list(product, path, f"GET positions, {positions} open", 87, 1500))
    return rows


async def _list(product: Product, path: str, name: str, reference: float, promise: float) -> Row:
    queues = [[request("GET", path, await product.login())]] * CONNECTIONS
    listed = await _fire(product, queues)
    note = "" if set(listed.statuses) == {200} else f"statuses {listed.statuses}"
    return Row(name, listed.per_second, "/s", reference, promise, more_is_better=True, note=note)


class Follower:
    """One WebSocket that notes when a position of a token was created. It looks at bytes only, so that it costs little."""

    def __init__(self, product: Product, http: aiohttp.ClientSession, agent_id: str) -> None:
        self._product = product
        self._http = http
        self._agent_id = agent_id
        self.ready = asyncio.Event()
        self._waiting: dict[str, asyncio.Event] = {}
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Hang up."""
        self._stop.set()

    def expect(self, mint: str) -> asyncio.Event:
        """Return an event that is set when the position arrives."""
        return self._waiting.setdefault(mint, asyncio.Event())

    async def run(self) -> None:
        """Listen until told to stop."""
        query = f"token={self._product.token()}&agentId={self._agent_id}"
        async with self._http.ws_connect(f"ws://127.0.0.1:{self._product.port}/ws?{query}") as connection:
            reading = asyncio.create_task(self._read(connection))
            await self._stop.wait()
            reading.cancel()

    async def _read(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        async for message in connection:
            text = str(message.data)
            if "initial_data" in text[:40]:
                self.ready.set()
            elif "position_created" in text[:200]:
                at = text.index('"tokenAddress":"') + 16
                self.expect(text[at : text.index('"', at)]).set()
            elif '"ping"' in text[:20]:
                # Who gives no sign of life is hung up on.
                await connection.send_str('{"type":"pong"}')


async def one_signal(
    product: Product, http: aiohttp.ClientSession, mint: str, followers: list[Follower]
) -> float:
    """Return the seconds from sending a signal until every follower has heard of its position."""
    waiting = [follower.expect(mint) for follower in followers]
    await asyncio.sleep(0.3)
    body = {"tokenAddress": mint, "symbol": "BENCH", "signalType": "BENCH", "signalStrength": 3}
    headers = {"Authorization": f"Bearer {product.token()}"}
    started = time.perf_counter()
    async with http.post(f"{product.url}/api/v1/trading-signals", json=body, headers=headers) as answer:
        assert answer.status == 201
    async with asyncio.timeout(30):
        await asyncio.gather(*(event.wait() for event in waiting))
    return time.perf_counter() - started


async def _restart(product: Product) -> list[Row]:
    product.kill_service()
    started = time.perf_counter()
    await product.start_service()
    seconds = time.perf_counter() - started
    await asyncio.sleep(IDLE_SECONDS)
    memory = product.service.memory_info().rss / 1e6
    held = await _count_positions(product)
    return [
        Row("ready again after kill -9, embedded servers", seconds, "s", 2.6, 6),
        # What is promised is measured by `memory`, with a position each.
        Row(f"memory of the service process, 1 000 agents with {held:,} positions, idle", memory, "MB"),
    ]


async def _count_positions(product: Product) -> int:
    connection = await asyncpg.connect(product.database_url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM agent_positions"))
    finally:
        await connection.close()
