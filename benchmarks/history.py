"""What a year of trading costs the day after it: a service with a past beside one without, in the same run.

Both have as many agents, on the same machine, in the same minutes, and what is promised is a ratio of theirs: a machine that is
busy with other things is busy for both. `--scale` takes a share of the year (1 is 1 000 agents, 1 000 000 closed trades,
4 000 000 entries; 20 GB).

`--folder` names a folder where the database stays, so that the next run need not make it again: `--prepare` makes it there, in
half the time, and measures nothing; it can be broken off and goes on where it was. A run takes a copy where the disk has room for
two. Otherwise it works on the database itself, sells what it has bought, and leaves the trades of its eight signals behind.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import aiohttp
import asyncpg
import psutil

from benchmarks.load import MANY_CONNECTIONS
from benchmarks.past import Made, Past, hurry, make
from benchmarks.product import Follower
from benchmarks.table import Row
from nexgent.infrastructure.database.journal.part_check import check_parts, list_parts
from nexgent.infrastructure.embedded import EmbeddedServers
from nexgent.infrastructure.embedded.memory import memory_bytes
from tests.e2e.cluster import lay_out_cluster
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, until

SHORT_SCALE = 0.02
FOLLOWED = 100
SIGNALS = 7
READS = 15
SETTLING_SECONDS = 5.0
DEADLINE_SECONDS = 300.0
MEASURED_SIGNALS = 200
"""The last ones of the year are projected as they always are, and it is measured how fast."""
_MOST_BUFFERS_MB = 4_096
# Of a server that makes a past. Its indexes stay in memory, where a row goes into a dozen of them at random places.
_HURRIED = {"max_wal_size": "4GB", "checkpoint_timeout": "30min", "synchronous_commit": "off"}
_HURRIED_MARK = "  # while a past is made\n"
_READY_PROMISE_SECONDS = 3.0
_FALLEN_TO = Decimal("0.3")
_PAGE_PROMISE_MS = 20.0
_EVERY_TOKEN = "GET balances, every token ever traded"
_WHOLE_LIST_PROMISE_MS = 300.0
"""Of the one list without pages, which after a year is 11 MB."""
_SIZE = """
SELECT pg_database_size(current_database()) AS whole,
       (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('journal'))::bigint AS journal,
       (SELECT count(*) FROM agent_historical_swaps) AS trades
