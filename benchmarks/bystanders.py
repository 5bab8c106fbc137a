"""Whoever is told what happens delays no trade: signal → trades recorded and pushed, with nobody to be told, with a target that
listens, with one that is away and with one that takes connections and never answers.

Each is measured in turn, round after round, on the same service under the same load. Before each, something else has happened
that the target is just being told, or is not: it is in trouble while the trades are made.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.load import MANY_CONNECTIONS
from benchmarks.product import Follower, one_signal
from benchmarks.storm import storm_tokens
from benchmarks.table import Row
from tests.e2e.product import Product, free_port, until

AGENTS = 10
ROUNDS = 6
NOBODY, LISTENS, AWAY, HANGS = "nobody is told", "a target listens", "a target is away", "a target hangs"
TARGETS = (NOBODY, LISTENS, AWAY, HANGS)


class Targets:
    """Two programs at ports of this machine, one that listens and one that hangs, and a port where nobody is."""

    def __init__(self) -> None:
        self.ports = {LISTENS: free_port(), HANGS: free_port(), AWAY: free_port()}
        self.told = 0
        self.held = 0
        self._over = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Targets]:
        """Listen, and hang, until the block ends."""
        runners = []
        for what, answer in ((LISTENS, self._take), (HANGS, self._hold)):
            app = web.Application()
            app.router.add_post("/", answer)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self.ports[what]).start()
            runners.append(runner)
        try:
            yield self
        finally:
            self._over.set()
            for runner in runners:
                await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        await request.read()
        self.told += 1
        return web.Response(status=204)

    async def _hold(self, request: web.Request) -> web.Response:
        await request.read()
        self.held += 1
        await self._over.wait()
        return web.Response(status=204)


async def run() -> list[Row]:
    """Measure."""
    settings = {**MANY_CONNECTIONS, "NOTIFY_PRIVATE_ADDRESSES": "true", "LOG_LEVEL": "error"}
    async with Targets().listening() as targets:
        with tempfile.TemporaryDirectory(prefix="nexgent-bystanders-") as folder:
            product = Product(Path(folder), settings, forked=False)
            await product.start_sandbox()
            try:
                await product.start_service()
                return await _rows(product, targets)
            finally:
                await product.stop()


async def _rows(product: Product, targets: Targets) -> list[Row]:
    mints = await storm_tokens(product, 2 * ROUNDS * len(TARGETS))
    before, measured = mints[::2], mints[1::2]
    herald = await product.agent("Herald", "100", _only(before))
    agents = [await product.agent(f"Bench {number}", "100", _only(measured)) for number in range(AGENTS)]
    times: dict[str, list[float]] = {what: [] for what in TARGETS}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        followers = [Follower(product, http, agent["id"]) for agent in agents]
        listening = [asyncio.create_task(follower.run()) for follower in followers]
        await asyncio.gather(*(follower.ready.wait() for follower in followers))
        for number in range(ROUNDS):
            # Whoever comes first in one round comes last in the next.
            for what in TARGETS if number % 2 else reversed(TARGETS):
                async with _target(product, targets, what) as in_trouble:
                    await product.signal(mint := before.pop())
                    await until(partial(_holds, product, herald, mint), "something happens before")
                    await until(in_trouble, f"{what} before the trades are made")
                    times[what].append(await one_signal(product, http, measured.pop(), followers))
        for follower in followers:
            follower.stop()
        await asyncio.gather(*listening)
    usual = statistics.median(times[NOBODY])
    return [
        Row(
            f"signal → trades recorded and pushed, {AGENTS} agents, {what}",
            (median := statistics.median(times[what])) * 1000,
            "ms",
            note=f"worst {max(times[what]) * 1000:.1f}, {median / usual:.2f} times as long as when nobody is told",
        )
        for what in TARGETS
    ]


async def _holds(product: Product, agent: dict[str, Any], mint: str) -> bool:
    return any(one["tokenAddress"] == mint for one in await product.positions(agent["id"]))


def _only(mints: list[str]) -> dict[str, Any]:
    return {
        "positionCalculator": {"randomization": {"enabled": False}},
        "signals": {"tokenFilterMode": "whitelist", "tokenList": mints},
    }


@asynccontextmanager
async def _target(
    product: Product, targets: Targets, what: str
) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Have such a target as long as this is entered; yield how to ask whether it is being told, or cannot be."""
    told, held = targets.told, targets.held
    if what == NOBODY:

        async def at_once() -> bool:
            return True

        yield at_once
        return
    body = {"name": what, "url": f"http://127.0.0.1:{targets.ports[what]}/", "channel": "webhook"}
    target = await product.call("POST", "/notifications/targets", body, expect=201)
    path = f"/notifications/targets/{target['id']}"

    async def in_trouble() -> bool:
        if what == AWAY:
            return (await product.call("GET", path))["failingSince"] is not None
        return targets.told > told if what == LISTENS else targets.held > held

    try:
        yield in_trouble
    finally:
        await product.call("DELETE", path)
