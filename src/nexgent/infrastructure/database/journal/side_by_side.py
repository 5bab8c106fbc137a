"""Processes of their own check wallets side by side, all of them in one snapshot."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from heapq import heapreplace
from typing import Any

import asyncpg

from nexgent.infrastructure.database.journal import checking_process
from nexgent.infrastructure.database.journal.checking_process import (
    LENGTH_BYTES,
    Question,
    framed,
    unframed,
)
from nexgent.infrastructure.database.journal.table_order import pays
from nexgent.infrastructure.database.journal.wallet_check import Found, Stream, check_streams
from nexgent.shared.errors import UnavailableError
from nexgent.shared.loops import cancel_all
from nexgent.shared.types import WalletAddress

MOST_PROCESSES = 4
"""So many at most where nobody says how many: a process takes 80 MB."""
# Lines come in pieces of half a megabyte. What the C library gives back after each and asks for again is given as empty pages,
# which takes as long as to receive them.
_MEMORY_KEPT = {"MALLOC_MMAP_THRESHOLD_": str(16 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20)}
_MOST_AT_ONCE = 2_000_000
"""So many entries in one part: a process keeps every token that its wallets ever had, 100 MB if no two had the same."""
_SMALLEST_SHARE = 10
"""No part is smaller than this share of the largest: each has a connection of its own."""


def usable_processes() -> int:
    """Return how many processes check side by side where nobody says how many: as many as this one may use cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES)


def batches_of(
    found: Sequence[Stream], entries: int, processes: int, pages: int
) -> list[list[WalletAddress]]:
    """Return wallets in parts, those with the most entries first: of about so many, and of fewer towards the end.

    So nobody waits long for whoever has the last one. Where there are no more than that it is one part. Where it pays that each
    process reads all `pages` of the journal, there are as few parts as may be, of equally many.
    """
    left = sum(stream.entries for stream in found)
    if left <= entries:
        return [[stream.wallet_address for stream in found]] if found else []
    rounds = -(-left // (processes * _MOST_AT_ONCE))
    if pays(left, pages * processes * rounds):
        return _equal_parts(found, processes * rounds)
    batches: list[list[WalletAddress]] = []
    room = 0
    for stream in sorted(found, key=lambda one: -one.entries):
        if room <= 0:
            batches.append([])
            room = max(min(entries, left // (2 * processes)), entries // _SMALLEST_SHARE)
        batches[-1].append(stream.wallet_address)
        room -= stream.entries
        left -= stream.entries
    return batches


def _equal_parts(found: Sequence[Stream], count: int) -> list[list[WalletAddress]]:
    parts: list[tuple[int, int, list[WalletAddress]]] = [(0, number, []) for number in range(count)]
    for stream in sorted(found, key=lambda one: -one.entries):
        entries, number, wallets = parts[0]
        wallets.append(stream.wallet_address)
        heapreplace(parts, (entries + stream.entries, number, wallets))
    return [wallets for _, _, wallets in parts if wallets]


async def found_in(
    connection: asyncpg.Connection[asyncpg.Record],
    database_url: str,
    batches: Sequence[Sequence[WalletAddress]],
    everything: bool,
    with_holdings: bool,
    processes: int,
) -> AsyncGenerator[Found, None]:
    """Yield what each part comes to, as soon as it is known. One part needs no process of its own."""
    if min(processes, len(batches)) == 1:
        for batch in batches:
            checking = check_streams(connection, batch, everything=everything, with_holdings=with_holdings)
            async for part in checking:
                yield part
        return
    snapshot: str = await connection.fetchval("SELECT pg_export_snapshot()")
    asyncio.get_running_loop().set_exception_handler(_say_nothing_of_interrupts)
    helpers = [_Helper() for _ in range(min(processes, len(batches)))]
    idle: asyncio.LifoQueue[_Helper] = asyncio.LifoQueue()
    for helper in helpers:
        idle.put_nowait(helper)
    # Whoever is asked waits until somebody has taken what it has found.
    said: asyncio.Queue[Found | Exception | None] = asyncio.Queue(len(helpers))

    async def elsewhere(batch: Sequence[WalletAddress]) -> None:
        helper = await idle.get()
        try:
            async for part in helper.asked(
                Question(database_url, snapshot, batch, everything, with_holdings)
            ):
                await said.put(part)
        except Exception as error:
            await said.put(error)
        else:
            await said.put(None)
        finally:
            idle.put_nowait(helper)

    tasks = [asyncio.ensure_future(elsewhere(batch)) for batch in batches]
    left = len(tasks)
    try:
        while left:
            answer = await said.get()
            if answer is None:
                left -= 1
            elif isinstance(answer, Exception):
                raise answer
            else:
                yield answer
    finally:
        await cancel_all(tasks)
        for helper in helpers:
            await helper.end()


def _say_nothing_of_interrupts(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A second Ctrl-C may come while a pipe is read. The command ends by it as by the first, and it is no fault to tell of."""
    if not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)


class _Helper:
    """A process that checks what it is asked to, one question after the other. It starts with the first."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def asked(self, question: Question) -> AsyncGenerator[Found, None]:
        """Yield what it finds. Raises what it raises, and `UnavailableError` when it was ended."""
        if self._process is None:
            self._process = await _started()
        asking, answering = self._process.stdin, self._process.stdout
        assert asking is not None
        assert answering is not None
        try:
            asking.write(framed(question))
            await asking.drain()
            while (answer := await _answer(answering)) is not None:
                if isinstance(answer, Exception):
                    raise answer
                yield answer
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise UnavailableError("A process that checks wallets was ended before it was done") from error

    async def end(self) -> None:
        """End the process at once: it has nothing to lose."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


async def _answer(answering: asyncio.StreamReader) -> Found | Exception | None:
    length = int.from_bytes(await answering.readexactly(LENGTH_BYTES))
    answer: Any = unframed(await answering.readexactly(length))
    assert answer is None or isinstance(answer, Found | Exception)
    return answer


async def _started() -> asyncio.subprocess.Process:
    # In a session of its own a terminal does not interrupt it while it starts, which it would complain about.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        checking_process.__name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        env={**_MEMORY_KEPT, **os.environ},
    )
