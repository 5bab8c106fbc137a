"""One server process: started through the launcher, watched, stopped, and found again after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from nexgent.infrastructure.embedded import launcher
from nexgent.infrastructure.embedded.identity import Identity

_POLL_SECONDS = 0.02
_PROC = Path("/proc")
_PS_TIMEOUT_SECONDS = 10.0
# What the servers may see of our environment: nothing that configures them behind our back, and no secret.
_PASSED_VARIABLES = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")


class ServerProcess:
    """A child in a session of its own, so that Ctrl-C in the terminal reaches only us and we stop it in order.

    On Linux it gets `death_signal` when we die, however we die. The kernel ties that to the thread that forked, so it
    is asked for on the main thread only; elsewhere, as on other systems, the next start cleans up.
    """

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    @classmethod
    def spawn(
        cls,
        argv: Sequence[str | Path],
        *,
        identity: Identity,
        death_signal: signal.Signals,
        output: IO[bytes],
    ) -> ServerProcess:
        """Start a program that stays in the foreground; its output goes to an open file."""
        on_main_thread = threading.current_thread() is threading.main_thread()
        spec = launcher.LaunchSpec(
            argv=[str(argument) for argument in argv],
            parent_pid=os.getpid(),
            uid=identity.uid,
            gid=identity.gid,
            capability=identity.capability,
            death_signal=int(death_signal) if on_main_thread else None,
        )
        environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
        popen = subprocess.Popen(
            [sys.executable, "-I", "-S", launcher.__file__, json.dumps(spec)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"LC_ALL": "C", "TZ": "UTC", **environment},
            start_new_session=True,
        )
        return cls(popen)

    @property
    def pid(self) -> int:
        """Number of the process, also after its end."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._popen.poll()

    async def wait(self) -> int:
        """Wait for the end of the process and return its exit code.

        Polled, because child watchers differ between Python versions and event loops; a few looks a second cost nothing.
        """
        while (code := self.exit_code) is None:
            await asyncio.sleep(_POLL_SECONDS * 2.5)
        return code

    async def stop(self, steps: Sequence[tuple[signal.Signals, float]]) -> None:
        """Send one signal after the other, giving each its seconds, until the process has ended."""
        for signal_number, seconds in steps:
            if self.exit_code is not None:
                return
            self._popen.send_signal(signal_number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.wait()
        # The last step is SIGKILL, which nothing survives for long.
        await self.wait()

    def kill(self) -> None:
        """End the process without ceremony, for a start that failed or was cancelled."""
        if self.exit_code is None:
            self._popen.kill()
            self._popen.wait()


async def stop_orphan(pid: int, belongs_to: Path, steps: Sequence[tuple[signal.Signals, float]]) -> bool:
    """Stop a server that an earlier run left behind, if that process really is one; return whether it was.

    `belongs_to` is a path that stands in the server's command line and in no other program's.
    """
    if not _runs_with(pid, belongs_to):
        return False
    for signal_number, seconds in steps:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _runs_with(pid, belongs_to):
                return True
            await asyncio.sleep(_POLL_SECONDS)
    return True


def read_pid(file: Path) -> int | None:
    """Return the number in the first line of a pid file, None when there is none."""
    try:
        pid = int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if pid > 1 else None


def _runs_with(pid: int, path: Path) -> bool:
    if _PROC.is_dir():
        try:
            arguments = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return any(os.fsencode(path) in argument for argument in arguments)
    listing = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        timeout=_PS_TIMEOUT_SECONDS,
        check=False,
    )
    return os.fsencode(path) in listing.stdout
