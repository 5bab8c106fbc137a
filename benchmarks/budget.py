"""Where the CPU time of a purchase goes, stage by stage, beside the least that the same work takes in this process.

What a burst leaves behind is taken through one stage after the other, each alone, by the product's own parts and against real
servers. Only this process's time counts: the database's own is not ours to spend. What a single signal waits for is measured by
`way`. A floor is the work without our code around it: the values alone, the text alone, the statement or command alone with
what it carries made beforehand. What the running service takes beyond the sum of its stages are sockets, turns of the event
loop, and prices.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import aiohttp
import msgspec
import psutil
import structlog
from redis.asyncio import Redis

from benchmarks import way
from benchmarks.load import MANY_CONNECTIONS
from benchmarks.product import Follower, one_signal
from benchmarks.storm import storm_tokens
from benchmarks.table import Row
from nexgent.domain.ledger.events import EntriesRecorded
from nexgent.domain.ledger.models import Entry
from nexgent.domain.positions.events import PositionOpened
from nexgent.domain.positions.views import open_position_view
from nexgent.domain.signals.models import Signal, SignalDecision
from nexgent.domain.trading.orders.purchases import SHARE
from nexgent.infrastructure.cache.bridge import CHANNELS, EventBridge, encode_event
from nexgent.infrastructure.cache.codecs import encode_balance, encode_position
from nexgent.infrastructure.cache.connect import connect_redis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror import RedisMirror
from nexgent.infrastructure.cache.mirror_content import MirrorContent
from nexgent.infrastructure.database.driver_arrays import install_array_types
from nexgent.infrastructure.database.ids import install_driver_ids
from nexgent.infrastructure.database.journal.codec import encode_entry
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.pool import COMMAND, opened_pool
from nexgent.infrastructure.database.stores.signals import PostgresSignalStore
from nexgent.infrastructure.embedded import EmbeddedServers
from nexgent.infrastructure.websocket import frames
from nexgent.shared.clock import SystemClock
from nexgent.shared.money import install_decimal_context
from nexgent.shared.types import EntryId, TokenAddress, WalletAddress
from tests.builders import a_signal, an_agent
from tests.e2e.cluster import lay_out_cluster
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product
from tests.fakes.engine import FakeEngine

AGENTS = 200
ROUNDS = 7
SERVED_AGENTS = 300
SERVED_SIGNALS = 9
PROMISE = 200.0
SILENT = 50
# What a statement with the journal's columns costs the process that sends it, whatever the server makes of it.
_CARRIED = """
SELECT count(*) FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[], $7::uuid[],
                            $8::uuid[], $9::json[], $10::json[])
"""


@dataclasses.dataclass(frozen=True, slots=True)
class _Burst:
    """What one signal for `AGENTS` agents left behind."""

    signal: Signal
    entries: Sequence[Entry]
    recorded: Sequence[EntriesRecorded]
    opened: Sequence[PositionOpened]
    decisions: Sequence[SignalDecision]


async def run() -> list[Row]:
    """Measure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(SILENT))
    install_decimal_context()
    install_driver_ids()
    install_array_types()
    rows: list[Row] = []

    def note(stage: str, ours: float, floor: float | None, what: str) -> None:
        rows.append(Row(f"CPU of a trade: {stage}", ours, "µs"))
        if floor is not None:
            rows.append(Row(f"CPU of a trade: {stage}, floor", floor, "µs", note=what))

    drawn = random.Random(1)
    _, seconds = await _engine(lambda: Decimal(drawn.randrange(10**16)).scaleb(-16))
    note("decide, reserve, settle, watch, each for an amount of its own", seconds, None, "")
    burst, seconds = await _engine(lambda: Decimal("0.5"))
    note(
        "decide, reserve, settle, watch (nothing outside)",
        seconds,
        await _each(_construct, _constructors(burst.entries)),
        "the values that are recorded, made once",
    )
    opened = burst.opened
    views = [open_position_view(event.position, event.trail) for event in opened]
    plain = msgspec.json.Encoder(decimal_format="number")
    # What is shown of a position is made once, so each round shows positions of its own.
    shown = [
        [
            dataclasses.replace(one.position, base_trail=dataclasses.replace(one.position.base_trail))
            for one in opened
        ]
        for _ in range(ROUNDS)
    ]

    async def show(number: int) -> None:
        for position in shown[number]:
            frames.position_update("x", position, position.base_trail, "e", 1)

    note(
        "frame for the WebSocket",
        await _rounds(show),
        await _each(lambda: [plain.encode(view) for view in views]),
        "the encoder alone, on finished values",
    )
    with tempfile.TemporaryDirectory(prefix="nexgent-budget-") as folder:
        await lay_out_cluster(Path(folder) / "data", ADMIN_EMAIL, ADMIN_PASSWORD)
        async with EmbeddedServers(Path(folder) / "data") as servers:
            note("journal", *await _journal(servers.database_url, burst), "the statement, lines made before")
            note("decision record", await _decisions(servers.database_url, burst), None, "")
            redis = connect_redis(servers.redis_url)
            try:
                note("copy in Redis", *await _mirror(redis, burst), "the commands, values made before")
                note("other processes", *await _bridge(redis, burst), "the command, the event made before")
                note("other processes, none there", await _told(redis, burst, others=False), None, "")
            finally:
                await redis.aclose()
    rows += [await _served(), await _served(drawn=True)]
    return rows + await way.run()


