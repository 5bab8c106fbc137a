"""`python -m benchmarks.soak [--minutes 30]`: trade for long with everything switched on, and see whether anything grows.

50 agents (5 of them live, on the sandbox's chain), a signal every five seconds over a fixed set of tokens whose prices go up and
down, so that what is bought is sold again by its stop: 20 trades a second. Everybody is there meanwhile who may be
(`benchmarks.soak_company`): a WebSocket client of each agent that comes and goes, a dashboard, a target for a program and one for
a person, a collector of traces, Prometheus with its alarms, a bot of Telegram, and an assistant over MCP.

Every minute: memory, open files, threads and tasks, and how far tables and notifications lag behind. At the end the slope of each
over the second half, by least squares over the least value of each minute (its median, of lags). Exit code 1 when one is above
what is promised, when a notification or a span was lost, when the books do not add up, or when the run was too short to tell.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psutil
import uvloop
from redis.asyncio import Redis
from solders.keypair import Keypair

from benchmarks.load import MANY_CONNECTIONS
from benchmarks.soak_company import SCRAPE_SECONDS, Company
from nexgent.sandbox.control import SandboxControl
from tests.e2e.live import live_agent
from tests.e2e.product import NotNowError, Product

AGENTS = 50
LIVE = 5
FUNDS_SOL = 1000
TOKENS = 40
ROUND_SECONDS = 5
PRICE = Decimal("0.001")
FEWEST_MINUTES = 5
CONFIG = {
    "positionCalculator": {
        "randomization": {"enabled": False},
        "positionSizes": {size: {"min": 0.05, "max": 0.05} for size in ("small", "medium", "large")},
    },
    "purchaseLimits": {"maxPurchasePerToken": 10},
    "stopLoss": {"enabled": True, "mode": "fixed", "defaultPercentage": -10},
}
LEASE_SECONDS = 60
"""A machine that is busy with other things as well is no reason to change the engine."""
RENEWAL_SECONDS = 300.0
STEP_ROUNDS = 4
"""So many rounds a token stays at each of its prices."""
_SWING = (Decimal("1.0"), Decimal("1.02"), Decimal("1.0"), Decimal("0.85"))

Reading = Mapping[str, float]
"""What is seen at one moment, by the name of the quantity."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that must not grow: what counts of a minute, and by how much a minute it may seem to."""

    name: str
    of_minute: Callable[[Sequence[float]], float]
    promise: float


QUANTITIES = (
    Quantity("service MB", min, 0.2),
    Quantity("service files", min, 0.1),
    Quantity("service threads", min, 0.05),
    Quantity("service tasks", min, 0.2),
    Quantity("worker MB", min, 0.2),
    Quantity("worker files", min, 0.1),
    Quantity("worker threads", min, 0.05),
    Quantity("bot MB", min, 0.1),
    Quantity("bot files", min, 0.1),
    Quantity("redis MB", min, 0.2),
    Quantity("postgres processes", min, 0.1),
    Quantity("journal lag s", statistics.median, 0.02),
    Quantity("outbox overdue s", statistics.median, 0.1),
    Quantity("outbox waiting", statistics.median, 2.0),
    Quantity("jobs waiting", statistics.median, 0.5),
)
NOTHING_OF = (
    'trace_spans_total{fate="dropped"}',
    'trace_spans_total{fate="refused"}',
    "notifications_failed",
)
"""Of these there is to be nothing at the end."""


def slope(minutes: Mapping[int, float]) -> float | None:
    """Return by how much a quantity grows a minute over the second half, by least squares; None of too few minutes."""
    half = [minute for minute in minutes if minute >= max(minutes) / 2]
    if len(half) < FEWEST_MINUTES:
        return None
    return statistics.linear_regression(half, [minutes[minute] for minute in half]).slope


