"""`nexgent demo`, which is what `make run` does: the sandbox market, the service, and an agent that can trade at once."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import shlex
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from dotenv import dotenv_values
from rich.panel import Panel

from nexgent.bootstrap.app import ServiceInfo, run_service
from nexgent.bootstrap.child import ChildProcess
from nexgent.cli import exit_codes
from nexgent.cli.api_client import DEMO_EMAIL, PASSWORD_FILE, ApiClient
from nexgent.cli.dashboard import make_link
from nexgent.cli.demo_files import (
    KEY_FILE,
    NamedToken,
    RealMarketDataError,
    keep_key,
    keep_tokens,
    kept_key,
    require_no_real_market,
)
from nexgent.cli.deposit import deposit
from nexgent.cli.hints import command
from nexgent.cli.options import port
from nexgent.cli.running import load_settings, run_async
from nexgent.cli.screen import Screen
from nexgent.config.kept_secret import kept_secret
from nexgent.config.settings import Settings, SettingsError
from nexgent.infrastructure.database.engine import normalise_url
from nexgent.shared.errors import ConflictError, NexgentError
from nexgent.shared.loops import cancel_all
from nexgent.shared.tls import verification

AGENT_NAME = "Demo"
DEPOSIT_SOL = "10"
SANDBOX_PORTS = range(21_000, 31_000)
"""Where the sandbox market may listen: away from the ports people choose for services, and below those that systems give to
outgoing connections, so that copies side by side do not meet."""
SANDBOX_TRIES = 200
SANDBOX_STEP = 37
SANDBOX_START_SECONDS = 20.0
UNLIMITED = "0"
DEMO_DEFAULTS = {"LOG_LEVEL": "warn", "SHUTDOWN_SECONDS": "4"}
"""What the demo prefers where neither the environment nor `.env` says anything; pretended trades need no long farewell."""
SHOWN_TOKENS = 3
DATABASE_SECONDS = 5.0


class SandboxPortsTakenError(ConflictError):
    """No port is free for the sandbox market."""

    code = "SANDBOX_PORTS_TAKEN"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = "The real market is `nexgent serve` with JUPITER_API_KEY and PYTH_API_KEY."


def run(_arguments: argparse.Namespace) -> int:
    """Run until told to stop."""
    written = _file_settings()
    sandbox_port = _sandbox_port(written)
    url = f"http://127.0.0.1:{sandbox_port}"
    # The sandbox is a market like any other: only its addresses are set, and its rate limits are lifted.
    os.environ.update(
        {
            "JUPITER_BASE_URL": url,
            "DEXSCREENER_BASE_URL": url,
            "PYTH_HERMES_URL": url,
            "SOLANA_RPC_URL": f"{url}/rpc",
            "JUPITER_REQUESTS_PER_MINUTE": UNLIMITED,
            "DEXSCREENER_REQUESTS_PER_MINUTE": UNLIMITED,
            "SOLANA_REQUESTS_PER_TEN_SECONDS": UNLIMITED,
            "SANDBOX_PORT": str(sandbox_port),
        }
    )
    for name, value in DEMO_DEFAULTS.items():
        if not written.get(name):
            os.environ.setdefault(name, value)
    # Lively enough to see a stop loss within minutes.
    os.environ.setdefault("SANDBOX_VOLATILITY", "0.03")
    os.environ.pop("JUPITER_API_URL", None)
    settings = load_settings()
    require_no_real_market(settings.storage.data_dir)
    settings = _with_admin(settings)
    run_async(_demo(settings, url))
    return exit_codes.OK


def _sandbox_port(written: Mapping[str, str | None]) -> int:
    """Return the port of `SANDBOX_PORT`, else a free one: the same as last time for this data folder, if it can be had."""
    given = os.environ.get("SANDBOX_PORT") or written.get("SANDBOX_PORT")
    if given:
        try:
            return port(given.strip())
        except argparse.ArgumentTypeError as error:
            raise SettingsError([f"SANDBOX_PORT: {error}"]) from None
    folder = os.environ.get("NEXGENT_DATA_DIR") or written.get("NEXGENT_DATA_DIR") or ".nexgent"
    own = os.environ.get("PORT") or written.get("PORT")
    return choose_sandbox_port(Path(folder).expanduser().resolve(), own)


def choose_sandbox_port(data_dir: Path, own: str | None) -> int:
    """Return a free port for the sandbox of a data folder, which is not the service's own. Raises `SandboxPortsTakenError`."""
    # Two copies have two folders, and begin to look in two places, also when they start at the same moment.
    start = int.from_bytes(hashlib.sha256(os.fsencode(data_dir)).digest()[:8])
    for step in range(SANDBOX_TRIES):
        found = SANDBOX_PORTS[(start + step * SANDBOX_STEP) % len(SANDBOX_PORTS)]
        if str(found) != (own or "").strip() and _is_free(found):
            return found
    raise SandboxPortsTakenError(
        f"No port from {SANDBOX_PORTS[0]} to {SANDBOX_PORTS[-1]} was free for the sandbox market; name one with SANDBOX_PORT"
    )


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        try:
            # Every interface: a service of another copy listens there.
            probe.bind(("0.0.0.0", number))  # noqa: S104 -- only tried  # nosec B104
        except OSError:
            return False
    return True


