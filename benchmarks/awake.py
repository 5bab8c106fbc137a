"""Processors that do not go to sleep while somebody measures.

A processor without work halts, and on a virtual machine that hands it back to the host: whoever is to run there next waits until
the host gives it back. A process of the lowest class (SCHED_IDLE, Linux only) on each processor keeps it awake, and yields to
anybody else at once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TURNS = """
import os
os.sched_setaffinity(0, {{{}}})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.kill(os.getpid(), 19)
while True:
    pass
"""


class Wakers:
    """A process for each processor, stopped until it is wanted."""

    def __init__(self, processes: list[subprocess.Popen[bytes]]) -> None:
        self._processes = processes

    def keep_awake(self, wanted: bool) -> None:
        """Keep processors awake from now on, or let them sleep."""
        for process in self._processes:
            process.send_signal(signal.SIGCONT if wanted else signal.SIGSTOP)


@contextmanager
def wakers() -> Iterator[Wakers | None]:
    """Yield what keeps the processors of this process awake; None where that is not possible."""
    if not hasattr(os, "SCHED_IDLE"):
        yield None
        return
    processes = [
        subprocess.Popen([sys.executable, "-S", "-c", _TURNS.format(processor)])
        for processor in os.sched_getaffinity(0)
    ]
    try:
        for process in processes:
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        yield Wakers(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()
