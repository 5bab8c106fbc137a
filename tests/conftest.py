"""Servers and databases for tests that need real ones.

Each test process (each xdist worker) has servers of its own in a temporary folder; they start when the first test asks for
them, in about a second, and leave nothing behind. A database is a copy of one that alembic has migrated once.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import structlog
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from nexgent.infrastructure.cache.impatient import ImpatientRedis, connect_for_requests
from nexgent.infrastructure.embedded import EmbeddedServers
from nexgent.shared.clock import SystemClock
from tests import order
from tests.e2e.cluster import lay_out_empty_cluster
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.leftovers import claim
from tests.patience import PATIENCE_SECONDS
from tests.run_folder import keep_the_folders_of_tests, make_run_folder

# What a script starts in its background ignores Ctrl-C, and so would all that tests start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Collecting tests makes things that stay; looking for garbage meanwhile takes a tenth of the time.
gc.disable()

_configure = structlog.configure
_handlers = logging.getLogger().handlers[:]
# What structlog does by itself, but for tracebacks: in full colours, with every variable, one takes seconds.
_USUAL = [
    *structlog.get_config()["processors"][:-1],
    structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
]


def _configure_for_now(**settings: Any) -> None:
    """Configure loggers without their remembering it.

    It would outlive the test in every logger that spoke in it, and a later test that looks at what is logged would see nothing.
    """
    _configure(**{**settings, "cache_logger_on_first_use": False})


def _log_as_usual() -> None:
    structlog.reset_defaults()
    structlog.configure(processors=_USUAL)


structlog.configure = _configure_for_now  # type: ignore[assignment]  # called by names alone
_log_as_usual()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Take back how a test, or a command it ran in this process, set up logging.

    A level that stays would hide from later tests what they want to see logged.
    """
    if structlog.get_config()["processors"] is not _USUAL:
        _log_as_usual()
        root = logging.getLogger()
        root.handlers[:] = _handlers
        root.setLevel(logging.WARNING)


# How long an example takes says more about the machine than about what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

REPOSITORY = Path(__file__).resolve().parent.parent
_TEMPLATE = "nexgent_template"
_FOLDERS = "nexgent-test-"
_Node = TypeVar("_Node")
_RUN_FOLDER = pytest.StashKey[Path]()


@dataclass(frozen=True, slots=True)
class TestServers:
    """Addresses of the servers of this test process."""

    __test__ = False

    database_url: str
    redis_url: str


@pytest.fixture(scope="session")
def servers() -> Iterator[TestServers]:
    """Real PostgreSQL and Valkey for the whole session.

    They run on a loop of their own that stands still between start and stop: nothing restarts a server that a test kills.
    Tests that kill servers start their own `EmbeddedServers`.
    """
    with (
        tempfile.TemporaryDirectory(prefix=_FOLDERS, ignore_cleanup_errors=True) as folder,
        asyncio.Runner() as runner,
    ):
        claim(Path(folder), _FOLDERS)
        # Root's servers run as somebody else, who has to pass through.
        Path(folder).chmod(0o711)
        runner.run(lay_out_empty_cluster(Path(folder) / "data", ADMIN_EMAIL, ADMIN_PASSWORD))
        embedded = EmbeddedServers(Path(folder) / "data")
        runner.run(embedded.start())
        runner.run(_put_the_migrated_database_aside(embedded.database_url))
        try:
            yield TestServers(embedded.database_url, embedded.redis_url)
        finally:
            runner.run(embedded.stop())


@pytest.fixture(scope="session")
def postgres_url(servers: TestServers) -> str:
    """Address of the server's own database, which is empty and shared: for `CREATE DATABASE` and the like."""
    return servers.database_url


@pytest.fixture(scope="session")
def redis_url(servers: TestServers) -> str:
    """Address of the Redis of this test process. Take `redis` unless the address itself is needed."""
    return servers.redis_url


async def _put_the_migrated_database_aside(url: str) -> None:
    own = urlsplit(url).path.removeprefix("/")
    elsewhere = with_database(url, "postgres")
    await _execute(elsewhere, f"ALTER DATABASE {own} RENAME TO {_TEMPLATE}")
    await _execute(elsewhere, f"CREATE DATABASE {own}")


@pytest.fixture(scope="session")
def migrated_template(servers: TestServers) -> str:
    """Name of a database at the newest migration, to be copied."""
    return _TEMPLATE


_numbers = itertools.count(1)


