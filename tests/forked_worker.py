"""The worker of a service that is a fork (`tests/forks.py`), as a fork of its own: a process that imports everything anew takes
as much as the service itself. So is the market of a demo.

Before the service begins, and while it has one thread, it forks a process that waits; whenever the service wants its worker, that
process forks it. As `ChildProcess` has it, the worker is a child of the service, leads a session, dies with the service and knows
no secrets.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nexgent.bootstrap import child

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
_LONGEST_REQUEST = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)


def prepare() -> dict[str, Any] | None:
    """Have the workers of this process forked from now on; return, in such a fork, what it is to become, and None otherwise."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    service = os.getpid()
    if os.fork() == 0:
        ours.close()
        return _wait_for_requests(theirs, service)
    theirs.close()

    async def start(self: child.ChildProcess) -> _ForkedProcess:
        # What starts a process knows what it is given: the same here.
        environment = {**child._without_secrets(os.environ), **self._settings}
        request = {"arguments": ["nexgent", *self._arguments], "env": environment, "cwd": str(Path.cwd())}
        return _ForkedProcess(_ask(ours, request))

    child.ChildProcess._start = start  # type: ignore[method-assign, assignment]
    return None


def _ask(control: socket.socket, request: Mapping[str, Any]) -> int:
    """Have a process forked that becomes our child; return its id."""
    # Its own parent ends at once, and orphans among our descendants are ours for that moment.
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        control.sendall(json.dumps(request).encode())
        answer = control.recv(_LONGEST_REQUEST)
        if not answer:
            raise EOFError("nobody is left who could fork the worker")
        return int(answer)
    finally:
        _prctl(_PR_SET_CHILD_SUBREAPER, 0)


def _wait_for_requests(control: socket.socket, service: int) -> dict[str, Any]:
    """Fork whenever asked; return, in the fork, what was asked for. Ends the process when the service is gone."""
    # Ctrl-C is for the service; this process ends by its going.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while request := control.recv(_LONGEST_REQUEST):
        reading, writing = os.pipe()
        if (middle := os.fork()) == 0:
            between = os.getpid()
            if (worker := os.fork()) != 0:
                os.write(writing, str(worker).encode())
                os._exit(0)
            for one in (reading, writing, control.detach()):
                os.close(one)
            _be_a_child_of(service, between)
            wanted = dict(json.loads(request))
            # The command line of a fork is its parent's; what the kernel calls it can be said.
            _prctl(_PR_SET_NAME, " ".join(wanted["arguments"][:2]).encode())
            return wanted
        os.close(writing)
        os.waitpid(middle, 0)
        control.sendall(os.read(reading, 32))
        os.close(reading)
    os._exit(0)


def _be_a_child_of(service: int, between: int) -> None:
    """Wait until the process between is gone, and arrange to die with the service."""
    while os.getppid() == between:
        time.sleep(0.001)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != service:
        os._exit(0)
    os.setsid()
    os.umask(0o077)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _prctl(option: int, argument: int | bytes) -> None:
    given = ctypes.c_char_p(argument) if isinstance(argument, bytes) else ctypes.c_ulong(argument)
    if _libc.prctl(option, given, *[ctypes.c_ulong(0)] * 3) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


class _ForkedProcess:
    """What `ChildProcess` uses of `asyncio.subprocess.Process`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._over = asyncio.Event()
        self._watched = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._watched, self._end)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._watched)
        os.close(self._watched)
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        self._over.set()

    async def wait(self) -> int:
        await self._over.wait()
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