async def _engine(random_unit: Callable[[], Decimal]) -> tuple[_Burst, float]:
    """Return what a burst leaves in an engine over a journal and a market in memory, and its time a trade.

    The unit says what each agent buys for: in a burst of equal amounts more is shared.
    """
    engine = FakeEngine(random_unit=random_unit)
    for _ in range(AGENTS):
        await engine.add_agent(an_agent(), Decimal(10_000))
    best, bursts = float("inf"), []
    gc.disable()
    for number in range(ROUNDS):
        # The journal of the tests looks through all it has.
        engine.journal.entries.clear()
        engine.events.clear()
        signal = a_signal(number + 1, token_address=TokenAddress(f"{number:044d}"))
        started = time.process_time()
        decisions = await engine.parts.process_signal.execute(signal, 0.0)
        best = min(best, time.process_time() - started)
        recorded = [event for event in engine.events if isinstance(event, EntriesRecorded)]
        opened = [event for event in engine.events if isinstance(event, PositionOpened)]
        bursts.append(_Burst(signal, list(engine.journal.entries), recorded, opened, decisions))
    gc.enable()
    return bursts[-1], best / AGENTS * 1e6


async def _journal(database_url: str, burst: _Burst) -> tuple[float, float]:
    journal = PostgresJournal(database_url)
    size = 2 * SHARE
    groups = [burst.entries[start : start + size] for start in range(0, len(burst.entries), size)]

    async def append(number: int) -> None:
        for group in copies[number]:
            await journal.append(group)

    # Streams of wallets that nobody has: they begin with the burst.
    before: dict[WalletAddress, int] = {}
    for entry in burst.entries:
        before.setdefault(entry.wallet_address, entry.seq - 1)
    copies = [
        [
            [
                dataclasses.replace(
                    entry,
                    id=EntryId(uuid4()),
                    seq=entry.seq - before[entry.wallet_address],
                    wallet_address=WalletAddress(f"{entry.wallet_address}{number}"),
                )
                for entry in group
            ]
            for group in groups
        ]
        for number in range(ROUNDS)
    ]
    try:
        ours = await _rounds(append)
    finally:
        await journal.close()
    columns = [[list(column) for column in zip(*map(encode_entry, group), strict=True)] for group in groups]
    async with opened_pool(database_url, COMMAND) as pool, pool.acquire() as connection:

        async def carry(_: int) -> None:
            for group in columns:
                await connection.fetchval(_CARRIED, *group)

        return ours, await _rounds(carry)


async def _decisions(database_url: str, burst: _Burst) -> float:
    async with opened_pool(database_url, COMMAND) as pool:
        store = PostgresSignalStore(pool)
        return await _rounds(lambda _: store.record_decisions(burst.signal.id, burst.decisions))


async def _mirror(redis: Redis, burst: _Burst) -> tuple[float, float]:
    keys = CacheKeys()

    async def ours(mirror: RedisMirror) -> None:
        for opened in burst.opened:
            mirror.on_event(opened)
        for recorded in burst.recorded:
            mirror.on_event(recorded)
        await mirror.step()

    before = {state.wallet_address: state for event in reversed(burst.recorded) for state in event.before}
    content = MirrorContent(list(before.values()), (), (), ())
    times: list[float] = []
    for _ in range(ROUNDS):
        # One that has written something already does not write it again, and one that finds another's mark starts over.
        mirror = RedisMirror(redis=redis, keys=keys, content=lambda _: content)
        mirror.listen()
        await mirror.step()
        times.append(await _microseconds(ours(mirror)))
    # From the second round on positions are JSON already, as where somebody watches: the frame has made it.
    measured = min(times)
    values = {
        keys.position(one.position.id): encode_position(one.position, one.trail) for one in burst.opened
    }
    for state in (state for event in burst.recorded for state in event.states):
        for mint, balance in state.balances.items():
            if before[state.wallet_address].balances.get(mint) is not balance:
                key = keys.balance(state.agent_id, state.wallet_address, mint)
                values[key] = encode_balance(state.agent_id, state.wallet_address, balance)
    sets = [(keys.agent_positions(one.position.agent_id), str(one.position.id)) for one in burst.opened]

    async def bare(_: int) -> None:
        pipeline = redis.pipeline(transaction=False)
        pipeline.mset(values)
        for key, member in sets:
            pipeline.sadd(key, member)
        await pipeline.execute()

    return measured, await _rounds(bare)