def _with_admin(settings: Settings) -> Settings:
    """Return settings with an administrator; without one, the demo's, whose password is kept in the data folder."""
    if settings.auth.admin_email is not None:
        return settings
    password = kept_secret(settings.storage.data_dir / PASSWORD_FILE)
    auth = settings.auth.model_copy(update={"admin_email": DEMO_EMAIL, "admin_password": password})
    return replace(settings, auth=auth)


def _file_settings() -> dict[str, str | None]:
    """Return what `.env` says; that it cannot be read is told when the settings are loaded."""
    try:
        return dotenv_values(".env", encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}


async def require_no_live_wallets(database_url: str) -> None:
    """Raise `RealMarketDataError` when a database of the operator's own has live wallets."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            connection = await asyncpg.connect(**normalise_url(database_url).connect_kwargs)
            try:
                has_table = await connection.fetchval("SELECT to_regclass('agent_wallets') IS NOT NULL")
                live = has_table and await connection.fetchval(
                    "SELECT EXISTS (SELECT FROM agent_wallets WHERE wallet_type = 'live')"
                )
            finally:
                await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        # The service finds the same and says what to do about it.
        return
    if live:
        raise RealMarketDataError(
            "The database of DATABASE_URL has live wallets, and the demo would trade their positions on a pretend market. "
            "Let it use a database of its own: DATABASE_URL= make run"
        )


async def _demo(settings: Settings, sandbox_url: str) -> None:
    if settings.storage.database_url is not None:
        await require_no_live_wallets(settings.storage.database_url.get_secret_value())
    sandbox = ChildProcess("sandbox", "sandbox", "--quiet", settings={})
    market = asyncio.create_task(sandbox.run(), name="sandbox")
    jobs: set[asyncio.Task[None]] = set()

    def ready(info: ServiceInfo) -> None:
        jobs.add(asyncio.create_task(_introduce(settings, sandbox_url, info), name="introduce"))

    try:
        await _answers(sandbox_url, market)
        await run_service(settings, announce=ready, demo=True)
    finally:
        await cancel_all((*jobs, market))


async def _answers(sandbox_url: str, market: asyncio.Task[None]) -> None:
    async with httpx.AsyncClient(verify=verification(sandbox_url)) as http:
        for _ in range(int(SANDBOX_START_SECONDS / 0.05)):
            if market.done():
                break
            with suppress(httpx.HTTPError):
                if (await http.get(f"{sandbox_url}/control/state")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
    raise NexgentError("The sandbox market did not start; `nexgent sandbox` alone shows why")


async def _introduce(settings: Settings, sandbox_url: str, info: ServiceInfo) -> None:
    """Make the demo data, over the public API like any client, and print the screen."""
    auth = settings.auth
    assert auth.admin_email is not None
    assert auth.admin_password is not None
    password = auth.admin_password.get_secret_value()
    try:
        address, key = f"http://127.0.0.1:{info.port}", info.machine_key
        async with ApiClient(address, auth.admin_email, password, machine_key=key) as api:
            agent = await _agent(api)
            await _make_key(api, settings.storage.data_dir)
            link = await make_link(api)
        tokens = await _tokens(sandbox_url)
        keep_tokens(settings.storage.data_dir, info.port, tokens)
    except (NexgentError, httpx.HTTPError) as error:
        Screen(stderr=True).print(f"The demo data could not be made: {error}")
        return
    key_path = (settings.storage.data_dir / KEY_FILE).resolve()
    _print_screen(
        info, sandbox_url, auth.admin_email, password, agent, tokens[:SHOWN_TOKENS], key_path, link["url"]
    )


async def _agent(api: ApiClient) -> dict[str, Any]:
    """Return the demo agent; make it and give it its SOL when it has none yet."""
    agents: list[dict[str, Any]] = await api.call("GET", "/agents")
    agent = next((one for one in agents if one["name"] == AGENT_NAME), None)
    if agent is None:
        agent = await api.call("POST", "/agents", {"name": AGENT_NAME})
    assert agent is not None
    transactions = await api.call("GET", f"/agent-transactions?agentId={agent['id']}&limit=1")
    if not transactions:
        await deposit(api, agent["id"], DEPOSIT_SOL, agent["createdAt"])
    return agent


async def _make_key(api: ApiClient, data_dir: Path) -> None:
    """See to it that the data folder has an API key that may post signals."""
    kept = kept_key(data_dir)
    if kept is not None and await api.accepts_key(kept):
        return
    made = await api.call("POST", "/api-keys", {"name": "Demo signals", "scopes": ["signals"]})
    keep_key(data_dir, made["key"])


async def _tokens(sandbox_url: str) -> list[NamedToken]:
    async with httpx.AsyncClient(verify=verification(sandbox_url)) as http:
        answer = (await http.get(f"{sandbox_url}/control/tokens")).json()
    return [NamedToken(token["mint"], token["symbol"]) for token in answer["tokens"]]


def _print_screen(
    info: ServiceInfo,
    sandbox_url: str,
    email: str,
    password: str,
    agent: dict[str, Any],
    tokens: list[NamedToken],
    key_path: Path,
    link: str,
) -> None:
    console = Screen(highlight=False, soft_wrap=True)
    base = f"http://localhost:{info.port}"
    mints = "\n".join(f"  {token.symbol:<8} {token.mint}" for token in tokens)
    text = (
        f"Dashboard  {link}\n"
        f"           (logged in, once within ten minutes; then {base} or {command('dashboard')})\n"
        f"API docs   {base}/docs\n"
        f"Health     {base}/api/v1/health\n"
        f"Metrics    {base}/api/v1/metrics\n"
        f"Market     {sandbox_url}/control/state\n"
        f"Login      {email}   {password}\n"
        f"Agent      {agent['name']} with {DEPOSIT_SOL} simulated SOL at the start\n\n"
        f"Tokens whose prices move\n{mints}"
    )
    if console.is_terminal:
        console.print(Panel(text, title="Nexgent is trading on the sandbox market", expand=False))
    else:
        console.print(f"Nexgent is trading on the sandbox market\n\n{text}")
    body = f'{{"tokenAddress":"{tokens[0].mint}","symbol":"{tokens[0].symbol}","signalType":"DEMO","signalStrength":3}}'
    console.print(
        "\nIn a second terminal, follow the agent live:\n\n"
        f"  {command('watch')}\n\n"
        "and in a third, post a signal (it buys; a falling price sells):\n\n"
        f"  curl -X POST {base}/api/v1/trading-signals -H 'Content-Type: application/json' \\\n"
        f'    -H "X-API-Key: $(cat {shlex.quote(str(key_path))})" \\\n'
        f"    -d '{body}'\n\n"
        f"or, for short:\n\n  {command('signal', tokens[1].symbol)}\n\n"
        "Ctrl-C stops everything.",
    )
    console.file.flush()
