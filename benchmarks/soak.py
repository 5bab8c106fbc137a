"""`python -m benchmarks.soak [--minutes 30]`: trade for long, and see whether anything grows.

50 agents (5 of them live, on the sandbox's chain), one signal a second over a fixed set of tokens whose prices go up and down, so
that what is bought is sold again by its stop. Every minute: memory and open files of the service, how late it answers, and the
number of trades; at the end the slope of its memory over the second half. Exit code 1 when that is above what is
promised, or when the run was too short to tell.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import uvloop
from solders.keypair import Keypair

from benchmarks.load import MANY_CONNECTIONS
from nexgent.sandbox.control import SandboxControl
from tests.e2e.live import live_agent
from tests.e2e.product import Product

AGENTS = 50
LIVE = 5
FUNDS_SOL = 1000
TOKENS = 40
PRICE = Decimal("0.001")
FEWEST_SAMPLES = 5
SLOPE_PROMISE = 0.2
"""MB a minute."""
CONFIG = {
    "positionCalculator": {
        "randomization": {"enabled": False},
        "positionSizes": {size: {"min": 0.05, "max": 0.05} for size in ("small", "medium", "large")},
    },
    "purchaseLimits": {"maxPurchasePerToken": 10},
    "stopLoss": {"enabled": True, "mode": "fixed", "defaultPercentage": -10},
}
RENEWAL_SECONDS = 300.0
_SWING = (Decimal("1.0"), Decimal("1.02"), Decimal("1.0"), Decimal("0.85"))


@dataclass(frozen=True, slots=True)
class Sample:
    """The service at one moment."""

    minutes: float
    megabytes: float
    files: int
    worker_megabytes: float
    lag_milliseconds: float
    trades: int


def slope(samples: Sequence[Sample]) -> float | None:
    """Return how memory grows over the second half, in MB a minute, by least squares; None of too few samples."""
    half = [one for one in samples if one.minutes >= samples[-1].minutes / 2]
    if len(half) < FEWEST_SAMPLES:
        return None
    line = statistics.linear_regression([one.minutes for one in half], [one.megabytes for one in half])
    return line.slope


async def soak(minutes: float, folder: Path) -> list[Sample]:
    """Trade; return what was seen."""
    keys = [Keypair() for _ in range(LIVE)]
    wallets = {f"WALLET_{n}": str(key) for n, key in enumerate(keys, 1)}
    product = Product(folder, {**MANY_CONNECTIONS, **wallets, "LOG_LEVEL": "warn"}, forked=False)
    await product.start_sandbox()
    try:
        await product.start_service()
        await product.login()
        async with SandboxControl(product.sandbox_url) as control:
            tokens = [
                {"symbol": f"SK{n}", "priceSol": str(PRICE), "liquiditySol": "100000", "decimals": 6}
                for n in range(TOKENS)
            ]
            mints = [one["mint"] for one in await control.add_tokens(tokens)]
            await _agents(product, control, keys)
            return await _trade(product, mints, minutes)
    finally:
        await product.stop()


async def _agents(product: Product, control: SandboxControl, keys: Sequence[Keypair]) -> None:
    for number in range(AGENTS - len(keys)):
        await product.agent(f"Soak {number}", str(FUNDS_SOL), CONFIG)
    for number, key in enumerate(keys):
        await live_agent(product, control, str(key.pubkey()), f"Soak live {number}", CONFIG, FUNDS_SOL)


async def _trade(product: Product, mints: Sequence[str], minutes: float) -> list[Sample]:
    started, samples = time.monotonic(), list[Sample]()
    logged_in = 0.0
    for second in itertools.count():
        elapsed = time.monotonic() - started
        if elapsed > minutes * 60:
            break
        await asyncio.sleep(max(0.0, second - elapsed))
        mint = mints[second % len(mints)]
        # By the clock: a round takes longer than a second on a busy machine, and an access token lasts for 15 minutes.
        if elapsed - logged_in > RENEWAL_SECONDS:
            await product.login()
            logged_in = elapsed
        await product.signal(mint, kind=f"SOAK-{second // len(mints)}")
        # Each token falls through the stops some time after it was bought, and starts again.
        steps = {
            mints[(second - 10 * step) % len(mints)]: PRICE * factor
            for step, factor in enumerate(_SWING)
            if second >= 10 * step
        }
        body = {"prices": {one: str(price) for one, price in steps.items()}}
        (await product.http.post(f"{product.sandbox_url}/control/price", json=body)).raise_for_status()
        if second % 60 == 0:
            samples.append(await _look(product, elapsed / 60))
            _show(samples[-1])
    samples.append(await _look(product, (time.monotonic() - started) / 60))
    _show(samples[-1])
    return samples


async def _look(product: Product, minutes: float) -> Sample:
    service, worker = product.service, product.worker()
    began = time.perf_counter()
    (await product.http.get(f"{product.url}/api/v1/health/live")).raise_for_status()
    lag = (time.perf_counter() - began) * 1000
    headers = {"Authorization": f"Bearer {product.token()}"}
    metrics = await product.http.get(f"{product.url}/api/v1/metrics", headers=headers)
    trades = sum(
        float(line.rsplit(" ", 1)[1])
        for line in metrics.text.splitlines()
        if line.startswith("trade_execution_total{")
    )
    return Sample(
        minutes=minutes,
        megabytes=service.memory_info().rss / 1e6,
        files=service.num_fds(),
        worker_megabytes=worker.memory_info().rss / 1e6,
        lag_milliseconds=lag,
        trades=int(trades),
    )


def _show(one: Sample) -> None:
    print(
        f"{one.minutes:6.1f} min  service {one.megabytes:6.1f} MB, {one.files} files;  worker {one.worker_megabytes:6.1f} MB;"
        f"  live answered in {one.lag_milliseconds:5.1f} ms;  trades {one.trades}",
        flush=True,
    )


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (30)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nexgent-soak-") as folder:
        Path(folder).chmod(0o711)
        samples = uvloop.run(soak(options.minutes, Path(folder)))
    grown = slope(samples)
    if grown is None:
        print("too short to tell whether memory grows: ten minutes are the least", file=sys.stderr)
        return 1
    print(f"memory over the second half: {grown:+.2f} MB a minute (promise {SLOPE_PROMISE})")
    return 0 if grown <= SLOPE_PROMISE else 1


if __name__ == "__main__":
    sys.exit(main())
