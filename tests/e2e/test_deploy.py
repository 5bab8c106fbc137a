"""What `deploy/` starts, started: the services of the compose file by their commands, and alarms of a real Prometheus."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import yaml
from redis.asyncio import Redis

from nexgent.sandbox.control import SandboxControl
from tests.conftest import with_database
from tests.e2e.product import ADMIN_EMAIL, Product, free_port, until
from tests.e2e.prometheus import configuration, rules, running_prometheus
from tests.fakes.telegram import TOKEN, FakeTelegram

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
FILLED_IN = {
    "JWT_SECRET": "k3R9vTq2LmX8wZp5NcB7yHd4JsF6gAe1UoQiVbEx",
    "ADMIN_EMAIL": ADMIN_EMAIL,
    "ADMIN_PASSWORD": "Correct-Horse-7-Battery",
    "POSTGRES_PASSWORD": "postgres",
    "REDIS_PASSWORD": "redis",
    "METRICS_TOKEN": "mT4xQ9zLw2Rk7Vb8",
    "GRAFANA_PASSWORD": "grafana",
}


def filled_in(text: str) -> str:
    """Put values into a text of the compose file, as compose does."""

    def value(found: re.Match[str]) -> str:
        name, _, default = found[1].partition(":")
        return FILLED_IN.get(name, default.removeprefix("-"))

    return re.sub(r"\$\{([^}]+)\}", value, text)


def environment_of(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment a service of the compose file gets."""
    return {name: filled_in(str(text)) for name, text in service["environment"].items()}


async def test_the_services_of_the_compose_file_trade_together(
    tmp_path: Path, postgres_url: str, redis_url: str, redis: Redis
) -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    settings = environment_of(services["service"])
    assert (settings["DATABASE_URL"], settings["REDIS_URL"]) == (
        "postgresql://nexgent:postgres@postgres:5432/nexgent",
        "redis://:redis@redis:6379/0",
    )
    connection: asyncpg.Connection[Any] = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE composed")
    product = Product(
        tmp_path,
        {
            **settings,
            "DATABASE_URL": with_database(postgres_url, "composed"),
            "REDIS_URL": redis_url,
            "PORT": str(free_port()),
        },
    )
    # The market is the sandbox, and everything listens on this machine.
    del product.settings["SOLANA_RPC_URL"], product.settings["JUPITER_API_KEY"]
    product.settings["HOST"] = "127.0.0.1"
    product.port = int(product.settings["PORT"])
    product.url = f"http://127.0.0.1:{product.port}"
    try:
        await product.start_sandbox()
        code, out, err = await product.run(*services["migrate"]["command"][1:])
        assert code == 0, out + err
        product.spawn("worker", *services["worker"]["command"][1:])
        assert services["service"]["command"] == ["nexgent", "serve"]
        await product.start_service()

        await product.login(password=FILLED_IN["ADMIN_PASSWORD"])
        agent = await product.agent()
        await product.signal((await product.tokens())[0]["mint"])
        # The position is in the engine, its transaction in the tables: the worker has written it.
        await until(lambda: product.positions(agent["id"]), "the position is open")

        async def written() -> bool:
            rows = await product.call("GET", f"/agent-transactions?agentId={agent['id']}")
            return any(row["transactionType"] == "SWAP" for row in rows)

        await until(written, "the worker has written the purchase")
        metrics = f"{product.url}/api/v1/metrics"
        bearer = {"Authorization": f"Bearer {FILLED_IN['METRICS_TOKEN']}"}
        assert (await product.http.get(metrics)).status_code == 401
        told = (await product.http.get(metrics, headers=bearer)).text
        assert "engine_lease_held 1.0" in told
        assert float(re.findall(r"^event_loop_tasks (\S+)$", told, re.MULTILINE)[0]) > 1
        assert float(re.findall(r"^process_open_fds (\S+)$", told, re.MULTILINE)[0]) > 1
        await _the_bot_answers(product, services["telegram"])
    finally:
        await product.stop()
        await connection.execute("DROP DATABASE composed WITH (FORCE)")
        await connection.close()


