"""Where the service of a data folder is: written there while it runs, so that commands find it whatever its port."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

import structlog

with suppress(ImportError):  # Windows has none: nothing is recorded there, and commands look at PORT.
    import fcntl

log = structlog.get_logger(__name__)

FILE_NAME = "service.json"
_TRIES = 20
_PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class RunningService:
    """A service that runs in a data folder. Who sends its `machine_key` may read the folder and is no stranger."""

    pid: int
    url: str
    machine_key: str = field(default="", repr=False)


def running_service(data_dir: Path) -> RunningService | None:
    """Return the service that runs in a data folder, None when there is none. What a killed one left behind is not believed:
    the operating system has taken its lock away."""
    if sys.platform == "win32":
        return None
    try:
        with (data_dir.expanduser() / FILE_NAME).open("rb") as file:
            if _locked(file, fcntl.LOCK_SH):
                return None
            document = json.load(file)
        return RunningService(
            int(document["pid"]), str(document["url"]), str(document.get("machine_key", ""))
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def recorded(data_dir: Path, url: str, machine_key: str = "") -> Iterator[None]:
    """Record this process as the service of the folder, until the end.

    The first of several that share a folder stays recorded. A folder that cannot be written costs this convenience only.
    """
    file = None
    try:
        file = _claimed(data_dir.expanduser())
        if file is not None:
            file.truncate(0)
            file.write(json.dumps(asdict(RunningService(os.getpid(), url, machine_key))).encode())
            file.flush()
    except OSError as error:
        log.warning("service.not_recorded", data_dir=str(data_dir), error=error.strerror)
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):
                file.truncate(0)
            file.close()


def _claimed(folder: Path) -> IO[bytes] | None:
    if sys.platform == "win32":
        return None
    # Root's embedded servers run as somebody else, who has to pass through.
    folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    file = os.fdopen(os.open(folder / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    for _ in range(_TRIES):
        # A command that looks whether anybody holds the lock holds it itself for a moment.
        if _locked(file, fcntl.LOCK_EX):
            return file
        time.sleep(_PAUSE_SECONDS)
    file.close()
    return None


def _locked(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