"""


@dataclass(slots=True)
class Side:
    """One of the two services and what was measured of it."""

    product: Product
    past: Past
    agents: list[str] = field(default_factory=list)
    ready_seconds: float = 0.0
    idle_megabytes: float = 0.0
    latencies: list[float] = field(default_factory=list)
    cpu_milliseconds: list[float] = field(default_factory=list)
    pages: dict[str, float] = field(default_factory=dict)


async def prepare(folder: Path, *, scale: float) -> None:
    """Make a past in a folder, but for the signals that are measured, from wherever it is."""
    past = Past.of_scale(scale)
    _passable(folder)
    data = folder / "data"
    if not await asyncio.to_thread(data.exists):
        await lay_out_cluster(data, ADMIN_EMAIL, ADMIN_PASSWORD)
    megabytes = min(_MOST_BUFFERS_MB, memory_bytes() // 6 // 2**20)
    _set(data, {**_HURRIED, "shared_buffers": f"{megabytes}MB"})
    try:
        async with EmbeddedServers(data, redis=False) as servers:
            await hurry(servers.database_url, past, leave=min(MEASURED_SIGNALS, past.signals // 2))
    finally:
        _set(data, {})


async def run(*, scale: float = SHORT_SCALE, folder: Path | None = None) -> list[Row]:
    """Measure; the past is made first where the folder has none."""
    past = Past.of_scale(scale)
    with tempfile.TemporaryDirectory(prefix="nexgent-history-") as temporary, _kept(folder) as kept:
        there = kept if kept is not None else Path(temporary) / "past"
        _passable(Path(temporary))
        _passable(there)
        made = await _laid_out(there / "data", past)
        rows = _generated(made)
        # The other one has its agents and their deposits, and nothing else.
        await _laid_out(Path(temporary) / "data", Past(past.agents, 0))
        settings = {**MANY_CONNECTIONS, "LOG_LEVEL": "warn"}
        old = Side(Product(there, settings, forked=False), past)
        new = Side(Product(Path(temporary), settings, forked=False), Past(past.agents, 0))
        try:
            for side in (old, new):
                await _start(side)
            rows += await _compared(old, new)
            # What is left is about one of them, and the other would take its time.
            await new.product.stop()
            rows += await _alone(old)
            await _leave(old.product)
        finally:
            for side in (old, new):
                await side.product.stop()
    return [
        Row(
            f"after {past.trades:,} closed trades of {past.agents:,} agents: {row.name}",
            row.value,
            row.unit,
            row.reference,
            row.promise,
            row.more_is_better,
            row.note,
        )
        for row in rows
    ]


@contextmanager
def _kept(folder: Path | None) -> Iterator[Path | None]:
    """Yield a copy of a folder with a past if there is room for one, otherwise the folder."""
    if folder is None or not (data := folder / "data").exists():
        yield folder
        return
    size = sum(file.stat().st_size for file in data.rglob("*") if file.is_file())
    # What is left beside a copy is as much again: nobody else is to run out of it.
    if shutil.disk_usage(folder).free < 2 * size:
        print(f"no room for a copy of {size / 1e9:.0f} GB: {folder} itself is traded in", file=sys.stderr)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as copy:
        _passable(Path(copy))
        subprocess.run(["cp", "-a", "--reflink=auto", data, copy], check=True)
        yield Path(copy)


def _passable(folder: Path) -> None:
    """Make a folder that root's servers, which run as somebody else, can pass through."""
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    folder.chmod(0o711)


def _set(data: Path, settings: Mapping[str, str]) -> None:
    """Give the server of a data folder that does not run these settings, and no others of the time a past was made."""
    file = data / "postgres" / "postgresql.auto.conf"
    lines = [line for line in file.read_text().splitlines(keepends=True) if not line.endswith(_HURRIED_MARK)]
    lines += [f"{name} = '{value}'{_HURRIED_MARK}" for name, value in settings.items()]
    file.write_text("".join(lines))


async def _laid_out(data: Path, past: Past) -> Made:
    if not await asyncio.to_thread(data.exists):
        await lay_out_cluster(data, ADMIN_EMAIL, ADMIN_PASSWORD)
    _set(data, {})
    async with EmbeddedServers(data, redis=False) as servers:
        return await make(servers.database_url, past)


def _generated(made: Made) -> list[Row]:
    if not made.projected:
        return []
    rows = [
        Row(
            "journal → tables, over all of it",
            made.projected / made.seconds,
            "/s",
            None,
            10_000,
            more_is_better=True,
        )
    ]
    if made.newest_seconds_an_entry:
        newest = 1 / made.newest_seconds_an_entry
        rows.append(Row("journal → tables, at its end", newest, "/s", None, 10_000, more_is_better=True))
    # Two processes, one beside the other: what holds on a machine that others use.
    for whose, seconds in (
        ("who projects", made.own_cpu_seconds),
        ("PostgreSQL", made.server_cpu_seconds),
    ):
        rows.append(Row(f"journal → tables: CPU of {whose}, an entry", seconds / made.projected * 1e6, "µs"))
    return rows


async def _start(side: Side) -> None:
    """Start everything, and once more after a kill: the first start finds a database that nobody has served yet."""
    product = side.product
    await product.start_sandbox()
    await product.start_service()
    await product.login()
    # What an earlier run was broken off with.
    await _leave(product)
    await asyncio.sleep(SETTLING_SECONDS)
    product.kill_service()
    started = time.perf_counter()
    await product.start_service()
    side.ready_seconds = time.perf_counter() - started
    await product.login()
    side.agents = [one["id"] for one in await product.call("GET", "/agents")]
    await asyncio.sleep(SETTLING_SECONDS)
    side.idle_megabytes = product.service.memory_info().rss / 1e6