async def _the_bot_answers(product: Product, described: Mapping[str, Any]) -> None:
    """Start the bot by its command and with its environment alone, and ask it something."""
    command = [product.url if word == "http://service:4000" else word for word in described["command"][1:]]
    code, out, err = await product.run("telegram", "--make-key", "--url", product.url)
    assert code == 0, err
    async with FakeTelegram() as messenger:
        environment = {
            **environment_of(described),
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_SERVICE_KEY": out.strip().partition("=")[2],
            "TELEGRAM_CHAT_IDS": "4711",
            # What the image says, and where Telegram is here.
            **{name: product.environment[name] for name in ("PATH", "NEXGENT_DATA_DIR")},
            "TELEGRAM_API_URL": messenger.url,
        }
        product.spawn("telegram", *command, env=environment)

        async def listens() -> bool:
            return "telegram.listening" in product.log("telegram")

        await until(listens, "the bot listens")
        await messenger.write(4711, "/status")
        assert "Engine: engine" in (await messenger.answer("Engine:")).shown


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[str]:
    """Run Prometheus with our rules on a service; alarms wait for a second instead of minutes. Yields its address."""
    quick = re.sub(r"for: \d+[sm]", "for: 1s", rules()).replace("interval: 15s", "interval: 1s")
    config = configuration()
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    (scrape,) = config["scrape_configs"]
    assert scrape["metrics_path"] == "/api/v1/metrics"
    token = FILLED_IN["METRICS_TOKEN"]
    with running_prometheus(folder, config=config, rules=quick, target=target, token=token) as url:
        yield url


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no Prometheus here: apt install prometheus")
async def test_alarms_are_raised_and_end(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    settings = {"METRICS_TOKEN": FILLED_IN["METRICS_TOKEN"]}
    async with (
        Product(tmp_path, settings).running() as product,
        SandboxControl(product.sandbox_url) as control,
        prometheus(folder, f"127.0.0.1:{product.port}") as address,
        httpx.AsyncClient(base_url=address) as http,
    ):

        async def raised() -> set[str]:
            told = (await http.get("/api/v1/alerts")).json()["data"]["alerts"]
            return {one["labels"]["alertname"] for one in told if one["state"] == "firing"}

        async def is_raised(name: str) -> None:
            async def there() -> bool:
                return name in await raised()

            await until(there, f"{name} is raised")

        async def is_over(name: str) -> None:
            async def gone() -> bool:
                return name not in await raised()

            await until(gone, f"{name} is over")

        async def scraped() -> bool:
            answer = await http.get("/api/v1/query", params={"query": "engine_lease_held == 1"})
            # It says in words that it is only starting.
            return answer.status_code == 200 and bool(answer.json()["data"]["result"])

        await until(scraped, "the metrics are read")
        assert await raised() == set()
        agent = await product.agent()
        token = (await product.tokens())[0]
        await product.signal(token["mint"])
        await until(lambda: product.positions(agent["id"]), "the position is open")

        # Jupiter gives no quote while the position should be sold.
        await control.fault("status", "order", status=503)
        await control.set_price(token["mint"], Decimal(token["priceSol"]) / 3)
        await is_raised("NexgentExitsDelayed")
        await control.clear_faults()
        await is_over("NexgentExitsDelayed")

        # Neither source says anything.
        await product.signal(token["mint"], kind="AGAIN")
        await until(lambda: product.positions(agent["id"]), "the position is open again")
        for source in ("price", "dexscreener"):
            await control.fault("status", source, status=503)
        await is_raised("NexgentPricesStale")
        await is_raised("NexgentUpstreamFails")
        await control.clear_faults()
        await is_over("NexgentPricesStale")

        # The engine goes on asking for prices, and what it would do is refused: its lease has run out.
        database = product.postgres()
        frozen = [database, *database.children(recursive=True)]
        for process in frozen:
            process.suspend()
        try:
            await is_raised("NexgentNoEngine")
        finally:
            for process in frozen:
                process.resume()
        await is_over("NexgentNoEngine")

        product.kill_service()
        await is_raised("NexgentDown")
        await product.start_service()
        await is_over("NexgentDown")
