"""Keep the locks: `write` them anew, `check` that they agree, list what is `outdated`.

`uv.lock` is the one that is resolved, for every supported Python and platform at once. The requirements files are exported
from it for pip. uv is one of the locked packages itself.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.install import (
    LOCKS,
    PUBLIC_INDEX,
    ROOT,
    CannotInstallError,
    canonical,
    clean_environment,
    index_in_words,
    users_settings,
    without_login,
)

_PUBLIC_FILES = "https://files.pythonhosted.org/"
_GROUPS = {
    "runtime": ("--no-default-groups", "--group", "build"),
    "image": ("--no-default-groups", "--group", "build", "--all-extras"),
    "dev": ("--group", "dev"),
}
_HEADER = "# Exported from uv.lock by `make lock`; do not edit.\n# pip installs it with --no-deps --require-hashes.\n"
# The public index alone: what is locked holds for everybody, whatever index they install from.
_AS_LOCKED = ("--no-config", "--default-index", PUBLIC_INDEX)


class LockError(Exception):
    """Says in words for people what is wrong with the locks."""


def write(arguments: Sequence[str]) -> None:
    """Resolve pyproject.toml into uv.lock and export that."""
    way = _way_to_the_index(users_settings(Path(sys.executable)))
    _uv("lock", *_AS_LOCKED, *arguments, environment=way)
    for kind, lock in LOCKS.items():
        (ROOT / lock).write_text(_HEADER + exported(kind))
    check()


def check() -> None:
    """Compare pyproject.toml, uv.lock and the exported files, without the network. Raises `LockError`."""
    try:
        _uv("lock", "--check", "--offline", "--no-cache", *_AS_LOCKED)
    except LockError as error:
        raise LockError(f"uv.lock does not fit pyproject.toml; run `make lock`. {error}") from error
    foreign = not_public((ROOT / "uv.lock").read_text())
    if foreign:
        raise LockError(f"uv.lock names files of another than the public index: {', '.join(foreign[:3])}")
    for kind, lock in LOCKS.items():
        if requirements((ROOT / lock).read_text()) != requirements(exported(kind)):
            raise LockError(f"{lock} is not what uv.lock says; run `make lock`")


def exported(kind: str) -> str:
    """Return what uv.lock says as a requirements file."""
    options = ("--frozen", "--offline", "--no-cache", "--no-config", "--no-header", "--no-emit-project")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        _uv(
            "export",
            "--quiet",
            *options,
            "--format",
            "requirements-txt",
            *_GROUPS[kind],
            "--output-file",
            str(file),
        )
        return file.read_text()


def requirements(text: str) -> set[str]:
    """Return the requirements of a file, each with its hashes in one line, without comments."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = (line.strip() for line in joined.splitlines())
    return {" ".join(sorted(line.split())) for line in lines if line and not line.startswith("#")}


def not_public(lock: str) -> list[str]:
    """Return the addresses in uv.lock that are not of the public index."""
    found: list[str] = []
    for package in tomllib.loads(lock)["package"]:
        source = package["source"]
        if "registry" in source and source["registry"] != PUBLIC_INDEX:
            found.append(source["registry"])
        elif "registry" not in source and canonical(package["name"]) != "nexgent":
            found.append(str(source))
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        found += [file["url"] for file in files if not file["url"].startswith(_PUBLIC_FILES)]
    return sorted(set(found))


def outdated(settings: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return name, locked and newest version of each package that is behind. Raises `LockError` without an index."""
    options = ["--no-config", "--index-strategy", "unsafe-best-match", "--python", sys.executable]
    if "no-index" in settings:
        options.append("--no-index")
    options += ["--default-index", settings.get("index-url", PUBLIC_INDEX)]
    for place in settings.get("extra-index-url", "").split():
        options += ["--index", place]
    for place in settings.get("find-links", "").split():
        options += ["--find-links", place]
    for host in settings.get("trusted-host", "").split():
        options += ["--allow-insecure-host", host]
    try:
        answer = _uv(
            "pip", "list", "--outdated", "--format", "json", *options, environment=_way_to_the_index(settings)
        )
    except LockError as error:
        raise LockError(f"the package index cannot be asked ({index_in_words(settings)}): {error}") from error
    return [(row["name"], row["version"], row["latest_version"]) for row in json.loads(answer)]


def _way_to_the_index(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what pip's settings say about connections, in uv's variables."""
    names = {
        "cert": "SSL_CERT_FILE",
        "proxy": "ALL_PROXY",
        "timeout": "UV_HTTP_TIMEOUT",
        "retries": "UV_HTTP_RETRIES",
    }
    return {names[name]: text for name, text in settings.items() if name in names}


def _uv(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run uv without settings of the user's; return its standard output. Raises `LockError` with its words."""
    # uv of .venv; when the lock cannot be installed any more, one on PATH helps out.
    beside = Path(sys.executable).parent / "uv"
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        raise LockError("there is no uv; run `make setup-dev`")
    answer = subprocess.run(
        [program, *arguments],
        cwd=ROOT,
        env={
            **clean_environment(),
            **(environment or {}),
            "UV_PYTHON": sys.executable,
            "UV_PYTHON_DOWNLOADS": "never",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise LockError(
            without_login(" ".join(answer.stderr.split()) or f"uv ended with {answer.returncode}")
        )
    return answer.stdout


def _print_outdated() -> None:
    rows = outdated(users_settings(Path(sys.executable)))
    if not rows:
        print("Every installed package is at its newest version.")
        return
    table = [("package", "locked", "newest"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for row in table:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    print(f"\n{len(rows)} behind. `make lock ARGS=--upgrade` takes what pyproject.toml and the others allow.")


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.locks")
    parser.add_argument("what", choices=("write", "check", "outdated"))
    chosen, options = parser.parse_known_args()
    try:
        match chosen.what:
            case "write":
                write(options)
            case "check":
                check()
            case _:
                _print_outdated()
    except (LockError, CannotInstallError) as error:
        print(f"{error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
