"""What a newcomer does: start the demo, copy the two commands, stop it, start it again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.product import free_port, until


class Demo:
    """One run of `nexgent demo`."""

    def __init__(self, folder: Path, port: int) -> None:
        keep = {key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ}
        self.environment = {**keep, "PORT": str(port), "HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
        self.folder = folder
        self.log = folder / "demo.log"
        self.start_at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nexgent", "demo"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=folder,
            )

    def printed(self) -> str:
        return self.log.read_text()[self.start_at :]

    async def screen(self) -> str:
        async def complete() -> str:
            assert self.process.poll() is None, self.printed()
            return self.printed() if "Ctrl-C stops everything" in self.printed() else ""

        text: str = await until(complete, "the screen is printed", 60)
        return text

    async def command(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "nexgent",
            *arguments,
            env=self.environment,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, out.decode()
        return out.decode()

    async def interrupt(self) -> list[psutil.Process]:
        """Press Ctrl-C; return what was left running."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        await asyncio.to_thread(self.process.wait, 30)
        _, alive = await asyncio.to_thread(psutil.wait_procs, family, 10)
        return alive

    def kill(self) -> None:
        if self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            self.process.wait()
            psutil.wait_procs(family, 10)


async def test_the_demo_trades_stops_and_starts_again(tmp_path: Path) -> None:
    port = free_port()
    demo = Demo(tmp_path, port)
    try:
        screen = await demo.screen()
        assert f"http://localhost:{port}/docs" in screen
        mint = re.findall(r"^  [A-Z]+\s+(\w{32,44})$", screen, re.MULTILINE)[0]
        curl = screen[screen.index("curl -X POST") :].split("\n\n")[0].replace("\\\n", " ")
        answer = subprocess.run(["sh", "-c", curl + " -s"], capture_output=True, check=False, timeout=30)
        if answer.returncode != 127:
            assert b'"tokenAddress"' in answer.stdout, answer
        else:
            pytest.skip("there is no curl here")

        async def decided() -> bool:
            return "EXECUTED" in await demo.command("explain", "1")

        await until(decided, "the demo agent has bought")
        assert mint
        assert "agree" in await demo.command("verify")
        assert await demo.interrupt() == []
        assert demo.process.returncode == 0
    finally:
        demo.kill()

    again = Demo(tmp_path, port)
    try:
        screen_again = await again.screen()
        login = re.search(r"Login\s+(\S+)\s+(\S+)", screen)
        login_again = re.search(r"Login\s+(\S+)\s+(\S+)", screen_again)
        assert login is not None
        assert login_again is not None
        assert login.groups() == login_again.groups()
        assert "EXECUTED" in await again.command("explain", "1")
        assert await again.interrupt() == []
    finally:
        again.kill()
