"""A start with much to take over: 1 000 open positions, and 50 swaps of which nobody knows what became of them.

The service is killed while Jupiter answers none of the 50, and started again while it still answers nothing. That is the worst
case: `live` and `ready` must not wait for them. Then Jupiter answers again, and each is brought to its end.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from solders.keypair import Keypair

from benchmarks.load import MANY_CONNECTIONS
from benchmarks.storm import AGENTS_PER_TOKEN, TOKENS, storm_agents, storm_tokens
from benchmarks.table import Row
from nexgent.sandbox.control import SandboxControl
from tests.e2e.live import live_agent, only_token
from tests.e2e.product import Product, until

UNRESOLVED = 50
HANG_SECONDS = 600
DEADLINE_SECONDS = 600.0


async def run(
    *, tokens: int = TOKENS, agents_per_token: int = AGENTS_PER_TOKEN, unresolved: int = UNRESOLVED
) -> list[Row]:
    """Measure, with `tokens` times `agents_per_token` positions."""
    keys = [Keypair() for _ in range(unresolved)]
    wallets = {f"WALLET_{number}": str(key) for number, key in enumerate(keys, 1)}
    with tempfile.TemporaryDirectory(prefix="nexgent-restart-") as folder:
        product = Product(Path(folder), {**MANY_CONNECTIONS, **wallets, "LOG_LEVEL": "warn"}, forked=False)
        await product.start_sandbox()
        try:
            await product.start_service()
            await product.login()
            async with SandboxControl(product.sandbox_url) as control:
                await _positions(product, tokens, agents_per_token)
                await _hanging_swaps(product, control, keys)
                return await _restart(product, control, tokens * agents_per_token, unresolved)
        finally:
            await product.stop()


async def _positions(product: Product, tokens: int, agents_per_token: int) -> None:
    mints = await storm_tokens(product, tokens)
    agents = await storm_agents(product, mints, agents_per_token)
    for mint in mints:
        await product.signal(mint)

    async def all_open() -> bool:
        await product.login()
        held = [await product.positions(agent["id"]) for agent in agents]
        return sum(map(len, held)) == tokens * agents_per_token

    await until(all_open, "all positions are open", DEADLINE_SECONDS)


async def _hanging_swaps(product: Product, control: SandboxControl, keys: list[Keypair]) -> None:
    mint, config = await only_token(control, "HANGS")
    for number, key in enumerate(keys):
        await live_agent(product, control, str(key.pubkey()), f"Live {number}", config)
    await control.fault("timeout", "execute", seconds=HANG_SECONDS)
    await product.signal(mint)

    async def all_posted() -> bool:
        return bool((await control.requests())["counts"].get("execute", 0) >= len(keys))

    await until(all_posted, "all swaps are posted", DEADLINE_SECONDS)


async def _restart(product: Product, control: SandboxControl, positions: int, unresolved: int) -> list[Row]:
    product.kill_service()
    started = time.perf_counter()
    health = f"{product.url}/api/v1/health"

    async def after(condition: Callable[[], Awaitable[bool]], what: str, since: float) -> float:
        await until(condition, what, DEADLINE_SECONDS)
        return time.perf_counter() - since

    async def live() -> bool:
        return (await product.http.get(f"{health}/live")).status_code == httpx.codes.OK

    async def left() -> int:
        return int((await product.http.get(f"{health}/ready")).json()["engine"]["unresolved"])

    async def found() -> bool:
        return await left() == unresolved

    async def none_left() -> bool:
        return await left() == 0

    is_live, _ = await asyncio.gather(after(live, "it is live", started), product.start_service())
    is_ready = time.perf_counter() - started
    await until(found, "all swaps are found open", DEADLINE_SECONDS)
    await control.clear_faults()
    answering = time.perf_counter()
    resolved = await after(none_left, "all are resolved", answering)
    code, report = await product.verify("--chain")
    # Wallets that have just traded are compared later.
    differs = [one["wallet_address"] for one in report["chain"] if one["state"] == "differs"]
    note = (
        ""
        if code == 0 or not (report["differences"] or differs)
        else f"verify: {report['differences']} {differs}"
    )
    name = f"kill -9 with {positions} open positions and {unresolved} unresolved intents:"
    return [
        Row(f"{name} to live", is_live, "s"),
        Row(f"{name} to ready, Jupiter hanging", is_ready, "s", None, 6),
        Row(f"{name} all intents resolved after it answers again", resolved, "s", note=note),
    ]
