"""Check the books: every wallet's journal against tables and cache.

Where there is much to fold, processes of their own do it side by side, all of them in one snapshot: what is folded is a core's
work, and wallets have nothing to do with one another.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import cache

import anyio
import asyncpg
from anyio import to_process

from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import normalise_url
from nexgent.infrastructure.database.journal.checked import save_checked
from nexgent.infrastructure.database.journal.wallet_check import (
    CachedBalance,
    Found,
    Stream,
    VerifyReport,
    check_streams,
    check_the_rest,
    compare_copies,
    streams,
)
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.shared.errors import UnavailableError
from nexgent.shared.event_loop import run_in_loop
from nexgent.shared.loops import cancel_all
from nexgent.shared.money import install_decimal_context
from nexgent.shared.types import WalletAddress

LATE_COPY_PAUSES_SECONDS = (0.5, 1.0, 2.0)
WORTH_A_PROCESS = 50_000
"""To fold so many entries takes longer than to start a process. A process is given about so many at a time."""
MOST_PROCESSES = 4
"""So many at most where nobody says how many: a process takes 80 MB."""
_YOUNG_OBJECTS = 100_000
_NICENESS = 10
"""Whoever trades on the same machine comes first."""


def usable_processes() -> int:
    """Return how many processes check side by side where nobody says how many: as many as this one may use cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES)


async def verify(
    database_url: str,
    *,
    cached_balance: CachedBalance | None = None,
    pauses_seconds: Sequence[float] = LATE_COPY_PAUSES_SECONDS,
    everything: bool = False,
    processes: int | None = None,
    worth_a_process: int = WORTH_A_PROCESS,
) -> VerifyReport:
    """Project what is left, then compare in one snapshot, and keep how far each wallet is in order. Changes nothing else.

    A wallet is folded from where it was in order last, and what it has left long ago is not looked at again; `everything` folds
    each from its first entry, and holds the lines that were checked before against the digest of what they were then.

    Tables are held against the entries they claim to contain, the cache against the newest state. Copies are written a moment
    after the journal, so where nothing but copies differs it is looked at again after each of these pauses. Memory does not grow
    with the journal. `processes` fold side by side where there are `worth_a_process` entries for more than one of them, which
    finds the same. Raises `UnavailableError` when PostgreSQL is away, or a process was ended.
    """

    async def look() -> VerifyReport:
        return await _look(
            database_url, cached_balance, everything, processes or usable_processes(), worth_a_process
        )

    for pause in pauses_seconds:
        report = await look()
        if report.is_clean or report.projection_failures or not report.differ_copies_only:
            return report
        await asyncio.sleep(pause)
    return await look()


async def _look(
    database_url: str,
    cached_balance: CachedBalance | None,
    everything: bool,
    processes: int,
    worth_a_process: int,
) -> VerifyReport:
    projector = Projector(database_url)
    try:
        await projector.project_all()
    finally:
        await projector.close()
    report, checked = VerifyReport(), []
    with translated_errors("verify the books"):
        async with _connected(database_url) as connection:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                rest = await check_the_rest(connection)
                report.journal_position = rest.journal_position
                report.projection_failures = rest.projection_failures
                batches = _batches(await streams(connection, everything=everything), worth_a_process)
                found = _found(
                    connection, database_url, batches, everything, cached_balance is not None, processes
                )
                async with aclosing(found):
                    async for part in found:
                        report.include(part.report)
                        checked += part.checked
                        if cached_balance is not None:
                            await compare_copies(part.holdings, report, cached_balance)
                report.include(rest)
            await save_checked(connection, checked)
    report.repairable = sorted(set(report.repairable))
    report.differences.sort(key=lambda one: one.wallet_address)
    return report


@asynccontextmanager
async def _connected(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    kwargs = {**normalise_url(database_url).connect_kwargs, "command_timeout": None}
    connection = await asyncpg.connect(**kwargs)
    try:
        yield connection
    finally:
        await connection.close()


def _batches(found: Sequence[Stream], entries: int) -> list[list[WalletAddress]]:
    """Return wallets in parts of about so many entries, those with the most first: nobody waits for the longest at the end."""
    batches: list[list[WalletAddress]] = []
    room = 0
    for stream in sorted(found, key=lambda one: -one.entries):
        if room <= 0:
            batches.append([])
            room = entries
        batches[-1].append(stream.wallet_address)
        room -= stream.entries
    return batches


async def _found(
    connection: asyncpg.Connection[asyncpg.Record],
    database_url: str,
    batches: Sequence[Sequence[WalletAddress]],
    everything: bool,
    with_holdings: bool,
    processes: int,
) -> AsyncGenerator[Found, None]:
    """Yield what each part comes to, as soon as it is known."""
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
                _connected(database_url) as connection,
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