async def _compared(old: Side, new: Side) -> list[Row]:
    sides = (old, new)
    mints = {id(side): [one["mint"] for one in await side.product.tokens()][: SIGNALS + 1] for side in sides}
    async with _followed(old) as old_followers, _followed(new) as new_followers:
        followers = {id(old): old_followers, id(new): new_followers}
        # In turn, and the first one warms up.
        for number in range(SIGNALS + 1):
            for side in sides:
                seconds, cpu = await _signal(side, mints[id(side)][number], followers[id(side)])
                if number:
                    side.latencies.append(seconds)
                    side.cpu_milliseconds.append(cpu * 1000 / side.past.agents)
    pages = await _pages(old)
    for _ in range(READS):
        for side in sides:
            await _read(side, pages if side is old else await _pages(side))
    listeners = min(FOLLOWED, old.past.agents)
    rows = [
        *_ratio(
            "service CPU a trade", "ms", [statistics.median(one.cpu_milliseconds) for one in sides], 1.10
        ),
        *_ratio(
            f"signal → trades pushed, {listeners} listeners",
            "ms",
            [statistics.median(one.latencies) * 1000 for one in sides],
            1.10,
        ),
        *_ratio("memory of the service, idle", "MB", [one.idle_megabytes for one in sides], 1.05),
        *_ratio(
            "ready after kill -9", "s", [one.ready_seconds for one in sides], None, _READY_PROMISE_SECONDS
        ),
    ]
    for name, took in old.pages.items():
        promise = _WHOLE_LIST_PROMISE_MS if name == _EVERY_TOKEN else _PAGE_PROMISE_MS
        rows.append(Row(name, took, "ms", None, promise, note=f"{new.pages[name]:.1f} ms without a past"))
    return rows


def _ratio(
    name: str, unit: str, values: Sequence[float], most: float | None, promise: float | None = None
) -> list[Row]:
    """Return what was measured with a past and without, and how many times as much it is with one."""
    old, new = values
    rows = [Row(name, old, unit, None, promise, note=f"{new:.3g} {unit} without a past")]
    if most is not None:
        rows.append(Row(f"{name}, times that without a past", old / new, "×", None, most))
    return rows


@asynccontextmanager
async def _followed(side: Side) -> AsyncIterator[tuple[aiohttp.ClientSession, list[Follower]]]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as group:
        followers = [Follower(side.product, http, agent) for agent in side.agents[:FOLLOWED]]
        for follower in followers:
            group.create_task(follower.run())
        await asyncio.gather(*(follower.ready.wait() for follower in followers))
        yield http, followers
        for follower in followers:
            follower.stop()


async def _signal(
    side: Side, mint: str, followed: tuple[aiohttp.ClientSession, list[Follower]]
) -> tuple[float, float]:
    """Return how long it took until every listener had heard, and the service's CPU until all is booked, in seconds."""
    http, followers = followed
    product = side.product
    expected = await _booked(product) + 2 * side.past.agents
    waiting = [follower.expect(mint) for follower in followers]
    before = _cpu(product.service)
    body = {"tokenAddress": mint, "symbol": "BENCH", "signalType": "BENCH", "signalStrength": 3}
    headers = {"Authorization": f"Bearer {product.token()}"}
    started = time.perf_counter()
    async with http.post(f"{product.url}/api/v1/trading-signals", json=body, headers=headers) as answer:
        assert answer.status == 201
    async with asyncio.timeout(DEADLINE_SECONDS):
        await asyncio.gather(*(event.wait() for event in waiting))
    seconds = time.perf_counter() - started

    async def all_booked() -> bool:
        return await _booked(product) >= expected

    await until(all_booked, "all trades are booked", DEADLINE_SECONDS)
    return seconds, _cpu(product.service) - before


