"""Check the books: every wallet's journal against tables and cache.

Where there is much to fold, processes of their own do it side by side, all of them in one snapshot: what is folded is a core's
work, and wallets have nothing to do with one another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.journal.checked import save_checked
from nexgent.infrastructure.database.journal.checking_process import connected
from nexgent.infrastructure.database.journal.comparison import CachedBalances, VerifyReport, compare_copies
from nexgent.infrastructure.database.journal.side_by_side import (
    batches_of,
    found_in,
    usable_processes,
)
from nexgent.infrastructure.database.journal.table_order import table_parts
from nexgent.infrastructure.database.journal.wallet_check import check_the_rest, streams
from nexgent.infrastructure.database.projection.projector import Projector

LATE_COPY_PAUSES_SECONDS = (0.5, 1.0, 2.0)
WORTH_A_PROCESS = 50_000
"""To fold so many entries takes longer than to start a process. A process is given about so many at a time."""


async def verify(
    database_url: str,
    *,
    cached_balances: CachedBalances | None = None,
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
            database_url, cached_balances, everything, processes or usable_processes(), worth_a_process
        )

    for pause in pauses_seconds:
        report = await look()
        if report.is_clean or report.projection_failures or not report.differ_copies_only:
            return report
        await asyncio.sleep(pause)
    return await look()


async def _look(
    database_url: str,
    cached_balances: CachedBalances | None,
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
        async with connected(database_url) as connection:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                rest = await check_the_rest(connection)
                report.journal_position = rest.journal_position
                report.projection_failures = rest.projection_failures
                pages = sum(part.pages for part in await table_parts(connection))
                batches = batches_of(
                    await streams(connection, everything=everything), worth_a_process, processes, pages
                )
                found = found_in(
                    connection, database_url, batches, everything, cached_balances is not None, processes
                )
                async with aclosing(found):
                    async for part in found:
                        report.include(part.report)
                        checked += part.checked
                        if cached_balances is not None:
                            await compare_copies(part.holdings, report, cached_balances)
                report.include(rest)
            await save_checked(connection, checked)
    report.repairable = sorted(set(report.repairable))
    report.differences.sort(key=lambda one: one.wallet_address)
    return report
