"""Start the product's processes as a user would, talk to them, kill them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx
import psutil
import websockets
from redis.asyncio import Redis

from nexgent.infrastructure.embedded import RunningServers, running_servers
from nexgent.shared.tls import verification
from tests.e2e.cheap_secrets import EIGHTH_COST, LEAST_COST
from tests.e2e.cluster import lay_out_cluster, lay_out_empty_cluster
from tests.forks import Running, completed, run_module
from tests.patience import PATIENCE_SECONDS

SOL_MINT = "So11111111111111111111111111111111111111112"
ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "a-Password-for-tests-1"
START_SECONDS = 3 * PATIENCE_SECONDS
"""A start is seconds of processor time, and one that fails ends the process, which is seen at once."""
_REPOSITORY = Path(__file__).resolve().parents[2]
_given: set[int] = set()


def free_port() -> int:
    """Return a free loopback port below the ephemeral range, a different one each time."""
    for port in random.sample(range(20_000, 32_000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise RuntimeError("no free port")


class NotNowError(AssertionError):
    """The service answered 503, and nobody expected it to."""


async def until(condition: Callable[[], Awaitable[Any]], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Poll until the condition gives something true; fail saying what did not happen. Being told to try again is no failure."""
    began = time.monotonic()
    last: object = None
    while (waited := time.monotonic() - began) < seconds:
        try:
            last = await condition()
            if last:
                return last
        except (httpx.HTTPError, NotNowError, KeyError, IndexError) as error:
            last = error
        # Asking costs both sides: what has taken long may take a sixth longer to be noticed.
        await asyncio.sleep(min(max(0.02, waited / 6), 0.5))
    raise AssertionError(f"did not happen within {seconds} s: {what} (last: {last!r})")


