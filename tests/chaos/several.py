"""Several engines struck while many agents trade, and everything they leave held against everything else.

Services that share the work, others that only serve requests, and workers stand on servers of their own, each service with wires
to them that can be cut. Signals come all the time, at whichever service answers, and prices fall behind them. Once a round
something is struck; then all comes to rest, and the books have to be whole: each agent has one outcome of each signal, each
intent one end, the chain holds what the books say, and every process shows the positions that the tables have.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import asyncpg
import httpx
from solders.keypair import Keypair

from nexgent.cli.books import existing_books
from nexgent.cli.verify import compare_books, report_of
from nexgent.config.settings import Settings
from nexgent.domain.reconciliation.compare import busy_mints
from nexgent.infrastructure.embedded import EmbeddedServers
from nexgent.sandbox.control import SandboxControl
from tests.e2e.cable import Cable, DatabaseCable, opened
from tests.e2e.cluster import lay_out_cluster, with_connections
from tests.e2e.engines import Engines
from tests.e2e.live import Trader, live_agent
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, until
from tests.forks import Running

ENGINES, REPLICAS, WORKERS = 3, 2, 2
LEASE_SECONDS = 5
BEYOND_THE_LEASE = LEASE_SECONDS + 2.0
CONNECTIONS = 200
LIVE_SOL = 1_000
SAMPLE = 40
"""Of how many agents every process is asked for its positions, live ones beside them."""
START_PRICE, FALL = "0.001", Decimal("0.4")
FALL_SECONDS = 5.0
"""How often a price falls on while a position is held that was bought after it had fallen."""


class Strike(StrEnum):
    """What is done to the services and servers while they trade."""

    KILL = "an engine is killed"
    KILL_TWO = "two engines are killed"
    FREEZE = "an engine stands still longer than its lease"
    PAUSE = "an engine stands still shorter than its lease"
    SESSIONS = "PostgreSQL ends all sessions"
    CUT = "an engine is cut off from PostgreSQL"
    SWALLOW = "what an engine and PostgreSQL say is lost"
    REDIS_CUT = "an engine is cut off from Redis"
    KILL_REDIS = "Redis is killed"
    KILL_POSTGRES = "PostgreSQL is killed"
    KILL_WORKER = "a worker is killed"
    KILL_REPLICA = "a replica is killed"
    ROLL = "one service after the other is started again"
    RESTART_ALL = "all services are started again at once"


@dataclass(frozen=True, slots=True)
class Wires:
    """What lies between one service and its servers."""

    database: DatabaseCable
    redis: Cable

    def mend(self) -> None:
        """Let everything through again."""
        self.database.mend()
        self.redis.mend()


class Traders:
    """Signals, one after the other at whichever service answers, and prices that fall some signals later."""

    def __init__(self, world: SeveralWorld, pause_seconds: float, chance: random.Random) -> None:
        self._world = world
        self._pause = pause_seconds
        self._chance = chance
        self._held: list[str] = []
        self.kept: list[str] = []
        """Tokens whose price has not fallen."""
        self.sent = 0

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self.send()
            if len(self._held) > 2:
                await self._world.fall(self._held.pop(0))
            await asyncio.sleep(self._pause)

    async def send(self) -> None:
        """Send one signal for a new token."""
        mint = await self._world.new_token()
        # Of every fourth token the price stays: some positions are held when everything is compared. Noted before it is sent: who
        # is told to stop meanwhile does not know whether it was taken.
        (self.kept if self.sent % 4 == 3 else self._held).append(mint)
        await self._world.post(mint, self._chance)
        self.sent += 1

    async def further(self, count: int) -> None:
        """Wait until so many more signals have been taken by a service."""
        wanted = self.sent + count

        async def so() -> bool:
            return self.sent > wanted

        await until(so, f"{count} more signals are taken")

    async def all_fall(self) -> None:
        """Let the price of every token fall that may be held."""
        for mint in (*self._held, *self.kept):
            await self._world.fall(mint)
        self._held.clear()
        self.kept.clear()


class SeveralWorld:
    """The services, the agents, and what is done to them."""

    def __init__(
        self,
        *,
        servers: EmbeddedServers,
        engines: Sequence[Product],
        replicas: Sequence[Product],
        wires: dict[Product, Wires],
        control: SandboxControl,
    ) -> None:
        self.servers = servers
        self.engines = Engines(engines, servers.database_url)
        self.replicas = list(replicas)
        self.control = control
        self._wires = wires
        self._workers: list[Running] = []
        self._agents: list[dict[str, Any]] = []
        self._live: list[Trader] = []
        self._started = 0
        self._tokens = 0
        self._signals = 0
        self._http = httpx.AsyncClient(timeout=LEASE_SECONDS)
        self._token = ""
        self._prices: dict[str, Decimal] = {}

    @property
    def services(self) -> list[Product]:
        """Engines and replicas."""
        return [*self.engines.all, *self.replicas]

    async def start(self, agents: int, keys: Sequence[Keypair], workers: int) -> None:
        """Start everything, and make the agents: one live with each key, the others on paper."""
        for product in self.services:
            await product.start_service()
            await product.login()
        for _ in range(workers):
            self._start_worker()
        await self.engines.spread()
        first = self.engines.all[0]
        config = {"positionCalculator": {"randomization": {"enabled": False}}}
        for number, key in enumerate(keys):
            wallet = str(key.pubkey())
            agent = await live_agent(first, self.control, wallet, f"Live {number}", config, LIVE_SOL)
            self._live.append(Trader(first, self.control, agent, wallet, "", Decimal(START_PRICE)))
            self._agents.append(agent)
        turn = asyncio.Semaphore(8)

        async def made(number: int) -> dict[str, Any]:
            async with turn:
                product = self.services[number % len(self.services)]
                return await product.agent(f"Paper {number}", "100000", config)

        self._agents += await asyncio.gather(*map(made, range(agents - len(keys))))

    def _start_worker(self) -> None:
        self._started += 1
        product = self.services[self._started % len(self.services)]
        self._workers.append(product.spawn(f"worker-{self._started}", "worker"))

    async def stop(self) -> None:
        """Stop everything."""
        await self._http.aclose()
        self._mend()
        for product in reversed(self.services):
            await product.stop()

    async def new_token(self) -> str:
        """Return the mint of a token that nobody has traded yet."""
        self._tokens += 1
        token = {
            "symbol": f"SV{self._tokens}",
            "priceSol": START_PRICE,
            "liquiditySol": "1000000",
            "decimals": 6,
        }
        mint: str = (await self.control.add_tokens([token]))[0]["mint"]
        self._prices[mint] = Decimal(START_PRICE)
        return mint

    async def fall(self, mint: str) -> None:
        """Let a price fall through every stop."""
        self._prices[mint] *= FALL
        await self.control.set_price(mint, self._prices[mint])

    async def post(self, mint: str, chance: random.Random) -> None:
        """Post a signal until a service has taken it, with one key wherever it is sent."""
        self._signals += 1
        body = {"tokenAddress": mint, "symbol": "SV", "signalStrength": 3, "signalType": f"N{self._signals}"}
        key, refused = uuid4().hex, ""

        async def taken() -> bool:
            nonlocal refused
            product = chance.choice(self.services)
            headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": key}
            try:
                answer = await self._http.post(
                    f"{product.url}/api/v1/trading-signals", json=body, headers=headers
                )
            except httpx.HTTPError as error:
                refused = repr(error)
                return False
            refused = answer.text
            if answer.status_code == httpx.codes.UNAUTHORIZED and "Token expired" in refused:
                self._token = await product.login()
            # That nobody knows what became of it is an answer as well: the table knows.
            return answer.status_code in {201, 409}

        try:
            await until(taken, f"a service takes signal {self._signals}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {refused}") from None

    async def run(self, strike: Strike, chance: random.Random, pause_seconds: float) -> Counter[str]:
        """Carry a round out; return how often signals had which outcome. Raises `AssertionError` when something is wrong."""
        for product in self.services:
            await product.login()
        self._token = self.services[0].token()
        first_signal = await self._newest_signal()
        traders = Traders(self, pause_seconds, chance)
        trading = asyncio.create_task(traders.run())
        striking = asyncio.create_task(self._struck(strike, traders, chance))
        try:
            await asyncio.wait({trading, striking}, return_when=asyncio.FIRST_COMPLETED)
            if trading.done():
                trading.result()
            await striking
        finally:
            for task in (striking, trading):
                task.cancel()
            await asyncio.gather(striking, trading, return_exceptions=True)
            self._mend()
        await self.engines.at_rest()
        await self._judge()
        await traders.all_fall()
        await self._sold_out()
        await self.engines.at_rest()
        await self._judge()
        return await self._outcomes_since(first_signal)

    async def _struck(self, strike: Strike, traders: Traders, chance: random.Random) -> None:
        await traders.further(2)
        victim = chance.choice(self.engines.all)
        match strike:
            case Strike.KILL:
                await self._killed([victim], traders)
            case Strike.KILL_TWO:
                await self._killed(chance.sample(self.engines.all, 2), traders)
            case Strike.KILL_REPLICA:
                await self._killed([chance.choice(self.replicas)], traders)
            case Strike.FREEZE:
                await self._frozen(victim, BEYOND_THE_LEASE)
            case Strike.PAUSE:
                await self._frozen(victim, LEASE_SECONDS / 2)
            case Strike.ROLL:
                for product in chance.sample(self.services, len(self.services)):
                    await product.stop_service()
                    await product.start_service()
            case Strike.RESTART_ALL:
                await asyncio.gather(*(product.stop_service() for product in self.services))
                await asyncio.gather(*(product.start_service() for product in self.services))
            case _:
                await self._servers_struck(strike, self._wires[victim], traders)
        self._mend()
        await traders.further(2)

    async def _servers_struck(self, strike: Strike, wires: Wires, traders: Traders) -> None:
        match strike:
            case Strike.SESSIONS:
                for _ in range(3):
                    await self._end_sessions()
                    await traders.further(1)
            case Strike.CUT:
                wires.database.cut()
                await asyncio.sleep(BEYOND_THE_LEASE)
            case Strike.SWALLOW:
                wires.database.swallow()
                await asyncio.sleep(BEYOND_THE_LEASE)
            case Strike.REDIS_CUT:
                wires.redis.cut()
                await traders.further(2)
            case Strike.KILL_REDIS:
                _kill(self.servers.redis_pid)
            case Strike.KILL_POSTGRES:
                _kill(self.servers.postgres_pid)
            case Strike.KILL_WORKER:
                self._workers.pop(0).kill()
                self._start_worker()
            case _:
                raise ValueError(strike)

    async def _killed(self, victims: Sequence[Product], traders: Traders) -> None:
        await asyncio.gather(*(asyncio.to_thread(victim.kill_service) for victim in victims))
        await traders.further(2)
        for victim in victims:
            await victim.start_service()

    async def _frozen(self, victim: Product, seconds: float) -> None:
        victim.service.suspend()
        try:
            await asyncio.sleep(seconds)
        finally:
            victim.service.resume()

    async def _end_sessions(self) -> None:
        await self._ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def _mend(self) -> None:
        for wires in self._wires.values():
            wires.mend()

    async def _ask(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        return await self.engines.ask(query, *arguments)

    async def _newest_signal(self) -> int:
        (row,) = await self._ask("SELECT coalesce(max(id), 0) AS id FROM trading_signals")
        return int(row["id"])

    async def _outcomes_since(self, signal_id: int) -> Counter[str]:
        rows = await self._ask(
            """
            SELECT outcome || coalesce(' ' || code, '') AS said, count(*) AS times FROM signal_decisions
            WHERE signal_id > $1 GROUP BY 1
            """,
            signal_id,
        )
        return Counter({row["said"]: row["times"] for row in rows})

    async def _sold_out(self) -> None:
        """Wait until no position is held. One that was bought late has its stop below the price that had fallen by then."""
        fallen = time.monotonic()

        async def none_held() -> bool:
            nonlocal fallen
            rows = await self._ask("SELECT DISTINCT token_address FROM agent_positions")
            if rows and time.monotonic() - fallen > FALL_SECONDS:
                fallen = time.monotonic()
                for row in rows:
                    await self.fall(row["token_address"])
            return not rows

        await until(none_held, "every position is sold")

    async def _judge(self) -> None:
        await self.engines.nothing_is_wrong()
        await _agreed(self._memory_differences, "every process shows what the tables have")
        await _agreed(self._chain_differences, "the chain holds what the books say")
        await _agreed(self._verified, "verify finds nothing")

    async def _memory_differences(self) -> str:
        """Return where a process shows other positions than the tables have, of a sample of agents."""
        asked = [
            *self._agents[: len(self._live)],
            *random.sample(self._agents, min(SAMPLE, len(self._agents))),
        ]
        rows = await self._ask("SELECT id, agent_id FROM agent_positions")
        for agent in asked:
            stored = sorted(str(row["id"]) for row in rows if str(row["agent_id"]) == agent["id"])
            for product in self.services:
                shown = sorted(one["id"] for one in await product.positions(agent["id"]))
                if shown != stored:
                    return f"agent {agent['id']} at {product.folder.name}: {shown}, in the tables {stored}"
        return ""

    async def _chain_differences(self) -> str:
        for trader in self._live:
            booked, chain = await trader.booked(), await trader.holdings()
            if booked != chain:
                return f"booked {booked}, on the chain {chain}"
            swaps, landed = await trader.swaps(), await trader.landed()
            if swaps != landed:
                return f"booked swaps {swaps}, landed {landed}"
        return ""

    async def _verified(self) -> str:
        code, report = await books(self.engines.all[0].environment, chain=True, everything=True)
        return "" if code == 0 else f"verify: {report}"


def _kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def _agreed(differences: Callable[[], Awaitable[str]], what: str) -> None:
    """Wait until there are no differences; copies and tables may be a moment behind."""
    last = "nothing was compared"

    async def none_left() -> bool:
        nonlocal last
        last = await differences()
        return not last

    try:
        await until(none_left, what)
    except AssertionError as error:
        raise AssertionError(f"{last} ({error})") from None


async def books(
    environment: Mapping[str, str], *, chain: bool, everything: bool = False
) -> tuple[int, dict[str, Any]]:
    """Do what `nexgent verify --json` does, here: to start the command takes longer than all it looks at.

    What was traded a moment ago is compared as well: the sandbox's node is never behind.
    """
    with mock.patch.dict(os.environ, environment, clear=True):
        settings = Settings.load()
    with mock.patch.object(busy_mints, "__defaults__", (timedelta(0),)):
        async with existing_books(settings.storage) as storage:
            report, wallets = await compare_books(
                settings, storage, chain=chain, everything=everything, processes=1
            )
    return report_of(report, wallets)


@asynccontextmanager
async def several_engines(
    folder: Path,
    *,
    agents: int,
    live: int,
    engines: int = ENGINES,
    replicas: int = REPLICAS,
    workers: int = WORKERS,
) -> AsyncIterator[SeveralWorld]:
    """Run the services with so many agents, `live` of them with real wallets, on servers of their own."""
    keys = [Keypair() for _ in range(live)]
    wallets = {f"WALLET_{number}": str(key) for number, key in enumerate(keys, 1)}
    await lay_out_cluster(folder / "data", ADMIN_EMAIL, ADMIN_PASSWORD)
    with_connections(folder / "data", CONNECTIONS)
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(EmbeddedServers(folder / "data"))
        socket = unquote(urlsplit(servers.redis_url).path)
        wires: dict[Product, Wires] = {}
        for number in range(engines + replicas):
            wire = Wires(
                await stack.enter_async_context(opened(DatabaseCable(servers.database_url))),
                await stack.enter_async_context(opened(Cable(socket, 0))),
            )
            trades = number < engines
            name = f"engine-{number}" if trades else f"replica-{number - engines}"
            (folder / name).mkdir()
            settings = {
                **(wallets if trades else {}),
                "ENGINES": "shared" if trades else "none",
                "ENGINE_LEASE_SECONDS": str(LEASE_SECONDS),
                "DATABASE_URL": wire.database.url,
                "REDIS_URL": f"redis://127.0.0.1:{wire.redis.port}/0",
                "WORKER_EMBEDDED": "false",
            }
            wires[Product(folder / name, settings)] = wire
        products = list(wires)
        await products[0].start_sandbox()
        for product in products[1:]:
            product.sandbox_port, product.sandbox_url = products[0].sandbox_port, products[0].sandbox_url
        control = await stack.enter_async_context(SandboxControl(products[0].sandbox_url))
        world = SeveralWorld(
            servers=servers,
            engines=products[:engines],
            replicas=products[engines:],
            wires=wires,
            control=control,
        )
        try:
            await world.start(agents, keys, workers)
            yield world
        finally:
            await world.stop()
