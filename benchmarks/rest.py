"""What one signal waits for on a machine that has nothing else to do: processors that wake up.

A processor without work halts, and whoever is to run on it waits until it is back; on a virtual machine it has gone to the host.
So the bare steps under a signal's way, which have no code of ours in them, are taken three ways in turn: one after the other at
once, as `way` takes them; after a rest, as they are on the way, where each waits for somebody else's; and after a rest with
processors that are kept awake (`benchmarks.awake`). The whole way is taken in both of the latter ways.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import aiohttp

from benchmarks.awake import Wakers, wakers
from benchmarks.figures import AFTER_A_REST, AWAKE, REST
from benchmarks.load import MANY_CONNECTIONS
from benchmarks.product import Follower, one_signal
from benchmarks.storm import storm_tokens
from benchmarks.table import Row
from benchmarks.way import bare_table, empty_service, left_by_one, quote_address, taken
from tests.e2e.product import Product

TIMES = 24
SIGNALS = 24
"""An agent holds 25 positions."""
REST_SECONDS = 0.1
ENDPOINT, COMMIT, QUESTION, FRAME = (
    "an empty endpoint",
    "a line that is committed",
    "a question to the sandbox",
    "half of a frame's way there and back",
)
WHOLE = "the whole way, one agent"
IN_A_ROW = "what comes one after the other on the way"

_Step = Callable[[], Awaitable[object]]


async def run() -> list[Row]:
    """Measure."""
    entries, _ = await left_by_one()
    with tempfile.TemporaryDirectory(prefix="nexgent-rest-") as folder:
        product = Product(Path(folder), MANY_CONNECTIONS, forked=False)
        await product.start_sandbox()
        try:
            await product.start_service()
            await product.login()
            with wakers() as keepers:
                async with (
                    aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
                    empty_service() as empty,
                    bare_table(product.database_url, entries) as commit,
                    http.ws_connect(empty + "echo") as socket,
                ):
                    mints = await storm_tokens(product, 2 * (SIGNALS + 1))
                    address = quote_address(product.sandbox_url, mints[0])

                    async def endpoint() -> None:
                        async with http.post(empty, json={"tokenAddress": mints[0]}) as answer:
                            await answer.read()

                    async def question() -> None:
                        async with http.get(address) as answer:
                            await answer.read()

                    async def frame() -> None:
                        await socket.send_str("x" * 1_000)
                        await socket.receive()

                    steps = {ENDPOINT: endpoint, COMMIT: commit, QUESTION: question, FRAME: frame}
                    rows = await _bare(steps, keepers)
                    return rows + await _whole(product, http, mints, keepers)
        finally:
            await product.stop()


async def _bare(steps: Mapping[str, _Step], keepers: Wakers | None) -> list[Row]:
    """Return the times of bare steps, each of the three ways, and what comes one after the other on the way of a signal."""
    ways = ("", AFTER_A_REST) if keepers is None else ("", AFTER_A_REST, AWAKE)
    times: dict[tuple[str, str], list[float]] = {(name, way): [] for name in steps for way in ways}
    for name, step in steps.items():
        for _ in range(5):
            await step()
        for _ in range(TIMES):
            for way in ways:
                if keepers is not None:
                    keepers.keep_awake(way == AWAKE)
                if way:
                    await asyncio.sleep(REST_SECONDS)
                else:
                    await step()
                times[name, way].append(await taken(step) / (2 if name == FRAME else 1))
    middles = {key: median(found) for key, found in times.items()}
    rows = [Row(f"{REST}{name}{way}", value, "ms") for (name, way), value in middles.items()]
    for way in ways:
        endpoint, commit, question, frame = (
            middles[name, way] for name in (ENDPOINT, COMMIT, QUESTION, FRAME)
        )
        # A request, the signal's row, the intent while its quote is asked for, the settlement, and the frame.
        in_a_row = endpoint + commit + max(commit, question) + commit + frame
        rows.append(Row(f"{REST}{IN_A_ROW}{way}", in_a_row, "ms"))
    return rows


async def _whole(
    product: Product, http: aiohttp.ClientSession, mints: Sequence[str], keepers: Wakers | None
) -> list[Row]:
    """Return the whole way of a signal of one agent, processors as they are and kept awake in turn."""
    times: dict[str, list[float]] = {AFTER_A_REST: [], AWAKE: []}
    for first, *half in (mints[: SIGNALS + 1], mints[SIGNALS + 1 :]):
        agent = await product.agent("Way of a signal", "1000")
        async with asyncio.TaskGroup() as group:
            follower = Follower(product, http, agent["id"])
            group.create_task(follower.run())
            await follower.ready.wait()
            await one_signal(product, http, first, [follower])
            for number, mint in enumerate(half):
                way = AWAKE if keepers is not None and number % 2 else AFTER_A_REST
                if keepers is not None:
                    keepers.keep_awake(way == AWAKE)
                times[way].append(await one_signal(product, http, mint, [follower]) * 1000)
            follower.stop()
        await product.call("DELETE", f"/agents/{agent['id']}")
    return [Row(f"{REST}{WHOLE}{way}", median(found), "ms") for way, found in times.items() if found]
