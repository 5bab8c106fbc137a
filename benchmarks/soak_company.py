"""Whoever may be around a service that trades, at once and over real HTTP: who is told, who looks, who asks and who measures."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import httpx
import websockets
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.e2e.product import Product, free_port, until
from tests.e2e.prometheus import configuration, rules, running_prometheus
from tests.e2e.test_mcp import server
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.forks import Running

METRICS_TOKEN = "mT4xQ9zLw2Rk7Vb8"
SCRAPE_SECONDS = 5.0
LOOK_SECONDS = 1.0
ASK_SECONDS = 10.0
STAY_SECONDS = (60.0, 240.0)
"""How long a client stays before it comes back: whoever stays for ever is not what leaks."""
CHAT = 4711
_LISTS = (
    "/overview?mode=simulation",
    "/overview/attention",
    "/agents",
    "/trading-signals?limit=50",
    "/agent-historical-swaps?agentId={agent}&limit=50",
    "/agent-transactions?agentId={agent}&limit=50",
    "/agent-positions/{agent}",
    "/agent-balances?agentId={agent}",
    "/agents/{agent}/performance",
    "/notifications?limit=50",
    "/price-feeds/sol-usd",
)
_QUESTIONS = ("/status", "/profit", "/positions", "/explain")


@dataclass
class Company:
    """What everybody has seen so far, by what it is; and what went wrong, in words."""

    seen: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    webhook_secret: str = ""
    scraped: str = ""
    """The newest exposition of the service's metrics."""
    bot: Running | None = None
    prometheus_url: str = ""
    port: int = field(default_factory=free_port)

    @property
    def settings(self) -> dict[str, str]:
        """What the service is started with."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "METRICS_TOKEN": METRICS_TOKEN,
            "NOTIFY_PRIVATE_ADDRESSES": "true",
        }

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Take traces, webhooks and messages until the block ends."""
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_post("/v1/traces", self._traces)
        app.router.add_post("/program", self._program)
        app.router.add_post("/person", self._person)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            yield
        finally:
            await runner.cleanup()

    async def _traces(self, request: web.Request) -> web.Response:
        self.seen["trace messages"] += 1
        self.seen["trace bytes"] += len(await request.read())
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )

    async def _program(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(self.webhook_secret.removeprefix("whsec_"))
        mac = base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
        genuine = hmac.compare_digest(request.headers["webhook-signature"], f"v1,{mac}")
        self.seen["webhooks" if genuine else "webhooks with a wrong signature"] += 1
        return web.Response(status=204)

    async def _person(self, request: web.Request) -> web.Response:
        await request.read()
        self.seen["messages for people"] += 1
        return web.Response()

    @asynccontextmanager
    async def around(self, product: Product, agents: Sequence[str]) -> AsyncIterator[None]:
        """Have everybody be there until the block ends. The service runs, and its user has logged in."""
        await self._tell_me(product)
        async with AsyncExitStack() as stack:
            messenger = await stack.enter_async_context(FakeTelegram())
            self.bot = await _start_bot(product, messenger)
            if shutil.which("prometheus") is not None:
                self.prometheus_url = stack.enter_context(_prometheus(product))
            group = await stack.enter_async_context(asyncio.TaskGroup())
            tasks = [group.create_task(self._follow(product, agent)) for agent in agents]
            tasks += [
                group.create_task(self._steadily("metrics", SCRAPE_SECONDS, lambda: self._scrape(product))),
                group.create_task(
                    self._steadily("dashboard", LOOK_SECONDS, lambda: self._look(product, agents))
                ),
                group.create_task(self._steadily("bot", ASK_SECONDS, lambda: self._ask(messenger))),
                group.create_task(self._assist(product)),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def alarms(self, http: httpx.AsyncClient) -> list[str] | None:
        """Return the alarms that were raised so far; None where there is no Prometheus."""
        if not self.prometheus_url:
            return None
        query = {
            "query": 'count by (alertname, code, reason, service, loop) (count_over_time(ALERTS{alertstate="firing"}[1d]))'
        }
        answer = (await http.get(f"{self.prometheus_url}/api/v1/query", params=query)).raise_for_status()
        return sorted(" ".join(one["metric"].values()) for one in answer.json()["data"]["result"])

    async def _tell_me(self, product: Product) -> None:
        """Make a target for a program and one for a person."""
        base = f"http://127.0.0.1:{self.port}"
        code, out, err = await product.run(
            "notify", "--add", "Bot", "--webhook", "--json", typed=f"{base}/program\n"
        )
        assert code == 0, err
        self.webhook_secret = json.loads(out)["secret"]
        code, _, err = await product.run(
            "notify", "--add", "Me", typed=f"json://127.0.0.1:{self.port}/person\n"
        )
        assert code == 0, err

    async def _steadily(self, what: str, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
                self.seen[what] += 1
            except (httpx.HTTPError, AssertionError) as error:
                self.troubles[f"{what}: {type(error).__name__} {str(error)[:120]}"] += 1
            await asyncio.sleep(seconds)

    async def _scrape(self, product: Product) -> None:
        headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        answer = await product.http.get(f"{product.url}/api/v1/metrics", headers=headers)
        self.scraped = answer.raise_for_status().text

    async def _look(self, product: Product, agents: Sequence[str]) -> None:
        path = random.choice(_LISTS)
        await product.call("GET", path.format(agent=random.choice(agents)))

    async def _ask(self, messenger: FakeTelegram) -> None:
        answered = len(messenger.said)
        await messenger.write(CHAT, random.choice(_QUESTIONS))
        await messenger.answer("", after=answered)

    async def _follow(self, product: Product, agent: str) -> None:
        """Follow an agent, and come back after a while or when the connection is lost."""
        while True:
            try:
                async with asyncio.timeout(random.uniform(*STAY_SECONDS)):
                    ticket = (await product.call("POST", "/ws/ticket"))["ticket"]
                    address = f"ws://127.0.0.1:{product.port}/ws?agentId={agent}&ticket={ticket}"
                    async with websockets.connect(address, max_size=None) as connection:
                        self.seen["websocket connections"] += 1
                        await self._hear(connection)
            except TimeoutError:
                continue
            except websockets.ConnectionClosed as error:
                self.troubles[f"websocket closed: {error.rcvd.code if error.rcvd else 'lost'}"] += 1
            except (OSError, httpx.HTTPError, AssertionError, websockets.WebSocketException) as error:
                self.troubles[f"websocket: {type(error).__name__} {str(error)[:120]}"] += 1
            await asyncio.sleep(1)

    async def _hear(self, connection: websockets.ClientConnection) -> None:
        async for frame in connection:
            self.seen["frames"] += 1
            if '"ping"' in str(frame[:40]):
                await connection.send('{"type":"pong"}')

    async def _assist(self, product: Product) -> None:
        """Ask as an assistant does, over the Model Context Protocol."""
        from mcp import Client  # noqa: PLC0415 -- two seconds

        async with Client(server(product)) as client:
            while True:
                for tool in ("agents_list_agents", "overview_attention"):
                    result = await client.call_tool(tool, {})
                    if result.is_error:
                        self.troubles[f"assistant: {tool}"] += 1
                    self.seen["tools used"] += 1
                await asyncio.sleep(ASK_SECONDS)


async def _start_bot(product: Product, messenger: FakeTelegram) -> Running:
    code, out, err = await product.run("telegram", "--make-key", "--url", product.url)
    assert code == 0, err
    environment = {
        **{
            name: text
            for name, text in product.environment.items()
            if not name.startswith(("ADMIN_", "JWT_"))
        },
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_SERVICE_KEY": out.strip().partition("=")[2],
        "TELEGRAM_CHAT_IDS": str(CHAT),
        "TELEGRAM_API_URL": messenger.url,
        "LOG_LEVEL": "info",
    }
    running = product.spawn("bot", "telegram", "--url", product.url, env=environment)

    async def listens() -> bool:
        assert running.poll() is None, product.log("bot")
        return "telegram.listening" in product.log("bot")

    await until(listens, "the bot listens")
    return running


@contextmanager
def _prometheus(product: Product) -> Iterator[str]:
    """Run Prometheus as the compose file does, rules and all; yield its address."""
    folder = product.folder / "prometheus"
    folder.mkdir()
    with running_prometheus(
        folder,
        config=configuration(),
        rules=rules(),
        target=f"127.0.0.1:{product.port}",
        token=METRICS_TOKEN,
    ) as url:
        yield url
