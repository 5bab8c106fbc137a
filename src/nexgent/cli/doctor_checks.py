"""What `nexgent doctor` looks at. Each check answers within a few seconds and tells nothing that is secret."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import asyncpg
import httpx

from nexgent.bootstrap.preflight import setting_problems
from nexgent.bootstrap.tracing import usable_plan
from nexgent.cli.address import find_service
from nexgent.cli.telegram_bot.check import telegram
from nexgent.config.exposure import exposure_warnings
from nexgent.config.sections import StorageSettings
from nexgent.config.settings import Settings
from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, connect_redis
from nexgent.infrastructure.database.schema.migration import SCHEMA_REVISION, current_revision
from nexgent.infrastructure.embedded import RunningServers, running_servers
from nexgent.infrastructure.external.upstream_checks import SECONDS, Upstreams, clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.findings import Finding, Verdict, looked_at

MIN_FREE_MB = 200
ROOMY_MB = 1024
DATABASE_ERRORS: tuple[type[Exception], ...] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
    NexgentError,
    ValueError,
)

REDIS_ERRORS: tuple[type[Exception], ...] = (*REDIS_OUTAGES, NexgentError)


async def examine(settings: Settings) -> list[Finding]:
    """Run all checks at once, in the order they are shown."""
    running = running_servers(settings.storage.data_dir)
    async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as http:
        upstreams = Upstreams(settings.market, http)
        own, bot, others, witnesses = await asyncio.gather(
            asyncio.gather(
                looked_at("database", database(settings.storage, running)),
                looked_at("redis", redis(settings.storage, running)),
                looked_at("service", service(settings, http)),
            ),
            looked_at("telegram", telegram(settings, http)),
            upstreams.all(),
            upstreams.witnesses(),
        )
    wrong = settings_findings(setting_problems(settings))
    return [
        *(wrong or [Finding("settings", Verdict.OK, _summary(settings))]),
        *(Finding("exposure", Verdict.WARN, found, advice) for found, advice in exposure_warnings(settings)),
        *traces(settings),
        data_folder(settings.storage, running),
        *own,
        *([bot] if bot is not None else []),
        *others,
        *witnesses,
        clock(upstreams.offsets),
    ]


def settings_findings(problems: Iterable[str]) -> list[Finding]:
    """Return a finding for each setting that cannot be used."""
    advice = "Correct it in the environment or in .env; env.example explains each setting"
    return [Finding("settings", Verdict.FAIL, problem, advice) for problem in problems]


def traces(settings: Settings) -> list[Finding]:
    """Say whether traces are made as the settings ask for it; nothing where they do not."""
    plan, problems = usable_plan(settings.tracing)
    if problems:
        advice = "Trading goes on as it is; docs/operations.md has what traces need"
        return [Finding("traces", Verdict.WARN, problem, advice) for problem in problems]
    return [Finding("traces", Verdict.OK, "sent to a collector")] if plan is not None else []


def data_folder(storage: StorageSettings, running: RunningServers | None) -> Finding:
    """Look at the folder of the embedded servers."""
    folder = storage.data_dir.expanduser().resolve()
    elsewhere = "Choose another folder with NEXGENT_DATA_DIR"
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if not place.is_dir():
        return Finding("data folder", Verdict.FAIL, f"{place} is not a folder", elsewhere)
    if not os.access(place, os.W_OK | os.X_OK) or _read_only(place):
        return Finding("data folder", Verdict.FAIL, f"{place} cannot be written", elsewhere)
    free = shutil.disk_usage(place).free // 2**20
    state = f"{folder}, {free} MB free"
    if place != folder:
        state += ", made at the first start"
    if running is not None:
        state += f", in use by process {running.owner_pid}"
    if free < MIN_FREE_MB:
        return Finding("data folder", Verdict.FAIL, state, f"Free at least {MIN_FREE_MB} MB. {elsewhere}")
    if free < ROOMY_MB:
        return Finding("data folder", Verdict.WARN, state, "Free some space")
    return Finding("data folder", Verdict.OK, state)


async def database(storage: StorageSettings, running: RunningServers | None) -> Finding:
    """Connect to PostgreSQL and compare its schema."""
    name = "database"
    if storage.database_url is not None:
        url, kind = storage.database_url.get_secret_value(), "DATABASE_URL"
    elif running is not None and running.database_url is not None:
        url, kind = running.database_url, "embedded"
    else:
        return Finding(name, Verdict.OK, "embedded, not running; `nexgent serve` starts it")
    try:
        async with asyncio.timeout(SECONDS):
            revision = await current_revision(url)
    except DATABASE_ERRORS as error:
        said = error.message if isinstance(error, NexgentError) else type(error).__name__
        return Finding(
            name,
            Verdict.FAIL,
            f"{kind} cannot be used: {said}",
            "Check that PostgreSQL runs, and the address, user and password in DATABASE_URL",
        )
    if revision == SCHEMA_REVISION:
        return Finding(name, Verdict.OK, f"{kind}, schema {revision}")
    if revision is None or revision < SCHEMA_REVISION:
        return Finding(
            name,
            Verdict.WARN,
            f"{kind}, schema {revision or 'empty'}, needed {SCHEMA_REVISION}",
            "Run `nexgent migrate`; `nexgent serve` does it too",
        )
    return Finding(
        name,
        Verdict.FAIL,
        f"{kind}, schema {revision} is newer than {SCHEMA_REVISION}",
        "Use the newer nexgent this database belongs to",
    )


async def redis(storage: StorageSettings, running: RunningServers | None) -> Finding:
    """Ask Redis for a sign of life."""
    name = "redis"
    address = storage.redis_address
    if address is not None:
        url, kind = address.get_secret_value(), "REDIS_URL" if storage.redis_url is not None else "REDIS_HOST"
    elif running is not None and running.redis_url is not None:
        url, kind = running.redis_url, "embedded"
    else:
        return Finding(name, Verdict.OK, "embedded, not running; `nexgent serve` starts it")
    try:
        client = connect_redis(url, retries=0)
        try:
            async with asyncio.timeout(SECONDS):
                await client.get("doctor")
        finally:
            await client.aclose()
    except REDIS_ERRORS as error:
        return Finding(
            name,
            Verdict.FAIL,
            f"{kind} cannot be used: {type(error).__name__}",
            "Check that Redis runs, and its address and password",
        )
    return Finding(name, Verdict.OK, f"{kind} answers")


async def service(settings: Settings, http: httpx.AsyncClient) -> Finding:
    """Ask the service of the data folder, else the one at `PORT` of this machine, how it is."""
    name, place = "service", find_service(argparse.Namespace(), settings).url
    try:
        answer = await http.get(f"{place}/api/v1/health")
        told = answer.json()
        status, role = told["status"], _role(told.get("engine"))
    except httpx.ConnectError:
        return Finding(name, Verdict.WARN, f"nothing listens at {place}", "Start it with `nexgent serve`")
    except httpx.HTTPError as error:
        return Finding(name, Verdict.FAIL, f"{place}: {type(error).__name__}", "Look at its log")
    except (ValueError, KeyError, TypeError):
        return Finding(
            name, Verdict.FAIL, f"another program answers at {place}", "Choose another port with PORT"
        )
    verdicts = {"healthy": Verdict.OK, "degraded": Verdict.WARN}
    verdict = verdicts.get(str(status), Verdict.FAIL)
    advice = "" if verdict is Verdict.OK else f"{place}/api/v1/health says what is missing"
    return Finding(name, verdict, f"{status} at {place}{role}", advice)


def _role(engine: object) -> str:
    """Return who trades, as health tells it."""
    match engine:
        case {"role": "engine", "unresolved": int(count)}:
            return ", the engine" + (f", resolving {count} trades" if count else "")
        case {"role": "replica", "holder": str(holder)}:
            return f", a replica; {holder} is the engine"
        case {"role": "replica"}:
            return ", a replica; nobody is known to be the engine"
        case {"role": "unknown", "reason": str(reason)}:
            return f"; {reason}"
        case _:
            return ""


def _summary(settings: Settings) -> str:
    wallets = len(settings.wallet_keys)
    return f"{settings.server.environment.value}, port {settings.server.port}, live wallets: {wallets}"


def _read_only(folder: Path) -> bool:
    """Tell whether its file system is mounted read-only, which root's access rights do not show."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY) if hasattr(os, "statvfs") else False