class Diary:
    """What was seen, minute by minute. The last one may be a part of a minute and is not counted."""

    def __init__(self) -> None:
        self._minutes: dict[int, list[Reading]] = {}

    def note(self, minutes: float, reading: Reading) -> int | None:
        """Note a reading; return the minute that is over with it, if one is."""
        minute = int(minutes)
        over = max(self._minutes) if self._minutes and minute not in self._minutes else None
        self._minutes.setdefault(minute, []).append(reading)
        return over

    def course(self, quantity: Quantity) -> dict[int, float]:
        """Return what counts of each whole minute."""
        whole = sorted(self._minutes)[:-1]
        return {
            minute: quantity.of_minute([one[quantity.name] for one in self._minutes[minute]])
            for minute in whole
        }

    def line(self, minute: int) -> str:
        """Return a minute in a line."""
        seen = self._minutes[minute]
        told = (
            f"{quantity.name} {quantity.of_minute([one[quantity.name] for one in seen]):.4g}"
            for quantity in QUANTITIES
        )
        return f"{minute + 1:4} min  {'  '.join(told)}  trades {seen[-1]['trades']:.0f}"


def figure(exposition: str, series: str) -> float:
    """Return the sum of all series of that name in Prometheus' text format; a name with its labels is one of them."""
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in exposition.splitlines()
        if line.startswith((f"{series} ", f"{series}{{"))
    )


async def soak(minutes: float, folder: Path) -> int:
    """Trade; return how much was not as promised."""
    keys = [Keypair() for _ in range(LIVE)]
    wallets = {f"WALLET_{n}": str(key) for n, key in enumerate(keys, 1)}
    company = Company()
    settings = {
        **MANY_CONNECTIONS,
        **wallets,
        **company.settings,
        "LOG_LEVEL": "warn",
        "LOG_FORMAT": "json",
        "ENGINE_LEASE_SECONDS": str(LEASE_SECONDS),
        "PRICE_POLL_SECONDS": "1",
        "PRICE_PATIENCE_SECONDS": "0.9",
    }
    product = Product(folder, settings, forked=False)
    await product.start_sandbox()
    try:
        async with company.listening(), SandboxControl(product.sandbox_url) as control:
            await product.start_service()
            await product.login()
            tokens = [
                {"symbol": f"SK{n}", "priceSol": str(PRICE), "liquiditySol": "100000", "decimals": 6}
                for n in range(TOKENS)
            ]
            mints = [one["mint"] for one in await control.add_tokens(tokens)]
            agents = await _agents(product, control, keys)
            async with company.around(product, agents):
                diary = await _trade(product, company, mints, minutes)
                wrong = _judged(diary) + await _lost(product, company)
            return wrong + await _unbalanced(product)
    finally:
        await product.stop()


async def _agents(product: Product, control: SandboxControl, keys: Sequence[Keypair]) -> list[str]:
    made = [
        await product.agent(f"Soak {number}", str(FUNDS_SOL), CONFIG) for number in range(AGENTS - len(keys))
    ]
    made += [
        await live_agent(product, control, str(key.pubkey()), f"Soak live {number}", CONFIG, FUNDS_SOL)
        for number, key in enumerate(keys)
    ]
    return [one["id"] for one in made]


async def _trade(product: Product, company: Company, mints: Sequence[str], minutes: float) -> Diary:
    started, diary = time.monotonic(), Diary()
    logged_in, looked = 0.0, 0.0
    async with Redis.from_url(product.redis_url) as redis:
        for turn in itertools.count():
            elapsed = time.monotonic() - started
            if elapsed > minutes * 60:
                break
            await asyncio.sleep(max(0.0, turn * ROUND_SECONDS - elapsed))
            # By the clock: a round takes longer on a busy machine, and an access token lasts for 15 minutes.
            if elapsed - logged_in > RENEWAL_SECONDS:
                await product.login()
                logged_in = elapsed
            await _one_round(product, company, mints, turn)
            if elapsed - looked >= SCRAPE_SECONDS and company.scraped:
                looked = elapsed
                over = diary.note(elapsed / 60, await _look(product, company, redis))
                if over is not None:
                    print(diary.line(over), flush=True)
    return diary


