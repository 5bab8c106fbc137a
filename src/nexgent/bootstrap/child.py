"""A command of ours as a child process that dies with us and is started again when it dies alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import structlog

from nexgent.config.sections import StorageSettings
from nexgent.config.settings import is_private_to_the_service
from nexgent.infrastructure.embedded import launcher
from nexgent.shared.backoff import Backoff

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STOP_SECONDS = 10.0


class ChildProcess:
    """`nexgent ARGUMENTS` with some settings of its own, and of ours those that are no secrets. It inherits our output and leads
    a process group of its own, so that Ctrl-C in the terminal reaches only us and we stop things in order."""

    def __init__(
        self, name: str, *arguments: str, settings: Mapping[str, str], stop_seconds: float = STOP_SECONDS
    ) -> None:
        self._name = name
        self._arguments = arguments
        self._settings = dict(settings)
        self._stop_seconds = stop_seconds
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Keep the child running until cancelled; then stop it."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        try:
            while True:
                self._process = await self._start()
                started = asyncio.get_running_loop().time()
                code = await self._process.wait()
                log.warning("child.ended", child=self._name, exit_code=code)
                if asyncio.get_running_loop().time() - started > LONGEST_PAUSE_SECONDS:
                    backoff.reset()
                await backoff.wait()
        finally:
            await self._stop()

    async def run_once(self) -> int:
        """Run the child to its end and return its exit code; stop it when cancelled."""
        try:
            self._process = await self._start()
            return await self._process.wait()
        finally:
            await self._stop()

    async def _start(self) -> asyncio.subprocess.Process:
        spec: launcher.LaunchSpec = {
            "argv": [sys.executable, "-m", "nexgent", *self._arguments],
            "parent_pid": os.getpid(),
            "uid": None,
            "gid": None,
            "capability": None,
            "death_signal": int(signal.SIGTERM),
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(Path(launcher.__file__)),
            json.dumps(spec),
            stdin=asyncio.subprocess.DEVNULL,
            env={**_without_secrets(os.environ), **self._settings},
            start_new_session=True,
        )

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(self._stop_seconds):
                await process.wait()
        except TimeoutError:
            log.warning("child.killed", child=self._name)
            process.kill()
            await process.wait()


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    # The addresses of our servers hold passwords too; who needs one is given it.
    own = {"NEXGENT_PASSWORD", *StorageSettings.secret_variables()}
    return {
        name: value
        for name, value in environment.items()
        if name not in own and not is_private_to_the_service(name)
    }
