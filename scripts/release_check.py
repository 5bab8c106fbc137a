"""Build what is published and use it as a stranger would: `make release-check`.

The source archive is built from the checkout and the wheel from that archive, and the wheel is looked into. Then it is installed
into an empty environment with whatever the index offers, as `pip install nexgent` does, and its demo is run in an empty folder
until the agent has bought. Ends with 1 when something is not as it should be.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from email.parser import Parser
from pathlib import Path

from scripts.licences import LOCK, examine, locked_packages

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 180.0
PACKED_IN = {"migrations": "nexgent/migrations", "env.example": "nexgent/env.example"}


class NotReleasableError(Exception):
    """Says what is wrong."""


def tracked(*folders: str) -> set[str]:
    """Return the files below some folders that version control does not ignore; all below them where there is no git."""
    command = ["ls-files", "--cached", "--others", "--exclude-standard", "--", *folders]
    git = shutil.which("git")
    done = (
        subprocess.run([git, *command], cwd=ROOT, capture_output=True, text=True, check=False)
        if git
        else None
    )
    if done is not None and done.returncode == 0 and done.stdout:
        return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}
    found = (path for folder in folders for path in [ROOT / folder, *(ROOT / folder).rglob("*")])
    return {
        path.relative_to(ROOT).as_posix()
        for path in found
        if path.is_file() and "__pycache__" not in path.parts
    }


def build(folder: Path) -> tuple[Path, Path]:
    """Build the source archive from the checkout and the wheel from the archive; return both."""
    _hatchling("sdist", ROOT, folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder / "unpacked", filter="data")
    (sources,) = (folder / "unpacked").iterdir()
    return archive, build_wheel(sources, folder)


def build_wheel(sources: Path, folder: Path) -> Path:
    """Build the wheel of a folder of sources; return it."""
    _hatchling("wheel", sources, folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def wrong_with(wheel: Path) -> list[str]:
    """Return what the wheel lacks, has too much, or says wrongly of itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if not name.endswith("/")}
        (place,) = {name.partition("/")[0] for name in names if ".dist-info/" in name}
        metadata = Parser().parsestr(opened.read(f"{place}/METADATA").decode())
    wanted = {name.removeprefix("src/") for name in tracked("src/nexgent")}
    for source, packed in PACKED_IN.items():
        wanted |= {packed + name.removeprefix(source) for name in tracked(source)}
    held = {name for name in names if not name.startswith(f"{place}/")}
    problems = [f"it lacks {name}" for name in sorted(wanted - held)]
    problems += [f"it has {name}, which is not ours" for name in sorted(held - wanted)]
    said = {
        "Name": project["name"],
        "Version": project["version"],
        "License-Expression": project["license"],
        "Description-Content-Type": "text/markdown",
    }
    problems += [
        f"its metadata says {field} {metadata[field]!r}, not {value!r}"
        for field, value in said.items()
        if metadata[field] != value
    ]
    if not any(name.endswith("/licenses/LICENSE") for name in names):
        problems.append("it has no LICENSE")
    if "Powered by Nexgent AI – https://nexgent.ai" not in str(metadata.get_payload()):
        problems.append("its description has no attribution")
    return problems


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel into an empty environment; return its folder of programs."""
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    _run([str(programs / "python"), "-m", "pip", "install", "--quiet", str(wheel)], folder.parent)
    _run([str(programs / "python"), "-m", "pip", "check"], folder.parent)
    return programs


def first_trade(programs: Path, folder: Path) -> float:
    """Run the demo of an installation in an empty folder until its agent has bought; return how many seconds that took."""
    folder.mkdir()
    nexgent = str(programs / "nexgent")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PORT": "0",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }
    began = time.monotonic()
    with (folder / "demo.log").open("wb") as log:
        demo = subprocess.Popen(
            [nexgent, "demo"], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        screen = _until(folder / "demo.log", "Ctrl-C stops everything", demo)
        (token, *_) = re.findall(r"^  [A-Z]+\s+(\w{32,44})$", screen, re.MULTILINE)
        _run([nexgent, "signal", token], folder, environment)
        while "EXECUTED" not in _run([nexgent, "explain"], folder, environment):
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise NotReleasableError("the demo's agent has not bought")
            time.sleep(0.2)
        seconds = time.monotonic() - began
        _run([nexgent, "verify"], folder, environment)
        demo.send_signal(signal.SIGINT)
        if demo.wait(PATIENCE_SECONDS) != 0:
            raise NotReleasableError(f"the demo ended with {demo.returncode}")
    finally:
        demo.kill()
        demo.wait()
    return seconds


def main(arguments: Sequence[str]) -> int:
    """Do everything; return the exit code."""
    try:
        with tempfile.TemporaryDirectory(prefix="nexgent-release-") as place:
            folder = Path(place)
            # What is started as root becomes somebody else, who has to pass through.
            folder.chmod(0o711)
            archive, wheel = build(folder)
            print(f"{archive.name}: {archive.stat().st_size // 1024} KiB", flush=True)
            print(f"{wheel.name}: {wheel.stat().st_size // 1024} KiB", flush=True)
            problems = [f"{wheel.name}: {problem}" for problem in wrong_with(wheel)]
            problems += examine(locked_packages(LOCK.read_text(encoding="utf-8")))[1]
            if problems:
                raise NotReleasableError("\n".join(problems))
            print("contents, metadata and licences are in order", flush=True)
            if "--build-only" in arguments:
                return 0
            programs = install(wheel, folder / "environment")
            print(_run([str(programs / "nexgent"), "version"], folder).strip() + " is installed", flush=True)
            if _run([str(programs / "nexgent"), "config", "example"], folder) != (
                ROOT / "env.example"
            ).read_text(encoding="utf-8"):
                raise NotReleasableError("`nexgent config example` is not env.example")
            print(f"the demo's first trade after {first_trade(programs, folder / 'empty'):.1f} s", flush=True)
    except NotReleasableError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _hatchling(target: str, sources: Path, folder: Path) -> None:
    _run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)], sources
    )


def _run(command: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotReleasableError(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def _until(log: Path, text: str, process: subprocess.Popen[bytes]) -> str:
    began = time.monotonic()
    while text not in (printed := log.read_text(errors="replace")):
        if process.poll() is not None or time.monotonic() - began > PATIENCE_SECONDS:
            raise NotReleasableError(f"the demo does not start:\n{printed}")
        time.sleep(0.1)
    return printed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
