"""`nexgent watch` in terminals of any size: figures are whole, and a change of the size leaves no wreckage."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from nexgent.cli.watch_view import AgentView, render, render_screen
from tests.conftest import REPOSITORY
from tests.unit.cli.conftest import AGENT_ID
from tests.unit.cli.test_watch import NOW, a_position, started

DEADLINE_SECONDS = 60.0
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Draws a position of an agent whose service is away, on a real terminal.
PROGRAM = """
import asyncio
from nexgent.cli.running import end_on_signals
from nexgent.cli.watch import _live_console, follow_live
from tests.unit.cli.conftest import FakeApi
from tests.unit.cli.test_watch import started


async def watch():
    end_on_signals()
    await follow_live(FakeApi("http://127.0.0.1:1"), started(), _live_console())


asyncio.run(watch())
"""


def a_long_view(count: int = 3) -> AgentView:
    view = AgentView("An agent with a rather long name that goes on and on", AGENT_ID)
    positions = [
        a_position(
            id=str(n),
            tokenSymbol="LONGESTSYMBOL",
            currentPrice="0.00000012345",
            profitLossSol="-12.345678",
            purchasePrice="0.000000123",
        )
        for n in range(count)
    ]
    view.apply({"type": "initial_data", "data": {"positions": positions}})
    return view


def lines_of(view: AgentView, width: int) -> list[str]:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(render(view, NOW, max_rows=5))
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 120, 200])
def test_columns_are_left_out_and_never_cut(width: int) -> None:
    lines = lines_of(a_long_view(), width)

    assert max(map(len, lines)) <= width
    heading = next(line for line in lines if "token" in line)
    assert "P/L %" in heading
    table = [line for line in lines if "LONGESTSYMBO" in line or "token" in line]
    assert not any("…" in line for line in table)
    assert len(table) == 4


def test_the_wider_the_more_columns() -> None:
    names = ("token", "amount", "entry", "price", "P/L %", "P/L SOL", "stop", "peak", "age")

    def shown(width: int) -> set[str]:
        heading = next(line for line in lines_of(a_long_view(), width) if "token" in line)
        return {name for name in names if name in re.split(r"\s{2,}", heading.strip())}

    assert shown(24) == {"token", "P/L %"}
    assert shown(60) >= {"token", "price", "P/L %", "P/L SOL", "stop"}
    assert shown(120) == set(names)
    assert shown(24) < shown(40) < shown(60) < shown(80) <= shown(120)


@pytest.mark.parametrize(("width", "height"), [(60, 10), (80, 24), (120, 50), (30, 6)])
def test_a_screen_is_not_taller_than_the_terminal(width: int, height: int) -> None:
    console = Console(width=width, height=height)
    events = [f"12:00:00 closed TIRA number {n}, and so on until the line is long" for n in range(50)]
    with console.capture() as capture:
        console.print(render_screen(a_long_view(30), NOW, events, console=console))
    lines = capture.get().splitlines()

    assert len(lines) <= max(height, 9)
    assert max(map(len, lines)) <= width
    if height >= 24:
        assert "closed TIRA number 49" in lines[-1]


class Terminal:
    """A terminal of our own with a program in it."""

    def __init__(self, folder: Path) -> None:
        self.ours, theirs = pty.openpty()
        self.seen = ""
        self.resize(24, 100)
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "100"}
        environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, condition: Callable[[list[list[str]]], object]) -> None:
        """Read until the pictures drawn so far, each a list of lines, are as wanted."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition([part.split("\r\n") for part in self.pictures()]):
            assert time.monotonic() < deadline, self.seen[-3000:]
            if select.select([self.ours], [], [], 0.1)[0]:
                self.seen += os.read(self.ours, 65_536).decode(errors="replace")

    def end(self) -> int:
        """Press Ctrl-C and read what is still printed, which waits for that; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (code := self.process.poll()) is None:
            assert time.monotonic() < deadline, self.seen[-3000:]
            if select.select([self.ours], [], [], 0.1)[0]:
                # At the end of the program there is nobody to read from.
                with suppress(OSError):
                    self.seen += os.read(self.ours, 65_536).decode(errors="replace")
        return code

    def pictures(self) -> list[str]:
        # The last one may still be under way.
        return [ESCAPES.sub("", part) for part in self.seen.split("\x1b[H")[1:-1]]


def test_a_changed_size_is_filled_with_whole_pictures(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    try:
        for lines, columns in ((24, 100), (12, 60), (40, 120)):
            terminal.resize(lines, columns)

            def fills(pictures: list[list[str]], lines: int = lines, columns: int = columns) -> bool:
                return bool(pictures) and [len(line) for line in pictures[-1]] == [columns] * lines

            terminal.until(fills)
        assert "TIRA" in terminal.pictures()[-1]
        assert terminal.end() != 0
    finally:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.process.wait()
        os.close(terminal.ours)


def test_a_started_view_fits_in_60_columns() -> None:
    text = "\n".join(lines_of(started(purchaseAmount=18_638_613, currentPrice="0.000000123"), 60))
    for figure in ("TIRA", "1.230e-7", "6.800e-4", "30s"):
        assert figure in text