def _new_name() -> str:
    # Tries of mutants fork: each process has databases of its own on the server they share.
    return f"test_{os.getpid()}_{next(_numbers)}"


@pytest.fixture
async def database_url(postgres_url: str, migrated_template: str) -> AsyncIterator[str]:
    """Address of a fresh, migrated, empty database for one test."""
    name = _new_name()
    await _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {migrated_template} STRATEGY file_copy")
    yield with_database(postgres_url, name)
    await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def module_database_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """As `database_url`, but shared by the tests of one module."""
    name = _new_name()
    asyncio.run(
        _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {migrated_template} STRATEGY file_copy")
    )
    yield with_database(postgres_url, name)
    asyncio.run(_execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty Redis, which is emptied again afterwards."""
    client: Redis = Redis.from_url(redis_url)
    await client.flushall()
    yield client
    await client.flushall()
    await client.aclose()


@pytest.fixture
async def request_redis(redis: Redis, redis_url: str) -> AsyncIterator[ImpatientRedis]:
    """The client that requests use, of the same empty Redis. It waits longer here, for a machine with other work."""
    client = connect_for_requests(redis_url, SystemClock(), patience_seconds=30)
    yield client
    await client.aclose()


@pytest.fixture
async def absent_redis() -> AsyncIterator[ImpatientRedis]:
    """The client that requests use, of a Redis that is not there."""
    client = connect_for_requests("redis://127.0.0.1:1/0", SystemClock())
    yield client
    await client.aclose()


def migrate(database_url: str, *arguments: str) -> None:
    """Run alembic on a database, as an operator would; raise with its output when it fails."""
    result = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        raise RuntimeError(f"alembic {' '.join(arguments)} failed:\n{result.stdout}{result.stderr}")


def with_database(url: str, name: str) -> str:
    """Return the address of another database of the same server."""
    parts = urlsplit(url)
    # `urlunsplit` drops an empty host, which "user@" is not.
    return urlunsplit(parts._replace(path=f"/{name}"))


async def _execute(url: str, statement: str) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def pytest_configure(config: pytest.Config) -> None:
    """Give the processes of a run a folder for what they share, and put up with what the interpreter cannot help."""
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        folder = config.stash[_RUN_FOLDER] = make_run_folder()
        config.add_cleanup(partial(shutil.rmtree, folder, ignore_errors=True))
    _allow_unclosed_connections(config)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Leave the folders of tests that failed where they can be looked at."""
    folder = session.config.stash.get(_RUN_FOLDER, None)
    if folder is not None and exitstatus == pytest.ExitCode.TESTS_FAILED:
        kept = keep_the_folders_of_tests(folder)
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if kept is not None and reporter is not None:
            reporter.write_line(f"\nWhat the tests have left is in {kept}")


def _allow_unclosed_connections(config: pytest.Config) -> None:
    """Put up with unclosed connections where the interpreter's own deadlines lose cancellations.

    Before 3.11.3 `asyncio.timeout` and what redis-py uses instead may swallow a cancellation; a connection is then closed by the
    collector instead of by us. Nothing is lost by it, but the warning would fail whichever test runs next.
    """
    if sys.version_info < (3, 11, 3):
        config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")
        config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.hookimpl(wrapper=True)
def pytest_collect_directory(
    path: Path, parent: pytest.Collector
) -> Generator[None, pytest.Collector | None, pytest.Collector | None]:
    """Have each process begin a folder somewhere else: what one has compiled, the others find."""
    collector = yield
    if collector is not None and (worker := getattr(parent.config, "workerinput", None)) is not None:
        number = int(worker["workerid"].removeprefix("gw"))
        collector.collect = partial(_turned, collector.collect, number, worker["workercount"])  # type: ignore[method-assign]
    return collector


def _turned(collect: Callable[[], Iterable[_Node]], number: int, count: int) -> list[_Node]:
    found = list(collect())
    first = len(found) * number // count
    return found[first:] + found[:first]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put files into the order in which several processes are done soonest; one has no need of that."""
    # What there is now, stays: nine thousand tests and all their modules, which each full collection would look through.
    gc.freeze()
    gc.enable()
    if not hasattr(config, "workerinput"):
        return
    tests = REPOSITORY / "tests"
    names = {path: path.relative_to(tests).as_posix() for path in {item.path for item in items}}
    by_name = order.places(names.values())
    items.sort(key=lambda item: by_name[names[item.path]])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Hand out files, but for those that are kept together."""
    return order.Scheduling(config, log) if config.getoption("dist") == "loadfile" else None
