"""What several engines cost, and how soon another one has the shards of one that is killed or stands still.

Each setting has a database and a Redis of its own and the same agents, which are there when its services start. Signals for
all of them come one after the other, each when the one before is carried out. What services and servers take at rest, in the
mean of before and afterwards, is taken off what they take meanwhile: a purchase costs what it costs on top. One worker looks
after the tables for all engines.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psutil
from redis.asyncio import Redis

from benchmarks.budget import cpu_seconds
from benchmarks.figures import ENGINES
from benchmarks.load import MANY_CONNECTIONS
from benchmarks.past import Past, make
from benchmarks.storm import storm_tokens
from benchmarks.table import Row
from nexgent.infrastructure.embedded import EmbeddedServers
from nexgent.shared.shards import SHARDS
from tests.e2e.cluster import lay_out_cluster, with_connections
from tests.e2e.engines import Engines
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, until
from tests.forks import Running

AGENTS = 200
DEPOSIT_SOL = 100
BURSTS = 8
CONNECTIONS = 200
REST_SECONDS = 3.0
COPIES_SECONDS = 1.0
"""How long copies of what others trade may be behind, and then some."""
TAKEOVER_AGENTS = 60
SHORT_TAKEOVERS, FULL_TAKEOVERS = 6, 40
DEADLINE_SECONDS = 600.0
_LOOK_SECONDS = 0.005
_ALL_WRITTEN = "SELECT (SELECT max(id) FROM journal) <= (SELECT position FROM journal_watermark)"
_PROCESSED = "SELECT processed_at IS NOT NULL FROM trading_signals WHERE id = $1"
_EXECUTED = "SELECT count(*) FROM signal_decisions WHERE signal_id = ANY($1) AND outcome = 'EXECUTED'"
_COUNTED = """
SELECT (SELECT sum(xact_commit) FROM pg_stat_database)::float8 AS commits,
       (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 AS wal,
       pg_database_size(current_database())::float8 AS stored
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """So many services that trade, and so many beside them that only serve requests."""

    name: str
    engines: int
    shared: bool = True
    replicas: int = 0

    @property
    def values(self) -> list[str]:
        """`ENGINES` of each service."""
        return ["shared" if self.shared else "one"] * self.engines + ["one"] * self.replicas


SETTINGS = (
    Setting("one", 1, shared=False),
    Setting("one and a replica", 1, shared=False, replicas=1),
    Setting("shared, 1", 1),
    Setting("shared, 2", 2),
    Setting("shared, 3", 3),
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Services on servers that are not theirs, those that trade first, and one worker for all of them."""

    engines: Engines
    services: Sequence[Product]
    worker: Running
    servers: EmbeddedServers
    redis: Redis
    database: asyncpg.Connection[asyncpg.Record]


async def run(*, agents: int = AGENTS, takeovers: int = SHORT_TAKEOVERS) -> list[Row]:
    """Measure. `takeovers` is how often an engine is killed, and how often one is frozen."""
    rows: list[Row] = []
    started = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {what}", file=sys.stderr, flush=True)

    async with _fleet(["one"], 1, 0) as fleet:
        empty = _memory(fleet.services[0])
    for setting in SETTINGS:
        found = len(rows)
        say(f"{setting.name}: {agents} agents are made")
        async with _fleet(setting.values, setting.engines, agents) as fleet:
            rows += await _purchases(fleet, setting, agents, empty, say)
            for row in rows[found:]:
                print(f"  {row.name}: {row.value:.1f} {row.unit} {row.note}", file=sys.stderr, flush=True)
    if takeovers:
        say(f"three engines, one of them killed {takeovers} times and frozen {takeovers} times")
        async with _fleet(["shared"] * 3, 3, TAKEOVER_AGENTS) as fleet:
            rows += await _takeovers(fleet, takeovers, say)
    say("done")
    return rows


@asynccontextmanager
async def _fleet(values: Sequence[str], trading: int, agents: int) -> AsyncIterator[Fleet]:
    """Run a service for each value of `ENGINES`; the first `trading` of them trade, and find so many agents."""
    with tempfile.TemporaryDirectory(prefix="nexgent-engines-") as name:
        folder = Path(name)
        _let_through(folder)
        await lay_out_cluster(folder / "data", ADMIN_EMAIL, ADMIN_PASSWORD)
        with_connections(folder / "data", CONNECTIONS)
        async with EmbeddedServers(folder / "data") as servers:
            if agents:
                # Made one by one over the API, 3 000 of them take longer than everything that is measured.
                past = Past(agents, 0, DEPOSIT_SOL, timedelta(0))
                await make(servers.database_url, past, say=False)
            await _with_the_disk(servers.database_url)
            products = [_product(folder / str(n), value, servers) for n, value in enumerate(values)]
            first = products[0]
            await first.start_sandbox()
            for product in products[1:]:
                product.sandbox_port, product.sandbox_url = first.sandbox_port, first.sandbox_url
            redis = Redis.from_url(servers.redis_url)
            database = await asyncpg.connect(servers.database_url)
            try:
                for product in products:
                    await product.start_service()
                    await product.login()
                worker = first.spawn("worker", "worker")
                engines = Engines(products[:trading], servers.database_url)
                if values[0] == "shared":
                    await engines.spread()
                    await until(lambda: _all_act(engines), "every engine acts for what it has")
                yield Fleet(engines, products, worker, servers, redis, database)
            finally:
                await redis.aclose()
                await database.close()
                for product in reversed(products):
                    with suppress(psutil.NoSuchProcess):
                        product.service.resume()
                    await product.stop()


def _let_through(folder: Path) -> None:
    # Root's servers run as somebody else, who has to pass through.
    folder.chmod(0o711)


def _product(folder: Path, engines: str, servers: EmbeddedServers) -> Product:
    folder.mkdir()
    settings = {
        **MANY_CONNECTIONS,
        "ENGINES": engines,
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "WORKER_EMBEDDED": "false",
        "METRICS_PUBLIC": "true",
    }
    return Product(folder, settings, forked=False)


async def _with_the_disk(database_url: str) -> None:
    """Have the server wait for the disk, which those of tests do not: commits are part of what is measured."""
    connection = await asyncpg.connect(database_url)
    try:
        for setting in ("fsync", "full_page_writes"):
            await connection.execute(f"ALTER SYSTEM RESET {setting}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class _Spent:
    """What everything has taken so far: seconds of the processor of each service and of the others, and what servers counted."""

    at: float
    services: tuple[float, ...]
    worker: float
    postgres: float
    redis: float
    commits: float
    wal: float
    stored: float
    commands: float
    copies: float

    def values(self) -> tuple[float, ...]:
        """Return all but the time."""
        return (
            *self.services,
            self.worker,
            self.postgres,
            self.redis,
            self.commits,
            self.wal,
            self.stored,
            self.commands,
            self.copies,
        )

    def since(self, earlier: _Spent, rest: Sequence[float]) -> list[float]:
        """Return what was taken since then beyond what is taken at rest, each of `rest` by the second."""
        seconds = self.at - earlier.at
        pairs = zip(self.values(), earlier.values(), rest, strict=True)
        return [now - then - at_rest * seconds for now, then, at_rest in pairs]

    def rate(self, earlier: _Spent) -> list[float]:
        """Return what was taken by the second since then."""
        seconds = self.at - earlier.at
        return [(now - then) / seconds for now, then in zip(self.values(), earlier.values(), strict=True)]


async def _spent(fleet: Fleet) -> _Spent:
    postgres, redis = fleet.servers.postgres_pid, fleet.servers.redis_pid
    assert postgres is not None
    assert redis is not None
    counted = await fleet.database.fetchrow(_COUNTED)
    assert counted is not None
    info = await fleet.redis.info()
    return _Spent(
        at=time.perf_counter(),
        services=tuple(cpu_seconds(one.service) for one in fleet.services),
        worker=cpu_seconds(psutil.Process(fleet.worker.pid)),
        postgres=_family_cpu(psutil.Process(postgres)),
        redis=cpu_seconds(psutil.Process(redis)),
        commits=counted["commits"],
        wal=counted["wal"],
        stored=counted["stored"],
        commands=float(info["total_commands_processed"]),
        copies=float(info["used_memory"]),
    )


def _family_cpu(process: psutil.Process) -> float:
    """Return the time of a process and of all it has started, those that have ended included."""
    times = process.cpu_times()
    total = cpu_seconds(process) + float(times.children_user + times.children_system)
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess, OSError):
            total += cpu_seconds(child)
    return total


async def _purchases(
    fleet: Fleet, setting: Setting, count: int, empty: int, say: Callable[[str], None]
) -> list[Row]:
    """Measure signals for all agents. `empty` is the memory of a service without any."""
    mints = await storm_tokens(fleet.services[0], BURSTS + 1)
    known = max(map(_memory, fleet.services))
    say(f"{setting.name}: {BURSTS} signals")
    took: list[float] = []
    await _burst(fleet, 0, mints[0])
    await _all_written(fleet)
    start = await _spent(fleet)
    before = await _after_a_rest(fleet)
    held = [_memory(one) for one in fleet.services]
    signals = []
    for number, mint in enumerate(mints[1:]):
        began = time.perf_counter()
        signals.append(await _burst(fleet, number, mint))
        took.append(time.perf_counter() - began)
    await _all_written(fleet)
    after = await _spent(fleet)
    end = await _after_a_rest(fleet)
    bought = await fleet.database.fetchval(_EXECUTED, signals)
    rates = zip(before.rate(start), end.rate(after), strict=True)
    rest = [statistics.fmean(pair) for pair in rates]
    spent = after.since(before, rest)
    each = [value / bought * 1e6 for value in spent]
    name = f"{ENGINES}{count} agents, {setting.name}"
    several = len(fleet.services)
    trading, serving = each[: setting.engines], each[setting.engines : several]
    worker, postgres, redis, commits, wal, stored, commands, copies = each[several:]
    purchases = count * BURSTS
    note = "" if bought == purchases else f"{bought} of {purchases} bought"

    def row(what: str, value: float, unit: str, said: str = "", *, more: bool = False) -> Row:
        return Row(f"{name}: {what}", value, unit, more_is_better=more, note=said)

    rows = [
        row("purchase, all engines", sum(trading), "µs", note),
        row("purchase, engine with most", max(trading), "µs"),
        row("purchase, engine with least", min(trading), "µs"),
        row("purchase, worker", worker, "µs"),
        row("purchase, PostgreSQL", postgres, "µs"),
        row("purchase, Redis", redis, "µs"),
        row("commits a purchase", commits / 1e6, ""),
        row("journal of the server a purchase", wal / 1e6, "B"),
        row("database a purchase", stored / 1e6, "B"),
        row("commands of Redis a purchase", commands / 1e6, ""),
        row("Redis a purchase", copies / 1e6, "B"),
        row("purchases", bought / sum(took), "/s", more=True),
        row("processor at rest, all engines", sum(rest[: setting.engines]) * 100, "%"),
        row("processor at rest, PostgreSQL", rest[several + 1] * 100, "%"),
    ]
    if serving:
        rows.append(row("purchase, replica", statistics.fmean(serving), "µs"))
    growth = max(_memory(one) - then for one, then in zip(fleet.services, held, strict=True))
    return [
        *rows,
        row("memory of a service, an agent", (known - empty) / count / 1000, "kB"),
        row("memory of a service, a position", growth / bought / 1000, "kB"),
    ]


async def _burst(fleet: Fleet, number: int, mint: str) -> int:
    """Send a signal to one service after the other, and return its number when all agents have decided."""
    signal_id = await fleet.services[number % len(fleet.services)].signal(mint)
    await _until(lambda: fleet.database.fetchval(_PROCESSED, signal_id), "the signal is carried out")
    return signal_id


async def _all_written(fleet: Fleet) -> None:
    await _until(lambda: fleet.database.fetchval(_ALL_WRITTEN), "the tables have everything")
    await asyncio.sleep(COPIES_SECONDS)


async def _after_a_rest(fleet: Fleet) -> _Spent:
    await asyncio.sleep(REST_SECONDS)
    return await _spent(fleet)


def _memory(product: Product) -> int:
    return int(product.service.memory_info().rss)


async def _until(condition: Callable[[], Awaitable[Any]], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"did not happen within {DEADLINE_SECONDS:.0f} s: {what}")
        await asyncio.sleep(_LOOK_SECONDS)


async def _takeovers(fleet: Fleet, count: int, say: Callable[[str], None]) -> list[Row]:
    """Kill and freeze one engine after the other while a signal comes, and see when others have its shards and decide."""
    engines = fleet.engines
    mints = await storm_tokens(engines.all[0], 2 * count)
    agents = [{"id": str(row["id"])} for row in await fleet.database.fetch("SELECT id FROM agents")]
    rows = []
    for kind in ("killed", "frozen"):
        held: list[float] = []
        decided: list[float] = []
        complete: list[float] = []
        for number in range(count):
            victim = engines.all[number % len(engines.all)]
            times = await _takeover(fleet, victim, mints.pop(), agents, frozen=kind == "frozen")
            say(f"{kind}: {', '.join(f'{one:.2f} s' for one in times)}")
            for one, into in zip(times, (held, decided, complete), strict=True):
                into.append(one)
        name = f"{ENGINES}one of three is {kind}"
        for what, seconds in (
            ("others have its shards", held),
            ("first decision there", decided),
            ("all decisions there", complete),
        ):
            rows += [
                Row(f"{name}: {what}, p50", statistics.median(seconds), "s", note=f"{count} times"),
                Row(f"{name}: {what}, p99", _quantile(seconds, 0.99), "s"),
            ]
    return rows


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def _takeover(
    fleet: Fleet, victim: Product, mint: str, agents: Sequence[dict[str, Any]], *, frozen: bool
) -> tuple[float, float, float]:
    """Return the seconds until others have the shards, have decided for one of its agents, and for all of them."""
    engines = fleet.engines
    orphans = [UUID(agent["id"]) for agent in await engines.of(victim, agents)]
    others = [one for one in engines.all if one is not victim]
    live = {str(one.service.pid) for one in others}
    held = decided = complete = 0.0
    began = time.perf_counter()
    if frozen:
        victim.service.suspend()
    else:
        await asyncio.to_thread(victim.kill_service)
    signal_id = await others[0].signal(mint)
    while not (held and complete):
        if not held:
            shards = await engines.shards()
            if sum(len(mine) for pid, mine in shards.items() if pid in live) == SHARDS:
                held = time.perf_counter() - began
        said = await fleet.database.fetchval(
            "SELECT count(*) FROM signal_decisions WHERE signal_id = $1 AND agent_id = ANY($2)",
            signal_id,
            orphans,
        )
        now = time.perf_counter() - began
        decided = decided or (now if said else 0.0)
        complete = complete or (now if said == len(orphans) else 0.0)
        if now > DEADLINE_SECONDS:
            raise RuntimeError(f"not taken over within {DEADLINE_SECONDS:.0f} s")
        await asyncio.sleep(_LOOK_SECONDS)
    if frozen:
        victim.service.resume()
    else:
        await victim.start_service()
    await engines.spread()
    await until(lambda: _all_act(engines), "every engine acts for what it has")
    return held, decided, complete


async def _all_act(engines: Engines) -> bool:
    """Tell whether each engine says that it acts for all shards it has."""
    shards = await engines.shards()
    for product in engines.all:
        text = (await product.http.get(f"{product.url}/api/v1/metrics")).text
        found = re.search(r"^engine_shards ([\d.]+)$", text, re.MULTILINE)
        if found is None or int(float(found[1])) != len(shards.get(str(product.service.pid), ())):
            return False
    return True
