"""The parts of the journal: a month each, and those of the coming months before anybody needs them.

A position begins with the month it was drawn in (`POSITIONS_A_MONTH`), so a part is a range of positions. A month is over when
the sequence is moved on to where the next one begins; until somebody does so, entries go on in the part before, which is late and
not wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import structlog

from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import first_connection, quoted

log = structlog.get_logger(__name__)

APPEND_LOCK = 6_271_830_002
"""Whoever draws positions, or moves on where they are drawn from, holds it until its transaction is committed."""
POSITIONS_A_MONTH = 10**10
"""Those of November 2026 begin at 202611 times as many. A month with more entries goes on in the part of the next one."""
MONTHS_AHEAD = 2
_PARTS_LOCK = 6_271_830_006
_NAME = re.compile(r"journal_(before_)?(\d{4})_(0[1-9]|1[0-2])")

_PRESENT = """
SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'journal'::regclass ORDER BY relname
"""
# A sequence is not rolled back: it is moved when the part is there for all to see, and never back. Two statements in one message
# are one transaction, which the server ends by itself: nobody waits for a process that stands still in between.
_BEGIN = """
SELECT pg_advisory_xact_lock({lock}); SELECT setval('journal_id_seq', {start}) FROM journal_id_seq WHERE last_value < {start}
"""


def is_part(table: str) -> bool:
    """Tell whether a table's name is that of a part."""
    return _NAME.fullmatch(table) is not None


def label_of(name: str) -> str:
    """Return what people call a part: `2026-12` for `journal_2026_12`."""
    return name.removeprefix("journal_").replace("_", "-")


def part_of(moment: datetime) -> str:
    """Return the name of the part of a month, which is that of its table."""
    return f"journal_{moment.astimezone(UTC):%Y_%m}"


def first_position(part: str) -> int:
    """Return where the positions of a month begin. Of `journal_before_…`, which has all before a month, where they end."""
    found = _NAME.fullmatch(part)
    if found is None:
        raise ValueError(f"{part} is no part of the journal")
    return int(found[2] + found[3]) * POSITIONS_A_MONTH


def end_position(part: str) -> int:
    """Return the first position behind a part. Parts stand in the order of their ends."""
    start = first_position(part)
    if part.startswith("journal_before_"):
        return start
    year, month = divmod(start // POSITIONS_A_MONTH, 100)
    return ((year + 1) * 100 + 1 if month == 12 else year * 100 + month + 1) * POSITIONS_A_MONTH


def start_position(part: str) -> int:
    """Return the first position of a part, which is 0 for the one that has all before a month."""
    return 0 if part.startswith("journal_before_") else first_position(part)


def missing_parts(present: Iterable[str], now: datetime) -> list[str]:
    """Return the parts of this month and the next ones that are not there, in order."""
    there = set(present)
    begun = max((first_position(part) for part in there if part.startswith("journal_before_")), default=0)
    month, wanted = now.astimezone(UTC).replace(day=1), []
    for _ in range(MONTHS_AHEAD + 1):
        wanted.append(part_of(month))
        month = (month + timedelta(days=31)).replace(day=1)
    return [part for part in wanted if part not in there and first_position(part) >= begun]


async def keep_parts(database_url: str, now: datetime | None = None) -> str | None:
    """Make the parts of this month and the next two, and begin this month's; return its name if that was done now.

    `now` is the database's own time where nobody says. Any number of processes may do it, as often as they like: what is not
    done goes on in the part before. So a user who may not make tables is told of in the log, and nothing else happens.
    Raises `UnavailableError`.
    """
    connection = await first_connection(database_url)
    try:
        with translated_errors("keep the parts of the journal"):
            try:
                return await _keep(connection, now or await connection.fetchval("SELECT now()"))
            except asyncpg.InsufficientPrivilegeError:
                log.warning("journal.parts_not_made", reason="the database's user may not make tables")
                return None
    finally:
        await connection.close()


async def _keep(connection: asyncpg.Connection[asyncpg.Record], now: datetime) -> str | None:
    present = await present_parts(connection)
    if missing_parts(present, now):
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _PARTS_LOCK)
            present = await present_parts(connection)
            for part in missing_parts(present, now):
                await connection.execute("SELECT nexgent_add_journal_part($1)", part)
                log.info("journal.part_made", part=part)
            present = await present_parts(connection)
    part = part_of(now)
    if part not in present:
        return None
    start = first_position(part)
    if await connection.fetchval("SELECT last_value >= $1 FROM journal_id_seq", start):
        return None
    # How many rows the last one of the statements gave.
    if await connection.execute(_BEGIN.format(lock=APPEND_LOCK, start=start)) != "SELECT 1":
        return None
    log.info("journal.part_begun", part=part)
    return part


async def lay_parts(connection: asyncpg.Connection[asyncpg.Record], parts: Iterable[str]) -> None:
    """Give an empty journal these parts in place of those it has, in the caller's transaction."""
    for part in await present_parts(connection):
        await connection.execute(f"DROP TABLE {quoted(part)}")
    for part in sorted(parts):
        await connection.execute("SELECT nexgent_add_journal_part($1)", part)


async def present_parts(connection: asyncpg.Connection[asyncpg.Record]) -> Sequence[str]:
    """Return the names of the parts that are attached."""
    return [row["relname"] for row in await connection.fetch(_PRESENT)]
