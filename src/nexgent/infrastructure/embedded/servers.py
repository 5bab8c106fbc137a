"""Start, supervise and stop the embedded servers of one data folder."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import structlog

from nexgent.infrastructure.embedded.binaries import find_postgres, find_valkey
from nexgent.infrastructure.embedded.errors import EmbeddedServerError
from nexgent.infrastructure.embedded.folder import DataFolder
from nexgent.infrastructure.embedded.identity import choose_identity
from nexgent.infrastructure.embedded.postgres import PostgresServer
from nexgent.infrastructure.embedded.process import ServerProcess
from nexgent.infrastructure.embedded.valkey import ValkeyServer
from nexgent.shared.backoff import Backoff
from nexgent.shared.loops import cancel_all

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_CARE_INTERVAL_SECONDS = 60.0


class Log(Protocol):
    """The part of a structlog logger that is used here."""

    def info(self, event: str, **fields: object) -> object: ...
    def error(self, event: str, **fields: object) -> object: ...


class _Server(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def process(self) -> ServerProcess | None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def look_after(self) -> None: ...


class EmbeddedServers:
    """PostgreSQL and Valkey for one owner of a data folder, from `start` to `stop` (or `async with`).

    A server that dies in between is started again on the same address with its data. Start it on the main thread: only
    then do the servers end by themselves when this process is killed.
    """

    def __init__(
        self, data_dir: Path, *, postgres: bool = True, redis: bool = True, log: Log | None = None
    ) -> None:
        self._folder = DataFolder(data_dir)
        self._wants_postgres = postgres
        self._wants_redis = redis
        self._log: Log = log if log is not None else structlog.get_logger(__name__)
        self._postgres: PostgresServer | None = None
        self._valkey: ValkeyServer | None = None
        self._supervisors: list[asyncio.Task[None]] = []

    @property
    def database_url(self) -> str:
        """`postgresql://…` of the database `nexgent`, without a driver's name. Known once started."""
        if self._postgres is None:
            raise EmbeddedServerError("The embedded PostgreSQL is not running.")
        return self._postgres.url

    @property
    def redis_url(self) -> str:
        """`unix://…` of database 0. Known once started."""
        if self._valkey is None:
            raise EmbeddedServerError("The embedded Valkey is not running.")
        return self._valkey.url

    @property
    def postgres_pid(self) -> int | None:
        """Process number of the present postmaster; None when it was not asked for."""
        return _pid(self._postgres)

    @property
    def redis_pid(self) -> int | None:
        """Process number of the present Valkey; None when it was not asked for."""
        return _pid(self._valkey)

    async def start(self) -> None:
        """Claim the data folder and start what was asked for; on failure nothing is left running.

        Raises DataFolderInUseError when another process owns the folder, EmbeddedServerError for everything else.
        """
        if sys.platform == "win32":
            raise EmbeddedServerError(
                "The embedded servers need Linux or macOS. Set DATABASE_URL and REDIS_URL, or use the Linux subsystem."
            )
        started = asyncio.get_running_loop().time()
        postgres_binaries = find_postgres() if self._wants_postgres else None
        valkey_program = find_valkey() if self._wants_redis else None
        programs = [postgres_binaries.postgres] if postgres_binaries is not None else []
        programs += [valkey_program] if valkey_program is not None else []
        self._folder.claim()
        try:
            identity = choose_identity(self._folder.path, programs)
            self._folder.prepare(identity)
            if postgres_binaries is not None:
                self._postgres = PostgresServer(postgres_binaries, self._folder, identity)
            if valkey_program is not None:
                self._valkey = ValkeyServer(valkey_program, self._folder, identity)
            await self._start_all()
            self._folder.publish_addresses(
                database_url=self._postgres.url if self._postgres is not None else None,
                redis_url=self._valkey.url if self._valkey is not None else None,
            )
        except OSError as error:
            await self.stop()
            raise self._folder.unusable(error) from error
        except BaseException:
            await self.stop()
            raise
        self._supervisors = [
            asyncio.create_task(self._supervise(server), name=f"embedded-{server.name}")
            for server in self._servers()
        ]
        self._log.info(
            "embedded.started",
            data_dir=str(self._folder.path),
            postgres_pid=self.postgres_pid,
            redis_pid=self.redis_pid,
            seconds=round(asyncio.get_running_loop().time() - started, 3),
        )

    async def stop(self) -> None:
        """Stop the servers in order and give the data folder up. Harmless when repeated."""
        await cancel_all(self._supervisors)
        self._supervisors = []
        await asyncio.gather(*(server.stop() for server in self._servers()))
        self._postgres = self._valkey = None
        self._folder.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _servers(self) -> Sequence[_Server]:
        return [server for server in (self._postgres, self._valkey) if server is not None]

    async def _start_all(self) -> None:
        """Start the servers at the same time; when one fails, wait for the other before reporting."""
        results = await asyncio.gather(
            *(server.start() for server in self._servers()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _supervise(self, server: _Server) -> None:
        """Start the server again whenever it ends without having been asked to."""
        while True:
            process = server.process
            assert process is not None
            try:
                async with asyncio.timeout(_CARE_INTERVAL_SECONDS):
                    exit_code = await process.wait()
            except TimeoutError:
                await self._look_after(server)
                continue
            self._log.error("embedded.died", server=server.name, pid=process.pid, exit_code=exit_code)
            await self._restart(server)

    async def _restart(self, server: _Server) -> None:
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        while True:
            try:
                await server.start()
            except Exception as error:
                pause_seconds = backoff.failed()
                self._log.error(
                    "embedded.restart_failed",
                    server=server.name,
                    error=str(error),
                    retry_in=round(pause_seconds, 2),
                )
                await asyncio.sleep(pause_seconds)
            else:
                self._log.info("embedded.restarted", server=server.name, pid=_pid(server))
                return

    async def _look_after(self, server: _Server) -> None:
        try:
            await server.look_after()
        except OSError as error:
            self._log.error("embedded.care_failed", server=server.name, error=str(error))


def _pid(server: _Server | None) -> int | None:
    process = server.process if server is not None else None
    return process.pid if process is not None else None
