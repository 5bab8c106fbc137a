"""The worker as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tests.patience import PATIENCE_SECONDS

DEAF = """
import asyncio
import sys

from nexgent.bootstrap import worker
from nexgent.config.settings import Settings


async def deaf(_settings):
    print("working", file=sys.stderr, flush=True)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass


worker.LONGEST_STOP_SECONDS = 1
worker.run_arq = deaf
asyncio.run(worker.run_worker(Settings.load()))
"""


async def test_a_worker_ends_although_something_in_it_does_not_hear(
    database_url: str, redis_url: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DEAF),
        env={**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await process.stderr.readline() == b"working\n"
            process.terminate()
            assert await process.wait() == -signal.SIGALRM
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
