"""The embedded Valkey: an append-only file synced every second, on a Unix socket."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from urllib.parse import quote

from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from nexgent.infrastructure.embedded.errors import EmbeddedServerError
from nexgent.infrastructure.embedded.folder import DataFolder
from nexgent.infrastructure.embedded.identity import Identity
from nexgent.infrastructure.embedded.process import ServerProcess, read_pid, stop_orphan

_READY_POLL_SECONDS = 0.01
_START_TIMEOUT_SECONDS = 120.0
_STOP_STEPS = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))
_MAX_LOG_BYTES = 5 * 1024 * 1024
_MEBIBYTE = 1024 * 1024
# How the server reports an append-only file that it cannot read.
_UNREADABLE_DATA = ("Bad file format reading the append only file", "Unexpected end of file")


class ValkeyServer:
    """One server with its data in `<data folder>/valkey`. What it holds can be rebuilt from PostgreSQL."""

    name = "valkey"

    def __init__(self, program: Path, folder: DataFolder, identity: Identity) -> None:
        self._program = program
        self._folder = folder
        self._identity = identity
        self._data = folder.path / "valkey"
        self._log_file = folder.log_dir / "valkey.log"
        self._configuration = folder.path / "valkey.conf"
        self._process: ServerProcess | None = None

    @property
    def _socket(self) -> Path:
        return self._folder.socket_dir / "valkey.sock"

    @property
    def url(self) -> str:
        """`unix://` address of database 0, as redis-py and arq read it."""
        return f"unix://{quote(str(self._socket))}?db=0"

    @property
    def process(self) -> ServerProcess | None:
        """The running process; None before the first start."""
        return self._process

    async def start(self) -> None:
        """Start the server and wait until it answers with its data loaded.

        An append-only file that cannot be read is put aside: nothing in it is the only copy. Else raises
        EmbeddedServerError.
        """
        self._folder.make(self._data, self._identity)
        pid = read_pid(self._data / "valkey.pid")
        if pid is not None:
            await stop_orphan(pid, self._configuration, _STOP_STEPS)
        self._folder.write(self._configuration.name, self._configuration_text(), self._identity)
        if not await self._launch():
            aside = self._data / f"appendonlydir.unreadable-{int(time.time())}"
            (self._data / "appendonlydir").rename(aside)
            if not await self._launch():
                raise self._failure("Valkey cannot read its data")

    async def stop(self) -> None:
        """Shut down with the append-only file written out."""
        if self._process is not None:
            await self._process.stop(_STOP_STEPS)

    async def look_after(self) -> None:
        """Begin a new log file when the present one has grown large; the server opens it by name for each line."""
        if self._log_file.exists() and self._log_file.stat().st_size > _MAX_LOG_BYTES:
            self._log_file.replace(self._log_file.with_suffix(".log.1"))

    def _configuration_text(self) -> str:
        settings = {
            "daemonize": "no",
            "supervised": "no",
            # Keeps the command line, by which the next start recognises a server left behind.
            "set-proc-title": "no",
            "always-show-logo": "no",
            "port": "0",
            "unixsocket": _quoted(self._socket),
            "unixsocketperm": "700",
            "dir": _quoted(self._data),
            "pidfile": _quoted(self._data / "valkey.pid"),
            "logfile": _quoted(self._log_file),
            "loglevel": "notice",
            "databases": "16",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    async def _launch(self) -> bool:
        """Start the process and wait until it is ready; False means that it could not read its data."""
        await self.look_after()
        size = self._log_file.stat().st_size if self._log_file.exists() else 0
        with self._folder.open_output("valkey-start.log") as output:
            process = ServerProcess.spawn(
                [self._program, self._configuration],
                identity=self._identity,
                death_signal=signal.SIGTERM,
                output=output,
            )
        try:
            async with asyncio.timeout(_START_TIMEOUT_SECONDS):
                while not await self._is_ready():
                    if process.exit_code is not None:
                        text = self._log_since(size)
                        if process.exit_code > 0 and any(sign in text for sign in _UNREADABLE_DATA):
                            return False
                        raise self._failure(f"Valkey ended at its start ({process.exit_code})", text)
                    await asyncio.sleep(_READY_POLL_SECONDS)
        except TimeoutError as error:
            process.kill()
            raise self._failure("Valkey was not ready in time", self._log_since(size)) from error
        except BaseException:
            process.kill()
            raise
        self._process = process
        return True

    async def _is_ready(self) -> bool:
        if not self._socket.exists():
            return False
        client = Redis(unix_socket_path=str(self._socket), socket_timeout=5.0)
        try:
            await client.ping()
        except (BusyLoadingError, RedisConnectionError, RedisTimeoutError):
            return False
        finally:
            await client.aclose()
        return True

    def _log_since(self, size: int) -> str:
        text = (self._folder.log_dir / "valkey-start.log").read_bytes()
        if self._log_file.exists():
            with self._log_file.open("rb") as log:
                log.seek(size)
                text += log.read(_MEBIBYTE)
        return text.decode(errors="replace")

    def _failure(self, what: str, text: str = "") -> EmbeddedServerError:
        said = " / ".join(text.splitlines()[-4:]) or f"see {self._log_file}"
        return EmbeddedServerError(
            f"{what} in {self._data}: {said}. Put that right, choose another folder with NEXGENT_DATA_DIR, or set"
            " REDIS_URL."
        )


def _quoted(path: Path) -> str:
    """Quote a value of valkey.conf."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
