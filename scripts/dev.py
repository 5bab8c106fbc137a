"""Run the service and start it again whenever its code or its settings change: `make dev`.

    make dev                     # the demo: market, service and an agent
    make dev ARGS=serve          # the service alone, by its settings

A change that does not compile keeps the present service running and is told. Stopping is graceful, as with Ctrl-C: trades under
way are finished and the data folder, with the embedded servers' data, is taken up again by the next start.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from nexgent.bootstrap.child import ChildProcess
from nexgent.config.settings import Settings, SettingsError

REPOSITORY = Path(__file__).resolve().parent.parent
WATCHED = (REPOSITORY / "src", REPOSITORY / "migrations")
SETTINGS_FILE = Path(".env")
LOOK_SECONDS = 0.3
FAREWELL_SECONDS = 10.0
"""Beyond `SHUTDOWN_SECONDS`, for what stops after the trades."""

Files = Mapping[Path, tuple[int, int]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make dev", description=__doc__.partition("\n")[0])
    parser.add_argument("--watch", type=Path, action="append", default=[], help="a further folder of code")
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="command of nexgent and its arguments (demo)"
    )
    arguments = parser.parse_args(argv)
    with suppress(asyncio.CancelledError):
        asyncio.run(_until_interrupted((*WATCHED, *arguments.watch), arguments.command or ["demo"]))
    return 0


def look(folders: Iterable[Path]) -> Files:
    """Return the state of all code in the folders, and of `.env`."""
    found: dict[Path, tuple[int, int]] = {}
    for path in (*(file for folder in folders for file in folder.rglob("*.py")), SETTINGS_FILE):
        try:
            state = path.stat()
        except OSError:
            # Gone between finding and looking, as with editors that replace files.
            continue
        found[path] = (state.st_mtime_ns, state.st_size)
    return found


def mistakes(paths: Iterable[Path]) -> list[str]:
    """Return what does not compile, one line for each file."""
    found = []
    for path in paths:
        if path.suffix != ".py":
            continue
        try:
            compile(path.read_bytes(), str(path), "exec")
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or "?"
            found.append(f"{path}:{line}: {getattr(error, 'msg', error)}")
        except OSError:
            continue
    return found


async def next_change(folders: Sequence[Path], seen: Files) -> Files:
    """Wait for a change that compiles and is complete; return what is there then."""
    told: list[str] = []
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = await asyncio.to_thread(look, folders)
        if now == seen:
            continue
        await asyncio.sleep(LOOK_SECONDS)
        if await asyncio.to_thread(look, folders) != now:
            # A checkout or an editor is still writing.
            continue
        changed = sorted(path for path in now.keys() | seen.keys() if now.get(path) != seen.get(path))
        wrong = await asyncio.to_thread(mistakes, changed)
        if not wrong:
            _say(
                f"changed: {', '.join(_short(path) for path in changed[:5])}{', …' if len(changed) > 5 else ''}"
            )
            return now
        if wrong != told:
            _say("not restarted, this does not compile:\n  " + "\n  ".join(wrong))
            told = wrong


async def develop(folders: Sequence[Path], command: Sequence[str]) -> None:
    """Keep the newest code running until cancelled."""
    seen = look(folders)
    while True:
        # All of our environment, secrets too: this child is the service itself.
        child = ChildProcess(" ".join(command), *command, settings=os.environ, stop_seconds=_patience())
        running = asyncio.create_task(child.run_once())
        changing = asyncio.create_task(next_change(folders, seen))
        try:
            await asyncio.wait({running, changing}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                _say(f"nexgent {' '.join(command)} ended with {running.result()}; waiting for a change")
            seen = await changing
        finally:
            for task in (running, changing):
                task.cancel()
            await asyncio.gather(running, changing, return_exceptions=True)


async def _until_interrupted(folders: Sequence[Path], command: Sequence[str]) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await develop(folders, command)


def _patience() -> float:
    try:
        return Settings.load().server.shutdown_seconds + FAREWELL_SECONDS
    except SettingsError:
        # The service itself says what is wrong.
        return FAREWELL_SECONDS


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_absolute() else str(path)


def _say(text: str) -> None:
    print(f"make dev: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
