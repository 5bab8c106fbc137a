"""What a newcomer does: start the demo, copy the two commands, stop it, start it again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.cluster import lay_out_empty_cluster
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, free_port, until
from tests.forks import completed, run_module
from tests.patience import PATIENCE_SECONDS

OLD_SANDBOX_PORT = 4100


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Demo:
    """One run of `nexgent demo`, as a process that was started for it or a fork."""

    def __init__(
        self, folder: Path, port: int, settings: Mapping[str, str] | None = None, *, forked: bool = True
    ) -> None:
        keep = {key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ}
        self.environment = {**keep, "PORT": str(port), "HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
        self.environment.update(settings or {})
        self.folder = folder
        self.log = folder / "demo.log"
        self.start_at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = run_module(
                ["nexgent", "demo"], env=self.environment, cwd=folder, stdout=output, forked=forked
            )

    def printed(self) -> str:
        return self.log.read_text()[self.start_at :]

    async def screen(self) -> str:
        async def complete() -> str:
            assert self.process.poll() is None, self.printed()
            return self.printed() if "Ctrl-C stops everything" in self.printed() else ""

        text: str = await until(complete, "the screen is printed")
        return text

    async def command(self, *arguments: str, code: int = 0) -> str:
        done = await asyncio.to_thread(
            completed, ["nexgent", *arguments], env=self.environment, cwd=self.folder
        )
        printed = done.stdout + done.stderr
        assert done.returncode == code, printed
        return printed

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
    demo = Demo(tmp_path, port, forked=False)
    try:
        screen = await demo.screen()
        assert f"http://localhost:{port}/docs" in screen
        [link] = re.findall(rf"http://127\.0\.0\.1:{port}/#/link/(\S+)", screen)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as page:
            # From anywhere: a container's own machine is another one than the browser's.
            opened, used = [
                await page.post("/api/v1/web/link", json={"token": link}, headers={"x-nexgent-web": "1"})
                for _ in range(2)
            ]
        assert opened.json()["user"]["email"] == "demo@nexgent.local"
        assert (used.status_code, used.json()["code"]) == (401, "LINK_OVER")
        assert f":{port}/#/link/" in await demo.command("dashboard")
        mint = re.findall(r"^  [A-Z]+\s+(\w{32,44})$", screen, re.MULTILINE)[0]
        curl = screen[screen.index("curl -X POST") :].split("\n\n")[0].replace("\\\n", " ")
        answer = subprocess.run(
            ["sh", "-c", curl + " -s"], capture_output=True, check=False, timeout=PATIENCE_SECONDS
        )
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


async def test_two_copies_run_side_by_side_whatever_their_ports(tmp_path: Path) -> None:
    # The second copy takes the port at which the first one's sandbox market used to be, unless somebody else has it.
    second_port = OLD_SANDBOX_PORT if is_free(OLD_SANDBOX_PORT) else free_port()
    for data_dir in (".nexgent", ".nexgent-2"):
        await lay_out_empty_cluster(tmp_path / data_dir, ADMIN_EMAIL, ADMIN_PASSWORD)
    first = Demo(tmp_path, free_port())
    second = None
    try:
        screen = await first.screen()
        market = re.search(r"Market\s+http://127.0.0.1:(\d+)/control/state", screen)
        assert market is not None
        assert 20_000 < int(market[1]) < 32_768
        second = Demo(tmp_path, second_port, {"NEXGENT_DATA_DIR": ".nexgent-2"})
        screen_of_second = await second.screen()
        other_market = re.search(r"Market\s+http://127.0.0.1:(\d+)/control/state", screen_of_second)
        assert other_market is not None
        assert market[1] != other_market[1]
        # Each copy's commands find it by its folder alone.
        hint = re.search(r"^  (NEXGENT_DATA_DIR=.nexgent-2 .* signal \w+)$", screen_of_second, re.MULTILINE)
        assert hint is not None
        keep = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        posted = await asyncio.create_subprocess_shell(
            hint[1], env=keep, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await asyncio.wait_for(posted.communicate(), PATIENCE_SECONDS)
        assert posted.returncode == 0, out.decode()
        assert "Signal 1 is stored" in out.decode()
        first.environment.pop("PORT")
        assert await first.command("explain", "1", code=3) == "Trading signal not found\n"
        assert await second.interrupt() == []
    finally:
        first.kill()
        if second is not None:
            second.kill()