async def _leave(product: Product) -> None:
    """Have every open position sold by its stop, so that the next run can buy the same tokens again."""
    connection = await asyncpg.connect(product.database_url)
    try:
        held = await connection.fetch(
            "SELECT token_address, min(purchase_price) AS price FROM agent_positions GROUP BY 1"
        )
        for row in held:
            await product.set_price(row["token_address"], f"{row['price'] * _FALLEN_TO:f}")

        async def all_sold() -> bool:
            return not await connection.fetchval("SELECT EXISTS (SELECT 1 FROM agent_positions)")

        await until(all_sold, "everything is sold", DEADLINE_SECONDS)
    finally:
        await connection.close()


async def _booked(product: Product) -> int:
    connection = await asyncpg.connect(product.database_url)
    try:
        head: int = await connection.fetchval("SELECT coalesce(max(id), 0) FROM journal")
        return head
    finally:
        await connection.close()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def _pages(side: Side) -> Mapping[str, str]:
    """Return the first page of each list, and the figures, of the agent with the longest history."""
    product = side.product
    connection = await asyncpg.connect(product.database_url)
    try:
        agent, wallet = await connection.fetchrow(  # type: ignore[misc]  # There is one.
            "SELECT agent_id, wallet_address FROM journal_streams ORDER BY seq DESC LIMIT 1"
        )
        signal = await connection.fetchval("SELECT max(id) FROM trading_signals")
    finally:
        await connection.close()
    return {
        "GET agents": "/agents",
        "GET agent positions": f"/agent-positions/{agent}",
        "GET balances, what is held": f"/agent-balances?agentId={agent}&held=true",
        _EVERY_TOKEN: f"/agent-balances?agentId={agent}",
        "GET transactions": f"/agent-transactions?agentId={agent}",
        "GET transactions of a wallet": f"/agent-transactions?agentId={agent}&walletAddress={wallet}",
        "GET transactions, averaged down": f"/agent-transactions?agentId={agent}&isDca=true",
        "GET closed trades": f"/agent-historical-swaps?agentId={agent}",
        "GET closed trades of a wallet": f"/agent-historical-swaps?agentId={agent}&walletAddress={wallet}",
        "GET signals": "/trading-signals",
        "GET decisions of a signal": f"/trading-signals/{signal}/decisions",
        "GET configurations of an agent": f"/agents/{agent}/config/history",
        "GET audit": "/auth/audit",
        "GET audit of everybody": "/admin/audit",
        "GET users": "/admin/users",
        "GET sessions": "/auth/sessions",
        "GET API keys": "/api-keys",
        "GET webhooks": "/signal-webhooks",
        "GET notifications": "/notifications",
        "GET targets of notifications": "/notifications/targets",
        "GET wallets": "/wallets",
        "GET wallets of an agent": f"/wallets/agent/{agent}",
        "GET protections of an agent": f"/agents/{agent}/protections",
        "GET shadow fills of an agent": f"/agents/{agent}/shadow",
        "GET performance": f"/agents/{agent}/performance",
        "GET performance of a day": f"/agents/{agent}/performance?timeframe=24h",
        "GET balance history": f"/agents/{agent}/balance-history?walletAddress={wallet}",
        "GET overview": "/overview",
        "GET what needs attention": "/overview/attention",
        "GET equity of a day": "/overview/equity?timeframe=24h",
        "GET equity of all time": "/overview/equity?timeframe=all",
    }


async def _read(side: Side, pages: Mapping[str, str]) -> None:
    """Read each once; what was quickest is kept: anything else is the machine's."""
    for name, path in pages.items():
        started = time.perf_counter()
        await side.product.call("GET", path)
        took = (time.perf_counter() - started) * 1000
        side.pages[name] = min(took, side.pages.get(name, took))


