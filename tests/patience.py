"""How long tests wait for what has to happen: one figure for all of them.

A machine that is busy with other things may need a hundred times as long for anything, so no test says how fast something is (the
benchmarks do). A test waits for what it is about, and this is only when it gives up, so that a defect ends it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

PATIENCE_SECONDS = 180.0
_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.25


async def until(condition: Callable[[], Awaitable[Any] | Any], what: str = "it happens") -> Any:
    """Poll until the condition holds; return what it returned, else fail saying what did not happen."""
    began = time.monotonic()
    while True:
        found = condition()
        result = await found if isawaitable(found) else found
        if result:
            return result
        waited = time.monotonic() - began
        assert waited < PATIENCE_SECONDS, f"waited {PATIENCE_SECONDS:.0f} s in vain until {what}"
        # Looking is work as well: what has taken long may take a tenth longer to be noticed.
        await asyncio.sleep(min(max(_PAUSE_SECONDS, waited / 10), _LONGEST_PAUSE_SECONDS))


def best_cpu_seconds(work: Callable[[], object], *, rounds: int = 20) -> float:
    """Return the least processor time that one of several runs took: what else the machine does, counts only a little."""
    best = float("inf")
    for _ in range(rounds):
        began = time.thread_time()
        work()
        best = min(best, time.thread_time() - began)
    return best