class Product:
    """A sandbox and a service of its own, in a folder of its own. `settings` are added to the service's.

    Its first start finds a migrated database, unless it shall make one itself (`from_scratch`). The administrator is in it with a
    cheap hash of the password, unless it shall make that one itself (`makes_admin`) or has another one. Its commands are forks of
    a process that has imported them, unless the start of a process is what is tested or its memory what is measured
    (`forked=False`).
    """

    modules: ClassVar[Mapping[str, str]] = {}
    """Commands that another module than the product's own starts, one of the tests."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        *,
        from_scratch: bool = False,
        makes_admin: bool = False,
        forked: bool = True,
    ) -> None:
        self.folder = folder
        self._from_scratch = from_scratch
        self._makes_admin = makes_admin
        self._forked = forked
        self.settings = dict(settings or {})
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox_port = 0
        self.sandbox_url = ""
        self._processes: dict[str, Running] = {}
        self.http = httpx.AsyncClient(timeout=PATIENCE_SECONDS, verify=verification(self.url))
        self._tokens: dict[str, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings of the service."""
        keep = {key: os.environ[key] for key in ("PATH", "LANG", "HOME", "TMPDIR") if key in os.environ}
        return {
            **keep,
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "NODE_ENV": "test",
            "NEXGENT_DATA_DIR": str(self.folder / "data"),
            "ADMIN_EMAIL": ADMIN_EMAIL,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "JWT_SECRET": "a-secret-for-tests-only-0123456789abcdef",
            "JUPITER_BASE_URL": self.sandbox_url,
            "DEXSCREENER_BASE_URL": self.sandbox_url,
            "PYTH_HERMES_URL": self.sandbox_url,
            "SOLANA_RPC_URL": f"{self.sandbox_url}/rpc",
            "JUPITER_REQUESTS_PER_MINUTE": "0",
            "DEXSCREENER_REQUESTS_PER_MINUTE": "0",
            "SOLANA_REQUESTS_PER_TEN_SECONDS": "0",
            "PRICE_POLL_SECONDS": "0.2",
            "PRICE_PATIENCE_SECONDS": "0.18",
            "RATE_LIMITS": "false",
            **({"PYTHONPATH": str(_REPOSITORY)} if self.modules else {}),
            **self.settings,
        }

    def spawn(self, name: str, *arguments: str, env: dict[str, str] | None = None) -> Running:
        """Start a command of the product; its output goes to a file in the folder."""
        module = self.modules.get(arguments[0], "nexgent")
        with (self.folder / f"{name}.log").open("ab") as output:
            process = run_module(
                [module, *arguments],
                env=env or self.environment,
                cwd=self.folder,
                stdout=output,
                forked=self._forked,
            )
        self._processes[name] = process
        return process

    async def run(
        self, *arguments: str, typed: str = "", env: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Run a command of the product to its end; return its exit code, its output and its errors."""
        done = await asyncio.to_thread(
            completed,
            ["nexgent", *arguments],
            env=env or self.environment,
            cwd=self.folder,
            typed=typed,
            forked=self._forked,
        )
        return done.returncode, done.stdout, done.stderr

    def log(self, name: str) -> str:
        """Return what a command has printed so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    async def start_sandbox(self) -> None:
        """Start the market with its prices standing still."""
        self.sandbox_port = free_port()
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        env = {**self.environment, "SANDBOX_PORT": str(self.sandbox_port), "SANDBOX_VOLATILITY": "0"}
        self.spawn("sandbox", "sandbox", env=env)

        async def answers() -> bool:
            return (await self.http.get(f"{self.sandbox_url}/control/state")).status_code == 200

        await until(answers, "the sandbox answers", START_SECONDS)

    async def start_service(self) -> None:
        """Start the service and wait until it is ready."""
        environment = self.environment
        data_dir = Path(environment["NEXGENT_DATA_DIR"])
        usual = (environment["ADMIN_EMAIL"], environment["ADMIN_PASSWORD"]) == (ADMIN_EMAIL, ADMIN_PASSWORD)
        if not (self._from_scratch or "DATABASE_URL" in environment or data_dir.exists()):
            lay_out = lay_out_cluster if usual and not self._makes_admin else lay_out_empty_cluster
            await lay_out(data_dir, ADMIN_EMAIL, ADMIN_PASSWORD)
        process = self.spawn("service", "serve")

        async def ready() -> bool:
            if process.poll() is not None:
                raise AssertionError(
                    f"the service ended with {process.returncode}:\n{self.log('service')[-4000:]}"
                )
            return (await self.http.get(f"{self.url}/api/v1/health/ready")).status_code == 200

        try:
            await until(ready, "the service is ready", START_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log('service')[-6000:]}") from None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Run sandbox and service until the block ends; they are stopped, and checked for what they leave behind, afterwards."""
        try:
            await self.start_sandbox()
            await self.start_service()
            yield self
        finally:
            await self.stop()

    @property
    def service(self) -> psutil.Process:
        """The process of the service."""
        return psutil.Process(self._processes["service"].pid)

    @property
    def servers(self) -> RunningServers:
        """The embedded servers, while the service runs."""
        found = running_servers(self.folder / "data")
        assert found is not None
        return found

    @property
    def database_url(self) -> str:
        """Address of the embedded database, while the service runs."""
        url = self.servers.database_url
        assert url is not None
        return url

    @property
    def redis_url(self) -> str:
        """Address of the embedded Redis, while the service runs."""
        url = self.servers.redis_url
        assert url is not None
        return url

    def child(self, *words: str) -> psutil.Process:
        """Return the service's child process whose name or command line holds one of the words."""
        for process in self.service.children(recursive=True):
            try:
                line = " ".join([process.name(), *process.cmdline()])
                parent = process.parent()
            except psutil.NoSuchProcess:
                continue
            if any(word in line for word in words) and parent is not None:
                return process
        raise AssertionError(f"no child process matches {words}")

    def postgres(self) -> psutil.Process:
        """The embedded PostgreSQL's main process."""
        for process in self.service.children(recursive=True):
            # The server's own processes come and go while they are looked at.
            with suppress(psutil.NoSuchProcess):
                parent = process.parent()
                if parent is None or parent.name().startswith("postgres"):
                    continue
                if process.name().startswith("postgres"):
                    return process
        raise AssertionError("no postgres process")

    def redis(self) -> psutil.Process:
        """The embedded Valkey's process."""
        found = [
            p for p in self.service.children(recursive=True) if "valkey" in p.name() or "redis" in p.name()
        ]
        assert found, "no valkey process"
        return found[0]

    def worker(self) -> psutil.Process:
        """The embedded worker's process."""
        return self.child("nexgent worker", "worker")

    def kill_service(self) -> None:
        """Kill the service the hard way and wait for everything it had started to be gone."""
        family = self.family()
        self._processes["service"].kill()
        self.wait_for_end(family)

    async def stop_service(self) -> None:
        """Stop the service politely."""
        family, process = self.family(), self._processes["service"]
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, PATIENCE_SECONDS)
        self.wait_for_end(family)

    def family(self) -> list[psutil.Process]:
        """The service and everything it has started."""
        return [self.service, *self.service.children(recursive=True)]

    def wait_for_end(self, family: Sequence[psutil.Process]) -> None:
        """Wait for a service that was killed, and for everything it had started, to be gone."""
        self._processes["service"].wait()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
        assert not alive, f"left behind: {alive}"

    async def stop(self) -> None:
        """Stop everything politely; whatever does not go is killed and reported."""
        left: list[psutil.Process] = []
        stubborn: list[str] = []
        for name, process in reversed(self._processes.items()):
            if process.poll() is None:
                left += psutil.Process(process.pid).children(recursive=True)
                process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.to_thread(process.wait, PATIENCE_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    stubborn.append(name)
        await self.http.aclose()
        _, alive = await asyncio.to_thread(psutil.wait_procs, left, PATIENCE_SECONDS)
        for process_left in alive:
            process_left.kill()
        assert not stubborn, f"did not stop when asked: {stubborn}"
        assert not alive, f"left behind: {alive}"

    async def call(
        self, method: str, path: str, body: object = None, *, user: str = ADMIN_EMAIL, expect: int = 200
    ) -> Any:
        """Call the API as a user and return the JSON of its answer."""
        _, answer = await self.ask(method, path, body, user=user, expect=(expect,))
        return answer

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str = ADMIN_EMAIL,
        expect: Collection[int],
    ) -> tuple[int, Any]:
        """Call the API as a user where several answers are right; return the status and the JSON."""
        if user not in self._tokens:
            await self.login(user, ADMIN_PASSWORD)
        response = await self._request(method, path, body, user)
        if response.status_code == httpx.codes.UNAUTHORIZED and "Token expired" in response.text:
            # On a machine that is busy enough, anything outlives a token.
            await self.login(user, ADMIN_PASSWORD)
            response = await self._request(method, path, body, user)
        said = f"{method} {path}: {response.status_code} {response.text}"
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE and response.status_code not in expect:
            raise NotNowError(said)
        assert response.status_code in expect, said
        return response.status_code, response.json(parse_float=Decimal) if response.content else None

    async def _request(self, method: str, path: str, body: object, user: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._tokens[user]}"}
        return await self.http.request(method, f"{self.url}/api/v1{path}", json=body, headers=headers)

    def token(self, user: str = ADMIN_EMAIL) -> str:
        """Return the access token of a user who has logged in."""
        return self._tokens[user]

    async def login(self, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD) -> str:
        """Log in and remember the access token."""
        response = await self.http.post(
            f"{self.url}/api/v1/auth/login", json={"email": email, "password": password}
        )
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise NotNowError(response.text)
        assert response.status_code == 200, response.text
        self._tokens[email] = response.json()["accessToken"]
        return self._tokens[email]

    async def agent(
        self, name: str = "Tester", deposit_sol: str = "10", config: object = None
    ) -> dict[str, Any]:
        """Create an agent with a balance; sizes are not random unless the config says so."""
        agent: dict[str, Any] = await self.call("POST", "/agents", {"name": name}, expect=201)
        settings = config or {"positionCalculator": {"randomization": {"enabled": False}}}
        await self.call("PATCH", f"/agents/{agent['id']}/config", {"config": settings})
        await self.deposit(agent["id"], deposit_sol)
        wallets = await self.call("GET", f"/agent-balances?agentId={agent['id']}")
        agent["wallet"] = wallets[0]["walletAddress"]
        return agent

    async def deposit(self, agent_id: str, amount_sol: str) -> None:
        """Record a deposit of simulated SOL."""
        body = {
            "agentId": agent_id,
            "transactionType": "DEPOSIT",
            "transactionValueUsd": 0,
            "transactionTime": "2026-01-01T00:00:00Z",
            "inputMint": SOL_MINT,
            "inputSymbol": "SOL",
            "inputAmount": amount_sol,
            "inputPrice": "1",
        }
        await self.call("POST", "/agent-transactions", body, expect=201)

    async def signal(self, token: str, symbol: str = "EXM", strength: int = 3, kind: str = "TEST") -> int:
        """Post a signal; return its id."""
        body = {"tokenAddress": token, "symbol": symbol, "signalType": kind, "signalStrength": strength}
        created = await self.call("POST", "/trading-signals", body, expect=201)
        return int(created["id"])

    async def positions(self, agent_id: str) -> list[dict[str, Any]]:
        """Return the open positions of an agent."""
        found: list[dict[str, Any]] = await self.call("GET", f"/agent-positions/{agent_id}")
        return found

    async def closed(self, agent_id: str) -> list[dict[str, Any]]:
        """Return the closed trades of an agent."""
        found: list[dict[str, Any]] = await self.call("GET", f"/agent-historical-swaps?agentId={agent_id}")
        return found

    async def decisions(self, signal_id: int) -> list[dict[str, Any]]:
        """Return what every agent made of a signal."""
        answer = await self.call("GET", f"/trading-signals/{signal_id}/decisions")
        found: list[dict[str, Any]] = answer["decisions"]
        return found

    async def sol_balance(self, agent_id: str) -> Decimal:
        """Return the SOL of an agent."""
        rows = await self.call("GET", f"/agent-balances?agentId={agent_id}")
        return Decimal(next(row["balance"] for row in rows if row["tokenAddress"] == SOL_MINT))

    async def tokens(self) -> list[dict[str, Any]]:
        """Return the sandbox's tokens."""
        answer = (await self.http.get(f"{self.sandbox_url}/control/tokens")).json()
        found: list[dict[str, Any]] = answer["tokens"] if isinstance(answer, dict) else answer
        return found

    async def set_price(self, mint: str, price_sol: str) -> None:
        """Set a token's price in the sandbox."""
        response = await self.http.post(
            f"{self.sandbox_url}/control/price", json={"mint": mint, "priceSol": price_sol}
        )
        assert response.status_code == 200, response.text

    @asynccontextmanager
    async def follow(self, agent_id: str) -> AsyncIterator[Frames]:
        """Follow an agent over the WebSocket."""
        token = self._tokens[ADMIN_EMAIL]
        address = f"ws://127.0.0.1:{self.port}/ws?token={token}&agentId={agent_id}"
        async with websockets.connect(address) as connection:
            yield Frames(connection)

    async def verify(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Run `nexgent verify --json`; return its exit code and report."""
        code, out, err = await self.run("verify", "--json", *options)
        assert out, err
        report: dict[str, Any] = json.loads(out)
        return code, report


class CheapSecrets(Product):
    """A product in which passwords and passphrases cost next to nothing: for tests that use many and are about something else."""

    modules: ClassVar[Mapping[str, str]] = {"serve": "tests.e2e.cheap_secrets"}
    bcrypt_cost: ClassVar[int] = LEAST_COST

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings of the service."""
        return {**super().environment, "CHEAP_BCRYPT_COST": str(self.bcrypt_cost)}


class CheapLogins(CheapSecrets):
    """A product in which passwords cost so much still that a line of logins waits for them."""

    bcrypt_cost: ClassVar[int] = EIGHTH_COST


class Frames:
    """Frames of one connection."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection
        self.seen: list[dict[str, Any]] = []

    async def next(
        self, wanted: Callable[[dict[str, Any]], bool], what: str, seconds: float = PATIENCE_SECONDS
    ) -> dict[str, Any]:
        """Return the next frame that is wanted."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    frame: dict[str, Any] = json.loads(await self._connection.recv(), parse_float=Decimal)
                    self.seen.append(frame)
                    if wanted(frame):
                        return frame
        except TimeoutError:
            kinds = [frame["type"] for frame in self.seen[-20:]]
            raise AssertionError(f"no frame within {seconds} s: {what}; saw {kinds}") from None

    async def update(self, event: str) -> dict[str, Any]:
        """Return the next position frame of that kind."""
        frame = await self.next(
            lambda f: f["type"] == "position_update" and f["data"]["eventType"] == event, event
        )
        data: dict[str, Any] = frame["data"]
        return data


async def flush_redis(product: Product) -> None:
    """Empty the embedded Redis completely."""
    client: Redis = Redis.from_url(product.redis_url)
    try:
        await client.flushall()
    finally:
        await client.aclose()
