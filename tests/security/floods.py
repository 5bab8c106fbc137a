"""Floods against a running service, and what it looks like from outside meanwhile.

`python -m tests.security.floods NAME PORT TOKEN AGENT SECONDS` is the attacker: a process of its own, on this machine's loopback
only, coming from 127.0.0.2 and following, so that it shares no address with whoever measures.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from websockets.frames import Frame, Opcode

from tests.e2e.product import Product
from tests.patience import PATIENCE_SECONDS

REPOSITORY = Path(__file__).resolve().parents[2]
PROBE_SECONDS = 10.0
IDLE_CONNECTIONS = 1300
ENDINGS = (OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.LimitOverrunError)


@dataclass(frozen=True, slots=True)
class Target:
    """What is attacked, and as whom."""

    port: int
    token: str
    agent: str

    async def connect(self, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect from one of a few addresses."""
        source = (f"127.0.0.{2 + number % 8}", 0)
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=source)


async def frames(target: Target, number: int) -> None:
    """One-byte frames of somebody who may listen only."""
    reader, writer = await target.connect(number)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ws?agentId={target.agent}&token={target.token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    await _pour(writer, Frame(Opcode.TEXT, b"x").serialize(mask=True) * 8192)


async def headers(target: Target, number: int) -> None:
    """A header that does not end."""
    _, writer = await target.connect(number)
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    await _pour(writer, b"x" * 65_536)


async def half_open(target: Target, number: int) -> None:
    """A connection on which nothing, or almost nothing, is said."""
    reader, writer = await target.connect(number)
    try:
        writer.write(b"GET / HT" if number % 2 else b"")
        await reader.read(1)
    finally:
        writer.close()


async def logins(target: Target, number: int) -> None:
    """Wrong passwords, from addresses that are made up."""
    body = b'{"email":"admin@example.com","password":"wrong-%d"}' % time.monotonic_ns()
    forged = ".".join(str(byte) for byte in os.urandom(4))
    await _post(target, number, "auth/login", body, f"X-Forwarded-For: {forged}\r\n")


async def signals(target: Target, number: int) -> None:
    """Signals of a megabyte."""
    body = b'{"tokenAddress":"%d","signalType":"F","signalStrength":1,"activationReason":"%b"}' % (
        time.monotonic_ns(),
        b"x" * 1_000_000,
    )
    await _post(target, number, "trading-signals", body, f"Authorization: Bearer {target.token}\r\n")


FLOODS: dict[str, tuple[Callable[[Target, int], Awaitable[None]], int]] = {
    "frames": (frames, 4),
    "headers": (headers, 16),
    "half-open": (half_open, IDLE_CONNECTIONS),
    "logins": (logins, 32),
    "signals": (signals, 8),
}
"""What is done, and by how many at a time."""


async def _pour(writer: asyncio.StreamWriter, data: bytes) -> None:
    try:
        while True:
            writer.write(data)
            await writer.drain()
    finally:
        writer.transport.abort()


async def _post(target: Target, number: int, path: str, body: bytes, more: str) -> None:
    reader, writer = await target.connect(number)
    try:
        head = f"POST /api/v1/{path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        await reader.read()
    finally:
        writer.close()


async def attack(name: str, target: Target, seconds: float) -> None:
    """Do it again and again, for so long."""
    one, count = FLOODS[name]

    async def again(number: int) -> None:
        while True:
            with suppress(*ENDINGS):
                await one(target, number)
            await asyncio.sleep(0.001)

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(again(number) for number in range(count)))


@dataclass(slots=True)
class Seen:
    """How the service did, seen from outside. Times in seconds, memory in bytes."""

    seconds: float = 0.0
    ticks: int = 0
    longest_gap: float = 0.0
    live: list[float] = field(default_factory=list)
    live_failed: int = 0
    memory: int = 0
    stop_ticks: int | None = None
    """How many times prices were asked for from the fall of one until the position was sold."""
    stop_seconds: float | None = None


@asynccontextmanager
async def flooded(
    product: Product, name: str, agent: str, seconds: float
) -> AsyncIterator[asyncio.Task[int]]:
    """Run the attacker; the task ends with it."""
    arguments = (name, str(product.port), product.token(), agent, str(seconds))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.security.floods", *arguments, cwd=REPOSITORY
    )
    attacking = asyncio.create_task(process.wait())
    try:
        yield attacking
    finally:
        if process.returncode is None:
            process.kill()
        await attacking


async def observe(product: Product, seconds: float, *, fall_of: str | None = None, at_least: int = 0) -> Seen:
    """Look at the service for so long; in the middle let the price of something that is held fall through its stop.

    It takes longer where the service has not asked for prices and said that it lives `at_least` so often by then.
    """
    seen = Seen()
    began = time.time()
    first = await _asked(product)
    fallen_at: float | None = None

    async def is_over(now: float) -> bool:
        if now < began + seconds:
            return False
        is_enough = len(seen.live) >= at_least and await _asked(product) - first >= at_least
        return is_enough or now > began + PATIENCE_SECONDS

    while not await is_over(now := time.time()):
        if fall_of is not None and fallen_at is None and now > began + seconds / 3:
            prices = {token["mint"]: Decimal(str(token["priceSol"])) for token in await product.tokens()}
            fallen_at = time.time()
            await product.set_price(fall_of, format(prices[fall_of] / 2, "f"))
        await _probe(product, seen)
        seen.memory = max(seen.memory, product.service.memory_info().rss)
        await asyncio.sleep(0.1)
    ended = time.time()
    seen.seconds = ended - began
    answer = await product.http.get(f"{product.sandbox_url}/control/requests?last=100000")
    log = answer.json()["last"]
    asked = [one["atSeconds"] for one in log if one["endpoint"] == "dexscreener"]
    inside = [at for at in asked if began <= at <= ended]
    before = max((at for at in asked if at < began), default=began)
    seen.ticks = len(inside)
    times = [before, *inside, time.time()]
    seen.longest_gap = max(later - at for at, later in pairwise(times))
    if fallen_at is not None:
        orders = [one["atSeconds"] for one in log if one["endpoint"] == "order"]
        sold = min((at for at in orders if at > fallen_at), default=None)
        if sold is not None:
            seen.stop_seconds = sold - fallen_at
            seen.stop_ticks = sum(fallen_at < at <= sold for at in asked)
    return seen


async def _asked(product: Product) -> int:
    """Return how often prices have been asked for."""
    counts = (await product.http.get(f"{product.sandbox_url}/control/requests")).json()["counts"]
    return int(counts.get("dexscreener", 0))


async def _probe(product: Product, seen: Seen) -> None:
    """Ask for `health/live` on a connection of its own."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", product.port)
            try:
                writer.write(b"GET /api/v1/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = await reader.read()
            finally:
                writer.close()
        good = b" 200 " in answer[:16]
    except ENDINGS:
        good = False
    if good:
        seen.live.append(time.perf_counter() - began)
    else:
        seen.live_failed += 1


if __name__ == "__main__":
    asyncio.run(attack(sys.argv[1], Target(int(sys.argv[2]), *sys.argv[3:5]), float(sys.argv[5])))