async def _one_round(product: Product, company: Company, mints: Sequence[str], turn: int) -> None:
    """Give a signal for one token. Each falls through the stops some time after it was bought, and starts again."""
    steps = {
        mints[(turn - STEP_ROUNDS * step) % len(mints)]: PRICE * factor
        for step, factor in enumerate(_SWING)
        if turn >= STEP_ROUNDS * step
    }
    body = {"prices": {one: str(price) for one, price in steps.items()}}
    (await product.http.post(f"{product.sandbox_url}/control/price", json=body)).raise_for_status()
    try:
        await product.signal(mints[turn % len(mints)], kind=f"SOAK-{turn // len(mints)}")
    except NotNowError as error:
        # The database of a busy machine may not answer in time: that is told at the end, and ends nothing.
        company.troubles[f"signal: {str(error)[:120]}"] += 1


async def _look(product: Product, company: Company, redis: Redis) -> Reading:
    assert company.bot is not None
    processes = {
        "service": product.service,
        "worker": product.worker(),
        "bot": psutil.Process(company.bot.pid),
    }
    reading: dict[str, float] = {}
    for name, process in processes.items():
        reading[f"{name} MB"] = process.memory_info().rss / 1e6
        reading[f"{name} files"] = process.num_fds()
        reading[f"{name} threads"] = process.num_threads()
    told = company.scraped
    return {
        **reading,
        "redis MB": float((await redis.info("memory"))["used_memory"]) / 1e6,
        "postgres processes": len(product.postgres().children()),
        "service tasks": figure(told, "event_loop_tasks"),
        "journal lag s": figure(told, "projection_lag_seconds"),
        "outbox overdue s": figure(told, "notifications_overdue_seconds"),
        "outbox waiting": figure(told, "notifications_waiting"),
        "jobs waiting": figure(told, "queue_depth"),
        "trades": figure(told, "trade_execution_total"),
    }


def _judged(diary: Diary) -> int:
    """Print how everything has grown; return how much of it is above its promise."""
    wrong = 0
    for quantity in QUANTITIES:
        course = diary.course(quantity)
        grown = slope(course) if course else None
        if grown is None:
            print(
                f"too short to tell whether anything grows: {2 * FEWEST_MINUTES} minutes are the least",
                file=sys.stderr,
            )
            return 1
        half = [value for minute, value in course.items() if minute >= max(course) / 2]
        too_much = grown > quantity.promise
        wrong += int(too_much)
        print(
            f"{quantity.name:20} {half[0]:9.4g} → {half[-1]:9.4g}   {grown:+.3f} a minute (promise {quantity.promise})"
            f"{'   TOO MUCH' if too_much else ''}"
        )
    return wrong


async def _lost(product: Product, company: Company) -> int:
    """Print what everybody has seen; return of how many things something was lost."""
    print("seen:", ", ".join(f"{what} {count}" for what, count in sorted(company.seen.items())))
    for what, count in company.troubles.most_common():
        print(f"trouble, {count} times: {what}")
    for (what, code), count in _warnings(product).most_common():
        print(f"log, {count} times: {what} {code}".rstrip())
    alarms = await company.alarms(product.http)
    print("alarms:", "no Prometheus here" if alarms is None else ", ".join(alarms) or "none")
    wrong = 0
    for series in NOTHING_OF:
        if lost := figure(company.scraped, series):
            print(f"{series}: {lost:.0f}   TOO MUCH")
            wrong += 1
    return wrong


def _warnings(product: Product) -> Counter[tuple[str, str]]:
    """Return how often each line of the service's log stands there, with its code."""
    lines = [json.loads(line) for line in product.log("service").splitlines() if line.startswith("{")]
    return Counter(
        (str(line.get("msg")), f"{line.get('code', '')} {line.get('reason', '')}".strip()) for line in lines
    )


async def _unbalanced(product: Product) -> int:
    code, report = await product.verify()
    print("books:", "in order" if code == 0 else report)
    return code


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (30)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nexgent-soak-") as folder:
        Path(folder).chmod(0o711)
        return min(1, uvloop.run(soak(options.minutes, Path(folder))))


if __name__ == "__main__":
    sys.exit(main())
