"""Check the books: every wallet's journal against tables and cache."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg

from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import normalise_url
from nexgent.infrastructure.database.journal.checked import save_checked
from nexgent.infrastructure.database.journal.wallet_check import CachedBalance, VerifyReport, check_wallets
from nexgent.infrastructure.database.projection.projector import Projector

LATE_COPY_PAUSES_SECONDS = (0.5, 1.0, 2.0)


async def verify(
    database_url: str,
    *,
    cached_balance: CachedBalance | None = None,
    pauses_seconds: Sequence[float] = LATE_COPY_PAUSES_SECONDS,
    everything: bool = False,
) -> VerifyReport:
    """Project what is left, then compare in one snapshot, and keep how far each wallet is in order. Changes nothing else.

    A wallet is folded from where it was in order last, and what it has left long ago is not looked at again; `everything` folds
    each from its first entry, and holds the lines that were checked before against the digest of what they were then.

    Tables are held against the entries they claim to contain, the cache against the newest state. Copies are written a moment
    after the journal, so where nothing but copies differs it is looked at again after each of these pauses. Memory does not grow
    with the journal. Raises `UnavailableError` when PostgreSQL is away.
    """
    for pause in pauses_seconds:
        report = await _look(database_url, cached_balance, everything)
        if report.is_clean or report.projection_failures or not report.differ_copies_only:
            return report
        await asyncio.sleep(pause)
    return await _look(database_url, cached_balance, everything)


async def _look(database_url: str, cached_balance: CachedBalance | None, everything: bool) -> VerifyReport:
    projector = Projector(database_url)
    try:
        await projector.project_all()
    finally:
        await projector.close()
    with translated_errors("verify the books"):
        kwargs = {**normalise_url(database_url).connect_kwargs, "command_timeout": None}
        connection = await asyncpg.connect(**kwargs)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                report, checked = await check_wallets(connection, cached_balance, everything)
            await save_checked(connection, checked)
            return report
        finally:
            await connection.close()
