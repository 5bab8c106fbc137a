"""`make dev`: the newest code runs, broken code does not, and the data stays."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from nexgent.bootstrap.whereabouts import running_service
from tests.conftest import REPOSITORY
from tests.e2e.product import Product, until


async def test_a_change_restarts_the_service_gracefully_and_keeps_its_data(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    module = code / "module.py"
    module.write_text("ANSWER = 41\n")
    product = Product(tmp_path)
    await product.start_sandbox()
    environment = {
        **product.environment,
        "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "src"))),
    }
    log = tmp_path / "dev.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.dev", "--watch", str(code), "serve"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=environment,
        )

    def pid() -> int | None:
        running = running_service(tmp_path / "data")
        return running.pid if running is not None else None

    async def running_since(before: int | None) -> int | None:
        assert process.poll() is None, log.read_text()
        now = pid()
        return now if now != before else None

    family: list[psutil.Process] = []
    try:
        first = await until(lambda: running_since(None), "the service runs")
        agent = await product.agent()

        # What does not compile is told, and the service stays.
        module.write_text("ANSWER = \n")

        async def refused() -> bool:
            return "does not compile" in log.read_text()

        await until(refused, "the mistake is told")
        assert f"{module}:1: " in log.read_text()
        assert pid() == first

        module.write_text("ANSWER = 42\n")
        second = await until(lambda: running_since(first), "a new service runs")
        if second is None:
            raise AssertionError("unreachable")
        assert not psutil.pid_exists(first)
        assert "service.stopped" in log.read_text()
        assert [one["id"] for one in await product.call("GET", "/agents")] == [agent["id"]]

        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 60) == 0
        assert await asyncio.to_thread(psutil.wait_procs, family, 20) is not None
        assert [one for one in family if one.is_running()] == []
    finally:
        if process.poll() is None:
            family = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.wait()
            for one in psutil.wait_procs(family, 20)[1]:
                one.kill()
        await product.stop()