async def _bridge(redis: Redis, burst: _Burst) -> tuple[float, float]:
    """Return what telling another process takes, its own messages heard again, and publishing alone."""
    measured = await _told(redis, burst, others=True)
    channel = CacheKeys().channel(CHANNELS[PositionOpened])
    events = b",".join(encode_event(event) for event in burst.opened)
    return measured, await _rounds(lambda _: redis.publish(channel, events))


async def _told(redis: Redis, burst: _Burst, *, others: bool) -> float:
    """Return what a burst costs the bridge, where there are others that listen or nobody else does."""
    keys = CacheKeys()
    bridge = EventBridge(redis=redis, keys=keys, publish=lambda _: None, clock=SystemClock())
    running = asyncio.create_task(bridge.run())
    await bridge.until_listening()

    async def ours(_: int) -> None:
        for event in burst.opened:
            bridge.on_event(event)
        while bridge.in_line:
            # Seldom: looking is this process's time as well.
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)

    try:
        async with redis.pubsub() as other:
            if others:
                # It is heard by the system only: what others do with it is not this process's time.
                await other.subscribe(keys.channel(CHANNELS[PositionOpened]))
            return await _rounds(ours)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _served(*, drawn: bool = False) -> Row:
    """Return the CPU time a trade of a running service with its clients, on top of what it takes at rest.

    Where sizes are drawn, as they are unless an agent is told otherwise, each agent buys for an amount of its own.
    """
    with tempfile.TemporaryDirectory(prefix="nexgent-budget-") as folder:
        product = Product(Path(folder), MANY_CONNECTIONS, forked=False)
        await product.start_sandbox()
        try:
            await product.start_service()
            await product.login()
            mints = await storm_tokens(product, SERVED_SIGNALS)
            config = {"positionCalculator": {"randomization": {"enabled": True}}} if drawn else None
            agents = [
                await product.agent(f"Budget {number}", "100", config) for number in range(SERVED_AGENTS)
            ]
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
                spent = await _spent(product, http, mints, [agent["id"] for agent in agents])
        finally:
            await product.stop()
    name = "CPU of a trade: all of the running service"
    return Row(f"{name}, each for an amount of its own" if drawn else name, spent, "µs", None, PROMISE)


async def _spent(
    product: Product, http: aiohttp.ClientSession, mints: Sequence[str], agents: Sequence[str]
) -> float:
    async with asyncio.TaskGroup() as group:
        followers = [Follower(product, http, agent) for agent in agents]
        for follower in followers:
            group.create_task(follower.run())
        await asyncio.gather(*(follower.ready.wait() for follower in followers))
        await one_signal(product, http, mints[0], followers)
        times: list[float] = []
        for mint in mints[1:]:
            # Each token that is held is one more to be polled, so what it takes at rest grows.
            at_rest = await _spent_in(product, asyncio.sleep(1))
            spent = await _spent_in(product, _all_of(product, http, mint, followers))
            times.append(spent[0] - at_rest[0] / at_rest[1] * spent[1])
        for follower in followers:
            follower.stop()
    return sorted(times)[len(times) // 2] / len(agents) * 1e6


async def _all_of(
    product: Product, http: aiohttp.ClientSession, mint: str, followers: list[Follower]
) -> None:
    """Send a signal and wait for everything that follows: copies, decisions and lines of the log come a moment later."""
    await one_signal(product, http, mint, followers)
    await asyncio.sleep(0.5)


async def _spent_in(product: Product, work: Awaitable[object]) -> tuple[float, float]:
    """Return the CPU time of the service while something is done, and how long that took, in seconds."""
    before, started = cpu_seconds(product.service), time.perf_counter()
    await work
    return cpu_seconds(product.service) - before, time.perf_counter() - started


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of a process to the nanosecond where the kernel tells it so."""
    tasks = Path(f"/proc/{process.pid}/task")
    if not tasks.exists():
        times = process.cpu_times()
        return float(times.user + times.system)
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


def _constructors(values: Sequence[object]) -> list[tuple[Callable[..., object], dict[str, object]]]:
    """Return how each value and what it is made of is made."""

    def parts(value: object) -> Iterator[tuple[Callable[..., object], dict[str, object]]]:
        if isinstance(value, tuple):
            for one in value:
                yield from parts(one)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            found = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            for one in found.values():
                yield from parts(one)
            yield type(value), found

    return list(parts(tuple(values)))


def _construct(made: Sequence[tuple[Callable[..., object], dict[str, object]]]) -> None:
    for kind, found in made:
        kind(**found)


async def _each(work: Callable[..., object], *arguments: object) -> float:
    async def once(_: int) -> None:
        work(*arguments)

    return await _rounds(once)


async def _rounds(work: Callable[[int], Awaitable[object]]) -> float:
    """Return the least time of some rounds for each trade, in microseconds of CPU."""
    return min([await _microseconds(work(number)) for number in range(ROUNDS)])


async def _microseconds(work: Awaitable[object]) -> float:
    gc.collect()
    gc.disable()
    started = time.process_time()
    await work
    spent = time.process_time() - started
    gc.enable()
    return spent / AGENTS * 1e6
