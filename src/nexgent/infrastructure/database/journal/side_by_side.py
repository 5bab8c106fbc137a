"""Processes of their own check wallets side by side, all of them in one snapshot.

They import this module and what it needs, and nothing of what projects or serves: a process is ready in a third of a second.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache

import anyio
import asyncpg
from anyio import to_process

from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import normalise_url
from nexgent.infrastructure.database.journal.wallet_check import Found, Stream, check_streams
from nexgent.shared.errors import UnavailableError
from nexgent.shared.event_loop import run_in_loop
from nexgent.shared.loops import cancel_all
from nexgent.shared.money import install_decimal_context
from nexgent.shared.types import WalletAddress

MOST_PROCESSES = 4
"""So many at most where nobody says how many: a process takes 80 MB."""
_YOUNG_OBJECTS = 100_000
_NICENESS = 10
"""Whoever trades on the same machine comes first."""
_SMALLEST_SHARE = 10
"""No part is smaller than this share of the largest: each has a connection of its own."""


def usable_processes() -> int:
    """Return how many processes check side by side where nobody says how many: as many as this one may use cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES)


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    kwargs = {**normalise_url(database_url).connect_kwargs, "command_timeout": None}
    connection = await asyncpg.connect(**kwargs)
    try:
        yield connection
    finally:
        await connection.close()


def batches_of(found: Sequence[Stream], entries: int, processes: int) -> list[list[WalletAddress]]:
    """Return wallets in parts, those with the most entries first: of about so many, and of fewer towards the end.

    So nobody waits long for whoever has the last one. Where there are no more than that it is one part.
    """
    left = sum(stream.entries for stream in found)
    if left <= entries:
        return [[stream.wallet_address for stream in found]] if found else []
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
            yield await check_streams(connection, batch, everything=everything, with_holdings=with_holdings)
        return
    snapshot: str = await connection.fetchval("SELECT pg_export_snapshot()")
    limiter = anyio.CapacityLimiter(processes)

    async def elsewhere(batch: Sequence[WalletAddress]) -> Found:
        try:
            return await to_process.run_sync(
                _check_elsewhere,
                database_url,
                snapshot,
                batch,
                everything,
                with_holdings,
                cancellable=True,
                limiter=limiter,
            )
        except KeyboardInterrupt as error:
            # A process that was interrupted while it started hands its exception on. Out of a task it would stop the event loop,
            # amid what that was about to hear of.
            raise anyio.BrokenWorkerProcess from error

    tasks = [asyncio.ensure_future(elsewhere(batch)) for batch in batches]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    except anyio.BrokenWorkerProcess as error:
        raise UnavailableError("A process that checks wallets was ended before it was done") from error
    finally:
        await cancel_all(tasks)


def _check_elsewhere(
    database_url: str, snapshot: str, wallets: Sequence[WalletAddress], everything: bool, with_holdings: bool
) -> Found:
    """Check wallets in a process of its own, in the snapshot of whoever asks."""
    _settle_in()
    install_decimal_context()

    async def check() -> Found:
        with translated_errors("verify the books"):
            async with (
                connected(database_url) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
                return await check_streams(
                    connection, wallets, everything=everything, with_holdings=with_holdings
                )

    return run_in_loop(check())


@cache
def _settle_in() -> None:
    """Have whoever trades on the same machine come first, and garbage looked for seldom: lines leave none.

    A terminal interrupts every process of a command. Whoever asked ends this one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
