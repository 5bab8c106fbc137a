"""A process that checks wallets says all that it has to say, however it is interrupted."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import termios

import psutil

from nexgent.infrastructure.database.journal.checking_process import LENGTH_BYTES, framed, unframed
from tests.patience import until

LONG = 1_000_000
_SAYS_MUCH = f"""
from nexgent.infrastructure.database.journal import checking_process
from nexgent.infrastructure.database.journal.wallet_check import Found

async def check(question, answers):
    checking_process._say(Found(holdings=["x" * {LONG}]), answers)

checking_process._check = check
checking_process.main()
"""


async def test_an_answer_that_a_stop_interrupts_halfway_is_said_to_its_end() -> None:
    """Even where the environment asks that nothing is buffered."""
    with subprocess.Popen(
        [sys.executable, "-c", _SAYS_MUCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(framed("a question"))
        process.stdin.flush()
        pipe = process.stdout.fileno()
        room = fcntl.fcntl(pipe, 1032)  # F_GETPIPE_SZ
        await until(lambda: _waiting(pipe) >= room - 4096, "it waits for somebody to read")
        await until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING, "it sleeps")
        process.send_signal(signal.SIGSTOP)
        await until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "it is stopped")
        process.send_signal(signal.SIGCONT)

        length = int.from_bytes(await asyncio.to_thread(process.stdout.read, LENGTH_BYTES))
        said = await asyncio.to_thread(process.stdout.read, length)

        assert unframed(said).holdings == ["x" * LONG]
        process.stdin.close()
        assert await asyncio.to_thread(process.stdout.read) in (framed(None), b"")


async def test_it_ends_with_whoever_asked_also_in_the_middle_of_a_question() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _SAYS_MUCH], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        process.stdin.write(framed("a question")[:-1])
        process.stdin.close()
        try:
            await until(lambda: process.poll() is not None, "it ends")
        finally:
            process.kill()

    assert process.returncode == 0


def _waiting(pipe: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]
