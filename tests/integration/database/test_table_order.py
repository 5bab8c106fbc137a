"""Lines of many wallets are read page by page, and nothing else is changed by that."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.lines import Line, read_lines
from nexgent.infrastructure.database.journal.table_order import (
    parts_wanted,
    read_in_table_order,
    table_parts,
)
from tests.integration.database.story import Story, add_owners

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SCANS = "SELECT sum(seq_scan), sum(idx_scan) FROM pg_stat_xact_user_tables WHERE relname LIKE 'journal%'"
SETTINGS = "SELECT name, setting FROM pg_settings ORDER BY name"


async def test_lines_are_read_page_by_page_and_settings_are_as_they_were(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    """Whatever the planner would rather do: there are indexes, and it is a small table."""
    stories = [Story() for _ in range(12)]
    await add_owners(connection, stories)
    for story in stories:
        await journal.append([story.deposit(), *story.buy(), *story.sell()])
    wanted, found = [story.wallet for story in stories[:3]], list[tuple[bytes, Line]]()
    # As somebody's own options set it.
    reading = await asyncpg.connect(database_url, server_settings={"enable_tidscan": "off"})

    try:
        async with reading.transaction(isolation="repeatable_read", readonly=True):
            parts, settings = await table_parts(reading), await reading.fetch(SETTINGS)
            scans = await reading.fetchrow(SCANS)
            await read_in_table_order(reading, parts, wanted, lambda *one: found.append(one))
            assert await reading.fetchrow(SCANS) == scans
            assert await reading.fetch(SETTINGS) == settings
            for wallet in wanted:
                alone: list[Line] = []
                await read_lines(reading, "journal", wallet, 0, alone.extend)
                assert [line for name, line in found if name == wallet.encode()] == alone
    finally:
        await reading.close()

    assert len(found) == 15


async def test_only_parts_that_have_a_wanted_line_are_read(
    journal: PostgresJournal, connection: Connection
) -> None:
    first, second = Story(), Story()
    await add_owners(connection, [first, second])
    await journal.append([first.deposit(), first.deposit(), second.deposit()])
    parts = await table_parts(connection)
    wallets = [first.wallet, second.wallet]

    assert len(parts) == 1
    assert await parts_wanted(connection, parts, wallets, [1, 1]) == parts
    assert await parts_wanted(connection, parts, wallets, [2, 0]) == parts
    assert await parts_wanted(connection, parts, wallets, [2, 1]) == []
