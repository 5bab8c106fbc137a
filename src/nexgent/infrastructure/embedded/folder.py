"""The data folder: one owner at a time, writable, with room, and a place for Unix sockets short enough to be used."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import socket
import stat
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from nexgent.infrastructure.embedded.errors import DataFolderInUseError, EmbeddedServerError
from nexgent.infrastructure.embedded.identity import Identity

with contextlib.suppress(ImportError):  # On Windows `EmbeddedServers` refuses before anything here is called.
    import fcntl

_MIN_FREE_BYTES = 200 * 1024 * 1024
_LOCK_FILE = "nexgent.lock"
_ADDRESS_FILE = "servers.json"
# A Unix socket's path has room for 103 bytes on macOS and 107 on Linux.
_MAX_SOCKET_PATH_BYTES = 103
_LONGEST_SOCKET_NAME = ".s.PGSQL.5432"
_LOCK_PATIENCE_SECONDS = 2.0
_LOCK_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class RunningServers:
    """Addresses of servers that another process, `owner_pid`, has started and keeps; None for one it did not start."""

    owner_pid: int
    database_url: str | None
    redis_url: str | None


def running_servers(data_dir: Path) -> RunningServers | None:
    """Return the addresses of the servers that are running in a data folder, None when nobody runs any there.

    For commands that work beside a running service: they use its servers instead of starting a second set.
    """
    folder = data_dir.expanduser().resolve()
    try:
        with (folder / _LOCK_FILE).open("rb") as lock:
            if _try_lock(lock, shared=True):
                return None
        return RunningServers(**json.loads((folder / _ADDRESS_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


class DataFolder:
    """A claimed data folder.

    Layout: `postgres/` and `valkey/` (data), `log/`, `run/` (sockets), configuration files, the lock file, and
    `servers.json` with the addresses while the servers run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.log_dir = self.path / "log"
        self._lock: IO[bytes] | None = None
        self._socket_dir: Path | None = None

    @property
    def socket_dir(self) -> Path:
        """Folder of the Unix sockets; known after `prepare`."""
        assert self._socket_dir is not None, "prepare() comes first"
        return self._socket_dir

    def claim(self) -> None:
        """Create the folder if need be and become its owner.

        Raises DataFolderInUseError when another process has it, EmbeddedServerError when it cannot be used.
        """
        try:
            # Root's servers run as somebody else, who has to pass through.
            self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            lock = self._open_lock()
        except OSError as error:
            raise self.unusable(error) from error
        try:
            self._wait_for_lock(lock)
            free = shutil.disk_usage(self.path).free
            if free < _MIN_FREE_BYTES:
                raise EmbeddedServerError(
                    f"Only {free // 2**20} MB are free where the data folder {self.path} is; the embedded servers need"
                    f" {_MIN_FREE_BYTES // 2**20} MB. Free some space or choose another folder with NEXGENT_DATA_DIR."
                )
            lock.truncate(0)
            lock.seek(0)
            lock.write(f"{os.getpid()}\n".encode())
            lock.flush()
        except OSError as error:
            lock.close()
            raise self.unusable(error) from error
        except BaseException:
            lock.close()
            raise
        self._lock = lock

    def prepare(self, identity: Identity) -> None:
        """Make the folders that the server processes write to. Raises EmbeddedServerError when that is refused."""
        try:
            self.make(self.log_dir, identity)
            self._socket_dir = self._make_socket_dir(identity)
        except OSError as error:
            raise self.unusable(error) from error

    def make(self, folder: Path, identity: Identity) -> None:
        """Create a folder for the server processes, closed to everybody else."""
        folder.mkdir(mode=0o700, exist_ok=True)
        identity.give(folder)

    def open_output(self, name: str) -> IO[bytes]:
        """Open a new file in the log folder for what a server prints before its own log begins.

        Never one that exists: the folder belongs to the server's user, who could have put a link there.
        """
        file = self.log_dir / name
        file.unlink(missing_ok=True)
        return file.open("xb")

    def write(self, name: str, text: str, identity: Identity) -> Path:
        """Write a configuration file, whole or not at all, that the server processes can read."""
        target = self.path / name
        draft = target.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        identity.give(draft)
        draft.replace(target)
        return target

    def publish_addresses(self, *, database_url: str | None, redis_url: str | None) -> None:
        """Tell other processes of the same user where the servers are (`running_servers`)."""
        running = RunningServers(os.getpid(), database_url, redis_url)
        self.write(_ADDRESS_FILE, json.dumps(asdict(running)), Identity())

    def release(self) -> None:
        """Give the folder up. Harmless when repeated."""
        if self._lock is None:
            return
        # A stale address file would be ignored by its readers once the lock is gone.
        with contextlib.suppress(OSError):
            (self.path / _ADDRESS_FILE).unlink(missing_ok=True)
        if self._socket_dir is not None and self._socket_dir.parent != self.path:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        self._lock.close()
        self._lock = None

    def unusable(self, error: OSError) -> EmbeddedServerError:
        """Say what an error of the operating system means for the person who chose this folder."""
        advice = "Choose another folder with NEXGENT_DATA_DIR, or set DATABASE_URL and REDIS_URL to your own servers."
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                problem = f"There is no space left for the data folder {self.path}."
            case errno.EROFS | errno.EACCES | errno.EPERM:
                where = error.filename or self.path
                problem = f"The data folder {self.path} cannot be written: {error.strerror} ({where})."
            case errno.ENOTDIR | errno.EEXIST:
                problem = f"The data folder {self.path} is not a folder, or lies in something that is none."
            case errno.ENAMETOOLONG:
                problem = f"The path of the data folder {self.path} is too long."
            case _:
                problem = f"The data folder {self.path} cannot be used: {error.strerror or error}."
        return EmbeddedServerError(f"{problem} {advice}")

    def _open_lock(self) -> IO[bytes]:
        # Opened for reading and writing without truncating: it holds the present owner's number.
        return os.fdopen(os.open(self.path / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b")

    def _wait_for_lock(self, lock: IO[bytes]) -> None:
        """Take the lock, with a little patience for an owner that is just shutting down."""
        deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
        while not _try_lock(lock, shared=False):
            if time.monotonic() > deadline:
                owner = (self.path / _LOCK_FILE).read_text().strip() or "of unknown number"
                raise DataFolderInUseError(
                    f"The data folder {self.path} is in use by process {owner};"
                    " stop that one, or choose another folder with NEXGENT_DATA_DIR."
                )
            time.sleep(_LOCK_POLL_SECONDS)

    def _make_socket_dir(self, identity: Identity) -> Path:
        """Use `run/` in the data folder; a short temporary folder when the path is long or sockets are refused."""
        near = self.path / "run"
        self.make(near, identity)
        if _can_hold_sockets(near):
            return near
        name = f"nexgent-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]}"
        for base in dict.fromkeys(("/tmp", tempfile.gettempdir())):  # noqa: S108 - the owner of the folder is checked  # nosec B108
            try:
                far = _private_folder(Path(base) / name, identity)
                if _can_hold_sockets(far):
                    return far
            except OSError:
                continue
        raise EmbeddedServerError(
            f"There is no place for Unix sockets: the path of {self.path} is too long or its file system has none, and"
            " the folder for temporary files cannot be used. Choose a shorter folder with NEXGENT_DATA_DIR."
        )


def _try_lock(lock: IO[bytes], *, shared: bool) -> bool:
    try:
        fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _private_folder(wanted: Path, identity: Identity) -> Path:
    """Make a folder closed to others in a place open to all; under another name if somebody else has taken this one."""
    try:
        wanted.mkdir(mode=0o700)
    except FileExistsError:
        if _is_private(wanted, identity):
            return wanted
        wanted = Path(tempfile.mkdtemp(prefix="nexgent-", dir=wanted.parent))
    identity.give(wanted)
    return wanted


def _is_private(folder: Path, identity: Identity) -> bool:
    """Tell whether a folder in a place open to all is a real folder, ours, and closed to others."""
    found = folder.lstat()
    owner = os.geteuid() if identity.uid is None else identity.uid
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and stat.S_IMODE(found.st_mode) == 0o700


def _can_hold_sockets(folder: Path) -> bool:
    # Drivers do not agree on the escaping of paths in an address, and a comma separates hosts in it.
    if (
        quote(str(folder)) != str(folder)
        or len(os.fsencode(folder / _LONGEST_SOCKET_NAME)) > _MAX_SOCKET_PATH_BYTES
    ):
        return False
    probe = folder / ".probe"
    probe.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(str(probe))
        except OSError:
            return False
    probe.unlink(missing_ok=True)
    return True