async def _alone(old: Side) -> list[Row]:
    """Return what only a past can show: files, the check of the books, room on the disk."""
    product = old.product
    rows = []
    agent = (await _pages(old))["GET closed trades"].partition("=")[2]
    for name, path in (
        ("closed trades", f"/agent-historical-swaps/export?agentId={agent}"),
        ("transactions", f"/agent-transactions/export?agentId={agent}"),
        ("signals", "/trading-signals/export"),
    ):
        size, most, before = await _exported(product, path)
        rows.append(
            Row(
                f"export of {name}: memory it took",
                most - before,
                "MB",
                None,
                5,
                note=f"{size / 1e6:.1f} MB of file",
            )
        )
    connection = await asyncpg.connect(product.database_url)
    row = await connection.fetchrow(_SIZE)
    await connection.close()
    assert row is not None
    trades = max(row["trades"], 1)
    rows += [
        Row("on disk, a closed trade", row["whole"] / trades / 1000, "kB"),
        Row("of it the journal", row["journal"] / trades / 1000, "kB"),
    ]
    return rows + await _verified(product)


async def _exported(product: Product, path: str) -> tuple[int, float, float]:
    """Return the size of a file in bytes, and the service's memory at its highest and before, in MB."""
    headers = {"Authorization": f"Bearer {product.token()}"}
    before = most = product.service.memory_info().rss / 1e6
    size = 0
    async with product.http.stream("GET", f"{product.url}/api/v1{path}", headers=headers) as answer:
        assert answer.status_code == 200
        async for piece in answer.aiter_bytes():
            size += len(piece)
            most = max(most, product.service.memory_info().rss / 1e6)
    return size, most, before


async def _verified(product: Product) -> list[Row]:
    rows = []
    connection = await asyncpg.connect(product.database_url)
    # Another run may have checked this past before.
    await connection.execute("DELETE FROM verified_wallets")
    # Lines are read at random places: a journal that memory holds is measured, and beside it what its disk takes.
    started = time.perf_counter()
    await connection.execute("SELECT count(*) FROM journal WHERE body IS NOT NULL", timeout=None)
    rows.append(Row("reading the journal once, in one go", time.perf_counter() - started, "s"))
    await connection.close()
    # The first time it is looked at whether every line can be read; afterwards its digest tells that.
    for name, options in (
        ("verify, everything", ["--all"]),
        ("verify, everything again", ["--all"]),
        ("verify, from where it was checked", []),
    ):
        began, started = _cpu_of_commands(), time.perf_counter()
        code, report = await product.verify(*options)
        cpu, seconds = _cpu_of_commands() - began, time.perf_counter() - started
        entries = report["entries"]
        note = f"{entries:,} entries in {seconds:.1f} s"
        if code:
            note = f"{len(report['differences'])} differences; {note}"
        rows.append(Row(name, entries / seconds, "/s", None, 100_000, more_is_better=True, note=note))
        if options:
            rows.append(Row(f"{name}: CPU of who checks, an entry", cpu / entries * 1e6, "µs"))
    return [*rows, *await _parts_checked(product)]


def _cpu_of_commands() -> float:
    """Return the CPU seconds of commands that have ended, and of processes that these have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _parts_checked(product: Product) -> list[Row]:
    """Return how long the check of a part takes, when what was before it is known."""
    await check_parts(product.database_url)
    over = [part for part in await list_parts(product.database_url) if part.is_over and part.entries]
    if not over:
        return []
    largest = max(over, key=lambda part: part.entries)
    started = time.perf_counter()
    (report,) = await check_parts(product.database_url, [largest.name])
    seconds = time.perf_counter() - started
    note = f"{report.entries:,} entries of {len(over)} parts' {sum(part.entries for part in over):,}, in one process"
    if report.differences:
        note = f"{len(report.differences)} differences; {note}"
    return [
        Row(
            "check of a month by itself", report.entries / seconds, "/s", None, more_is_better=True, note=note
        )
    ]
