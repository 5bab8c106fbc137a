"""What one signal of one agent waits for, step by step, beside what the same wait takes without any code of ours.

Each step is taken alone, by the product's own part and by the bare thing under it in turn, against real servers: an empty FastAPI
endpoint, a row that is committed to this disk, a call to the sandbox, a frame on a socket. A floor is what is left when our own
work is nothing. Of what is measured while others use the machine the least times are nearest to the truth, so both are given: the
median, and the least.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from uuid import uuid4

import aiohttp
from solders.pubkey import Pubkey

from benchmarks.figures import FLOOR, LEAST, WAY
from benchmarks.load import MANY_CONNECTIONS
from benchmarks.product import Follower, one_signal
from benchmarks.storm import storm_tokens
from benchmarks.table import Row
from nexgent.domain.ledger.models import Entry, TradeIntended, TradeSettled
from nexgent.domain.positions.models import PositionTrail
from nexgent.domain.trading.models import QuoteRequest
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.pool import COMMAND, opened_pool
from nexgent.infrastructure.database.stores.signals import PostgresSignalStore
from nexgent.infrastructure.embedded import EmbeddedServers
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.swap import JupiterSwapClient
from nexgent.infrastructure.websocket import frames
from nexgent.shared.clock import SystemClock
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import EntryId, TokenAddress, UserId, WalletAddress
from tests.builders import a_draft, a_signal, an_agent
from tests.e2e.cluster import lay_out_cluster
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, free_port, until
from tests.fakes.engine import FakeEngine

TIMES = 200
SIGNALS = 24
"""An agent holds 25 positions."""
_ORDER = "/swap/v2/order?inputMint={}&outputMint={}&amount={}"
_BARE = "CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, line text NOT NULL)"
_LINE = "INSERT INTO bare (line) VALUES ($1)"
_LAMPORTS = 1_000_000_000

_Step = Callable[[], Awaitable[object]]


async def run() -> list[Row]:
    """Measure."""
    entries, trails = await left_by_one()
    rows = _rows("decide, reserve, settle, book of positions", await _engine_alone(), [0.0])
    with tempfile.TemporaryDirectory(prefix="nexgent-way-") as folder:
        await lay_out_cluster(Path(folder) / "data", ADMIN_EMAIL, ADMIN_PASSWORD)
        async with EmbeddedServers(Path(folder) / "data") as servers:
            rows += await _written(servers.database_url, entries)
    with tempfile.TemporaryDirectory(prefix="nexgent-way-") as folder:
        product = Product(Path(folder), MANY_CONNECTIONS, forked=False)
        await product.start_sandbox()
        try:
            await product.start_service()
            await product.login()
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
                rows += await _talked(product, http, entries, trails)
                rows += await _whole(product, http, rows)
        finally:
            await product.stop()
    return rows


async def _written(database_url: str, entries: Sequence[Entry]) -> list[Row]:
    """Return what is made durable on the way, each beside a line that is committed."""
    rows: list[Row] = []
    async with bare_table(database_url, entries) as commit:
        async with opened_pool(database_url, COMMAND) as pool:
            store = PostgresSignalStore(pool)
            user = UserId(await pool.fetchval("SELECT id FROM users LIMIT 1"))

            async def add() -> None:
                assert await store.add(a_draft(user, uuid4().hex), duplicate_window_seconds=60) is not None

            rows += _rows("signal into its table", *await _in_turn(add, commit))
        journal = PostgresJournal(database_url)
        try:
            for kind, name in (
                (TradeIntended, "intent into the journal"),
                (TradeSettled, "settlement into the journal"),
            ):
                (entry,) = [one for one in entries if isinstance(one.body, kind)]
                rows += _rows(name, *await _in_turn(partial(append_first, journal, entry), commit))
        finally:
            await journal.close()
    return rows


async def _talked(
    product: Product,
    http: aiohttp.ClientSession,
    entries: Sequence[Entry],
    trails: Sequence[PositionTrail],
) -> list[Row]:
    """Return what is said and heard on the way, each beside the same without anything to say."""
    mint = TokenAddress((await product.tokens())[0]["mint"])
    async with empty_service() as empty, bare_table(product.database_url, entries) as commit:

        async def nothing() -> None:
            async with http.post(empty, json={"tokenAddress": mint}) as answer:
                await answer.read()

        async def nothing_stored() -> None:
            await nothing()
            await commit()

        return [
            *_rows("request answered, signal stored", *await _in_turn(_post(product, http), nothing_stored)),
            *_rows("quote", *await _quotes(product, http, mint)),
            *_rows("frame to a client", *await _frames(http, empty, entries, trails)),
        ]


def _rows(step: str, ours: Sequence[float], floor: Sequence[float]) -> list[Row]:
    return [
        Row(WAY + name, value, "ms")
        for end, times in (("", ours), (FLOOR, floor))
        for name, value in ((step + end, median(times)), (step + end + LEAST, min(times)))
    ]


async def append_first(journal: PostgresJournal, entry: Entry) -> None:
    """Write an entry as the first of a stream of its own."""
    await journal.append(
        [dataclasses.replace(entry, id=EntryId(uuid4()), wallet_address=WalletAddress(uuid4().hex), seq=1)]
    )


async def left_by_one() -> tuple[list[Entry], list[PositionTrail]]:
    """Return the two entries a trade leaves, and its trail as often as it is shown."""
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(), Decimal(10_000))
    before = len(engine.journal.entries)
    await engine.parts.process_signal.execute(a_signal(1), 0.0)
    trail = engine.held(agent).trail
    # What is shown of a position is made once, so each time shows a trail of its own.
    return list(engine.journal.entries[before:]), [dataclasses.replace(trail) for _ in range(2 * TIMES)]


async def _engine_alone() -> list[float]:
    """Return what a signal of one agent takes over a journal and a market in memory: our own work, and no floor but nothing."""
    engine, times = FakeEngine(), []
    await engine.add_agent(an_agent(), Decimal(10_000))
    for number in range(1, SIGNALS + 1):
        engine.journal.entries.clear()
        signal = a_signal(number, token_address=TokenAddress(f"{number:044d}"))
        times.append(await taken(partial(engine.parts.process_signal.execute, signal, 0.0)))
    return times


def _post(product: Product, http: aiohttp.ClientSession) -> _Step:
    headers = {"Authorization": f"Bearer {product.token()}"}

    async def post() -> None:
        body = {
            "tokenAddress": str(Pubkey.from_bytes(uuid4().bytes + uuid4().bytes)),
            "symbol": "BENCH",
            "signalType": "BENCH",
            "signalStrength": 3,
        }
        async with http.post(f"{product.url}/api/v1/trading-signals", json=body, headers=headers) as answer:
            assert answer.status == 201

    return post


def quote_address(sandbox_url: str, mint: str) -> str:
    """Return where a quote for one SOL is asked for."""
    return sandbox_url + _ORDER.format(SOL_MINT, mint, _LAMPORTS)


async def _quotes(
    product: Product, http: aiohttp.ClientSession, mint: TokenAddress
) -> tuple[list[float], list[float]]:
    address = quote_address(product.sandbox_url, mint)
    clock = SystemClock()
    async with HttpClient() as client:
        api = JupiterApi(
            http=client,
            clock=clock,
            base_url=product.sandbox_url,
            requests_per_minute=0,
            execute_per_minute=0,
        )
        orders = JupiterSwapClient(api, clock)
        request = QuoteRequest(input_mint=SOL_MINT, output_mint=mint, amount_raw=_LAMPORTS)

        async def bare() -> None:
            async with http.get(address) as answer:
                await answer.read()

        return await _in_turn(lambda: orders.order(request, urgent=False), bare)


async def _frames(
    http: aiohttp.ClientSession, empty: str, entries: Sequence[Entry], trails: Sequence[PositionTrail]
) -> tuple[list[float], list[float]]:
    """Return the time of a frame: half of its way to the empty service and back, ours with making it."""
    (position,) = [one.body.position for one in entries if isinstance(one.body, TradeSettled)]
    assert position is not None
    numbers = count(1)
    left = iter(trails)
    ready = frames.position_update("position_created", position, trails[-1], "e", 1)
    async with http.ws_connect(empty + "echo") as socket:

        async def there_and_back() -> None:
            await socket.send_str(ready)
            await socket.receive()

        async def made() -> None:
            frames.on_the_wire(
                frames.position_update("position_created", position, next(left), "e", next(numbers))
            )

        made_in, there_in = await _in_turn(made, there_and_back)
    floor = [one / 2 for one in there_in]
    return [one + half for one, half in zip(made_in, floor, strict=True)], floor


async def _whole(product: Product, http: aiohttp.ClientSession, steps: Sequence[Row]) -> list[Row]:
    """Return the whole way through the running service, and the sum of the floors that come one after the other."""
    mints = await storm_tokens(product, SIGNALS + 1)
    agent = await product.agent("Way of a signal", "1000")
    async with asyncio.TaskGroup() as group:
        follower = Follower(product, http, agent["id"])
        group.create_task(follower.run())
        await follower.ready.wait()
        await one_signal(product, http, mints[0], [follower])
        times = [await one_signal(product, http, mint, [follower]) * 1000 for mint in mints[1:]]
        follower.stop()
    known = {row.name.removeprefix(WAY): row.value for row in steps}

    def floors(end: str) -> float:
        journal, quote = known["intent into the journal" + end], known["quote" + end]
        one_by_one = (
            "request answered, signal stored",
            "settlement into the journal",
            "frame to a client",
        )
        return max(journal, quote) + sum(known[name + end] for name in one_by_one)

    whole = "the whole way, one agent"
    return [
        Row(WAY + whole, median(times), "ms", None, 4.0),
        Row(WAY + whole + LEAST, min(times), "ms"),
        Row(WAY + whole + FLOOR, floors(FLOOR), "ms"),
        Row(WAY + whole + FLOOR + LEAST, floors(FLOOR + LEAST), "ms"),
    ]


@asynccontextmanager
async def empty_service() -> AsyncIterator[str]:
    """Run the service that does nothing; yields its address."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.empty", str(port))
    address = f"http://127.0.0.1:{port}/"
    try:
        async with aiohttp.ClientSession() as http:

            async def answers() -> bool:
                try:
                    async with http.post(address) as answer:
                        return answer.status == 201
                except aiohttp.ClientConnectionError:
                    return False

            await until(answers, "the empty service answers")
        yield address
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def bare_table(database_url: str, entries: Sequence[Entry]) -> AsyncIterator[_Step]:
    """Yield what writes a line as long as a settlement's into a table of nothing else, and commits it."""
    line = "x" * len(str(entries[-1]))
    async with opened_pool(database_url, COMMAND) as pool, pool.acquire() as connection:
        await connection.execute(_BARE)
        yield lambda: connection.execute(_LINE, line)


async def _in_turn(ours: _Step, floor: _Step) -> tuple[list[float], list[float]]:
    """Return the times of both in milliseconds, taken in turn, so that whoever else uses the machine troubles both."""
    for step in (ours, floor) * 5:
        await step()
    both: tuple[list[float], list[float]] = ([], [])
    for _ in range(TIMES):
        for step, times in zip((ours, floor), both, strict=True):
            times.append(await taken(step))
    return both


async def taken(step: _Step) -> float:
    """Return what a step takes, in milliseconds."""
    started = time.perf_counter()
    await step()
    return (time.perf_counter() - started) * 1000
