"""The WebSocket under load, and who is held up by logins: real processes, everything on this machine."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.figures import FRAME
from benchmarks.listeners import Listeners
from benchmarks.load import MANY_CONNECTIONS, fire, request
from benchmarks.table import Row
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, until

CLIENTS = 1_000
DEAF_EVERY = 20
AGENTS = 20
TOKENS = 20
FULL_SECONDS, SHORT_SECONDS = 60.0, 35.0
LOGINS = 16
LOGIN_SECONDS = 6.0
LOGIN_START_SECONDS = 1.0
"""How long the processes that log in take to get going."""


async def run(*, seconds: float = FULL_SECONDS) -> list[Row]:
    """Measure. The standard run takes a shorter time, which the rows say."""
    with tempfile.TemporaryDirectory(prefix="nexgent-bench-") as folder:
        async with _running(Path(folder)) as product:
            return [*await _sockets(product, seconds), *await _logins(product)]


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Product]:
    product = Product(folder, {**MANY_CONNECTIONS, "METRICS_PUBLIC": "true"}, forked=False)
    await product.start_sandbox()
    try:
        await product.start_service()
        yield product
    finally:
        await product.stop()


async def _sockets(product: Product, seconds: float) -> list[Row]:
    agents = [await product.agent(f"Bench {number}", "1000", _PATIENT) for number in range(AGENTS)]
    mints = [token["mint"] for token in await product.tokens()][:TOKENS]
    for mint in mints:
        await product.signal(mint)
    held = await _until_bought(product, agents, len(mints))
    walk = {"enabled": True, "volatility": 0.0005, "intervalSeconds": 0.2}
    (await product.http.post(f"{product.sandbox_url}/control/walk", json=walk)).raise_for_status()

    token = await product.login()
    paths = [f"/ws?token={token}&agentId={agents[number % AGENTS]['id']}" for number in range(CLIENTS)]
    deaf = paths[::DEAF_EVERY]
    reading = [path for number, path in enumerate(paths) if number % DEAF_EVERY]
    before = _memory(product)
    listeners = Listeners(product.port, reading=reading, deaf=deaf)
    await asyncio.to_thread(listeners.start)
    await asyncio.sleep(1)
    connected = peak = _memory(product)
    began = _cpu(product)
    for _ in range(int(seconds)):
        await asyncio.sleep(1)
        peak = max(peak, _memory(product))
    spent = _cpu(product) - began
    slow = await _closed(product, "Client too slow")
    heard = await asyncio.to_thread(listeners.finish)
    what = f"WebSocket, {CLIENTS:,} clients, {AGENTS} agents, {seconds:.0f} s of ticks"
    trouble = f"gaps {heard.gaps}, readers closed {heard.closed}" if heard.gaps or heard.closed else ""
    counts = f"{len(heard.lags):,} price and {heard.position_frames:,} position frames"
    note = f"{counts}, {held} positions each {trouble}".strip()
    frames_sent = len(heard.lags) + heard.position_frames
    return [
        Row(f"{what}: tick → frame, p50", heard.quantile(0.5) * 1000, "ms"),
        Row(f"{what}: tick → frame, p99", heard.quantile(0.99) * 1000, "ms", None, 50, note=note),
        Row(f"{what}: tick → frame, worst", heard.quantile(1.0) * 1000, "ms"),
        Row(f"{what}{FRAME}", spent / frames_sent * 1e6, "µs"),
        Row("memory per client, connected", (connected - before) / CLIENTS / 1000, "kB"),
        Row("memory per client, most", (peak - before) / CLIENTS / 1000, "kB"),
        Row(
            f"of {len(deaf)} that never read, closed as too slow (1013)",
            slow,
            "",
            None,
            len(deaf),
            more_is_better=True,
        ),
    ]


_PATIENT: dict[str, Any] = {"positionCalculator": {"randomization": {"enabled": False}}}


async def _until_bought(product: Product, agents: list[dict[str, Any]], wanted: int) -> int:
    """Wait until the last agent has bought what it will; return how many positions that is."""

    async def decided() -> bool:
        return len(await product.positions(agents[-1]["id"])) >= wanted

    # Fewer are bought where a rule of the configuration objects; the row says how many.
    with suppress(AssertionError):
        await until(decided, "all signals are bought", 10.0)
    return len(await product.positions(agents[-1]["id"]))


def _memory(product: Product) -> int:
    return int(product.service.memory_info().rss)


def _cpu(product: Product) -> float:
    times = product.service.cpu_times()
    return float(times.user + times.system)


async def _closed(product: Product, reason: str) -> int:
    text = (await product.http.get(f"{product.url}/api/v1/metrics")).text
    found = re.search(rf'^websocket_closed_total\{{reason="{reason}"\}} ([\d.]+)$', text, re.MULTILINE)
    return int(float(found[1])) if found is not None else 0


async def _logins(product: Product) -> list[Row]:
    """Log in over many connections at once, and ask meanwhile whether the service lives."""
    login = request("POST", "/api/v1/auth/login", body={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
    logins, lives = await asyncio.gather(
        asyncio.to_thread(fire, product.port, [[login]] * LOGINS, seconds=LOGIN_SECONDS),
        _ask_steadily(product.port, LOGIN_SECONDS),
    )
    note = "" if set(logins.statuses) == {200} else f"statuses {logins.statuses}"
    return [
        Row("logins, 16 in flight", logins.per_second, "/s", 9, more_is_better=True, note=note),
        Row("GET health/live meanwhile, p50", lives[len(lives) // 2] * 1000, "ms"),
        Row(
            "GET health/live meanwhile, p99",
            lives[int(len(lives) * 0.99)] * 1000,
            "ms",
            None,
            20,
            note=f"{len(lives)} asked",
        ),
    ]


async def _ask_steadily(port: int, seconds: float) -> list[float]:
    """Ask once in 10 ms whether the service lives; return how long the answers took, in order of size."""
    asked = request("GET", "/api/v1/health/live")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times = []
    await asyncio.sleep(LOGIN_START_SECONDS)
    until_then = time.perf_counter() + seconds - LOGIN_START_SECONDS
    while (started := time.perf_counter()) < until_then:
        writer.write(asked)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        await reader.readexactly(int(length[1]) if length is not None else 0)
        assert head.startswith(b"HTTP/1.1 200"), head
        times.append(time.perf_counter() - started)
        await asyncio.sleep(max(0.0, 0.01 - times[-1]))
    writer.close()
    return sorted(times)
