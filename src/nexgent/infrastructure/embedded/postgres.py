"""The embedded PostgreSQL: created once, configured at each start, recovered after a crash by itself."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from nexgent.infrastructure.embedded.binaries import PostgresBinaries
from nexgent.infrastructure.embedded.errors import EmbeddedServerError
from nexgent.infrastructure.embedded.folder import DataFolder
from nexgent.infrastructure.embedded.identity import Identity
from nexgent.infrastructure.embedded.memory import memory_bytes, shared_buffers_mb
from nexgent.infrastructure.embedded.process import ServerProcess, read_pid, stop_orphan

DATABASE = "nexgent"
ROLE = "nexgent"

_PORT = 5432  # Names the socket; nothing listens on the network.
_READY_POLL_SECONDS = 0.01
_INITDB_TIMEOUT_SECONDS = 120.0
# Replaying a long log after a crash takes its time.
_START_TIMEOUT_SECONDS = 300.0
# Backends of a killed server need a moment to notice; until then the new one refuses to start.
_RETRY_SECONDS = 15.0
_STILL_IN_USE = "shared memory block"
_CONNECT_TIMEOUT_SECONDS = 30.0
# Fast shutdown (disconnects clients and writes a checkpoint), immediate shutdown (recovers at the next start), the end.
_STOP_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
_BUILTIN_LOCALE_SINCE = 17
_IO_METHOD_SINCE = 18

_SETTINGS = {
    "listen_addresses": "''",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "effective_cache_size": "512MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "random_page_cost": "1.1",
    # Short statements over small tables: compiling them or spreading them over processes costs more than it gives.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    # A commit that was acknowledged has reached the disk.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "max_wal_senders": "2",
    "wal_buffers": "8MB",
    "min_wal_size": "80MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    # One file per weekday, begun afresh a week later.
    "logging_collector": "on",
    "log_filename": "'postgresql-%a.log'",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_checkpoints": "off",
    "log_line_prefix": "'%m [%p] '",
    # Parameters hold what people entrust to us.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class PostgresServer:
    """One cluster in `<data folder>/postgres`, reachable by its Unix socket only, by us and by root (peer)."""

    name = "postgresql"

    def __init__(self, binaries: PostgresBinaries, folder: DataFolder, identity: Identity) -> None:
        self._binaries = binaries
        self._folder = folder
        self._identity = identity
        self._data = folder.path / "postgres"
        self._output = folder.log_dir / "postgresql-start.log"
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """`postgresql://` address of the database, without a driver's name."""
        return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(self._folder.socket_dir))}"

    @property
    def process(self) -> ServerProcess | None:
        """The running process; None before the first start."""
        return self._process

    async def start(self) -> None:
        """Start the server and wait until it answers; create the cluster and the database when they are missing.

        Raises EmbeddedServerError with the last lines of the server's log.
        """
        version_file = self._data / "PG_VERSION"
        if version_file.exists():
            self._check_version(version_file.read_text().strip())
        else:
            await self._create_cluster()
        pid = read_pid(self._data / "postmaster.pid")
        if pid is not None:
            await stop_orphan(pid, self._data, _STOP_STEPS)
        configuration = self._write_configuration()
        deadline = time.monotonic() + _RETRY_SECONDS
        while not await self._launch(configuration, final=time.monotonic() > deadline):
            await asyncio.sleep(0.1)
        await self._ensure_database()

    async def stop(self) -> None:
        """Shut down with a checkpoint, so that the next start is immediate."""
        if self._process is not None:
            await self._process.stop(_STOP_STEPS)

    async def look_after(self) -> None:
        """Nothing to do between start and stop: PostgreSQL rotates its own log."""

    def _check_version(self, found: str) -> None:
        if found != str(self._binaries.major_version):
            raise EmbeddedServerError(
                f"The data in {self._data} were written by PostgreSQL {found}, and the one installed is"
                f" {self._binaries.major_version}. Move them over with pg_upgrade or pg_dump, choose another folder"
                " with NEXGENT_DATA_DIR, or set DATABASE_URL."
            )

    async def _create_cluster(self) -> None:
        """Run initdb beside the final place and move the result there, so that half a cluster is never used."""
        if self._data.exists():
            if any(self._data.iterdir()):
                raise EmbeddedServerError(
                    f"{self._data} holds files but no PostgreSQL database. Move it away, or choose another folder with"
                    " NEXGENT_DATA_DIR."
                )
            self._data.rmdir()
        draft = self._folder.path / "postgres.new"
        if draft.exists():
            shutil.rmtree(draft)
        self._folder.make(draft, self._identity)
        locale = ["--no-locale"]
        if self._binaries.major_version >= _BUILTIN_LOCALE_SINCE:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv: list[str | Path] = [
            *(self._binaries.initdb, "-D", draft, "-U", ROLE, "--encoding=UTF8"),
            *("--auth=peer", "--no-instructions", *locale),
        ]
        with tempfile.TemporaryFile() as output:
            initdb = ServerProcess.spawn(
                argv, identity=self._identity, death_signal=signal.SIGTERM, output=output
            )
            try:
                async with asyncio.timeout(_INITDB_TIMEOUT_SECONDS):
                    code = await initdb.wait()
            finally:
                initdb.kill()
            if code != 0:
                output.seek(0)
                text = output.read().decode(errors="replace")
                raise self._failure("initdb failed", text)
        draft.rename(self._data)

    def _write_configuration(self) -> Path:
        """Write the configuration outside the cluster: `ALTER SYSTEM` still works and still wins."""
        own_user = pwd.getpwuid(os.geteuid()).pw_name
        users = dict.fromkeys((own_user, "root"))
        ident = self._folder.write(
            "pg_ident.conf",
            "".join(f"nexgent {_quoted(user)} {ROLE}\n" for user in users),
            self._identity,
        )
        hba = self._folder.write("pg_hba.conf", "local all all peer map=nexgent\n", self._identity)
        settings = dict(_SETTINGS)
        settings["shared_buffers"] = f"{shared_buffers_mb(memory_bytes())}MB"
        settings["unix_socket_directories"] = _literal(str(self._folder.socket_dir))
        settings["log_directory"] = _literal(str(self._folder.log_dir))
        settings["hba_file"] = _literal(str(hba))
        settings["ident_file"] = _literal(str(ident))
        if self._binaries.major_version >= _IO_METHOD_SINCE:
            # No extra reader processes for data that fit in memory.
            settings["io_method"] = "sync"
        lines = [
            "# Written at each start. Change a setting with ALTER SYSTEM, which is kept and wins.",
            # What initdb found out about this machine.
            f"include {_literal(str(self._data / 'postgresql.conf'))}",
            *(f"{name} = {value}" for name, value in settings.items()),
        ]
        return self._folder.write("postgresql.conf", "\n".join(lines) + "\n", self._identity)

    async def _launch(self, configuration: Path, *, final: bool) -> bool:
        """Start the process and wait until it is ready; False means: try again in a moment."""
        self._remove_stale_files()
        sizes = {file: file.stat().st_size for file in self._folder.log_dir.glob("postgresql-*.log")}
        with self._folder.open_output(self._output.name) as output:
            process = ServerProcess.spawn(
                [self._binaries.postgres, "-D", self._data, "-c", f"config_file={configuration}"],
                identity=self._identity,
                death_signal=signal.SIGINT,
                output=output,
            )
        try:
            async with asyncio.timeout(_START_TIMEOUT_SECONDS):
                while not self._is_ready(process.pid):
                    if process.exit_code is not None:
                        text = self._log_since(sizes)
                        if _STILL_IN_USE in text and not final:
                            return False
                        raise self._failure(f"PostgreSQL ended at its start ({process.exit_code})", text)
                    await asyncio.sleep(_READY_POLL_SECONDS)
        except TimeoutError as error:
            process.kill()
            raise self._failure("PostgreSQL was not ready in time", self._log_since(sizes)) from error
        except BaseException:
            process.kill()
            raise
        self._process = process
        return True

    def _remove_stale_files(self) -> None:
        """Remove lock files of a server that is gone: their process number may belong to somebody else by now.

        We own the data folder and have stopped any orphan; a cluster whose backends still live is protected by its
        shared memory.
        """
        socket = self._folder.socket_dir / f".s.PGSQL.{_PORT}"
        for file in (self._data / "postmaster.pid", socket, socket.with_name(socket.name + ".lock")):
            file.unlink(missing_ok=True)

    def _is_ready(self, pid: int) -> bool:
        """Read from the postmaster's own file, as pg_ctl does, whether it accepts connections."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    async def _ensure_database(self) -> None:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            host=str(self._folder.socket_dir),
            port=_PORT,
            user=ROLE,
            database="postgres",
            timeout=_CONNECT_TIMEOUT_SECONDS,
        )
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()

    def _log_since(self, sizes: dict[Path, int]) -> str:
        parts = [self._output.read_bytes()] if self._output.exists() else []
        for file in self._folder.log_dir.glob("postgresql-*.log"):
            if file != self._output:
                with file.open("rb") as log:
                    # A file that is begun afresh is shorter than it was.
                    log.seek(sizes.get(file, 0) if file.stat().st_size >= sizes.get(file, 0) else 0)
                    parts.append(log.read())
        return b"".join(parts).decode(errors="replace")

    def _failure(self, what: str, text: str) -> EmbeddedServerError:
        lines = [line for line in text.splitlines() if line.strip() and "logging collector" not in line]
        said = " / ".join(lines[-6:]) or "it said nothing"
        return EmbeddedServerError(
            f"{what} in {self._folder.path}: {said}. Put that right, choose another folder with NEXGENT_DATA_DIR, or"
            " set DATABASE_URL."
        )


def _literal(text: str) -> str:
    """Quote a value of postgresql.conf."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _quoted(text: str) -> str:
    """Quote a word of pg_ident.conf."""
    return '"' + text.replace('"', '""') + '"'
