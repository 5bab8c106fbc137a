"""The journal against a real PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TypeAlias

import asyncpg
import pytest

from benchmarks.way import append_first, left_by_one
from nexgent.domain.ledger.ports import JournalConflictError
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.parts import APPEND_LOCK
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.types import EntryId
from tests.integration.database.reader import follow
from tests.integration.database.story import Story, add_owners
from tests.patience import PATIENCE_SECONDS

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def test_entries_come_back_exactly_and_in_order(journal: PostgresJournal) -> None:
    story = Story()
    entries = [story.deposit(), *story.buy(), *story.sell()]

    position = await journal.append(entries)

    lines = await journal.read_wallet(story.wallet)
    assert [line.entry for line in lines] == entries
    assert lines[-1].position == position == await journal.head_position()
    assert [line.entry for line in await journal.read_wallet(story.wallet, after_seq=2)] == entries[2:]


async def test_a_taken_place_refuses_the_whole_batch(journal: PostgresJournal) -> None:
    story, other = Story(), Story()
    first = story.deposit()
    await journal.append([first])

    with pytest.raises(JournalConflictError):
        await journal.append([other.deposit(), replace(first, id=EntryId(new_id()))])

    assert await journal.head_position() == 1
    assert [line.entry for line in await journal.read_wallet(story.wallet)] == [first]


async def test_an_entry_is_written_once_wherever_it_stands(journal: PostgresJournal) -> None:
    story = Story()
    entry = story.deposit()
    await journal.append([entry])

    with pytest.raises(JournalConflictError):
        await journal.append([replace(entry, seq=2)])
    assert await journal.head_position() == 1


async def test_find_tells_what_was_written(journal: PostgresJournal) -> None:
    story = Story()
    written, other = story.deposit(), story.deposit()
    await journal.append([written])

    assert await journal.find([written, other]) == {written}


async def test_positions_become_visible_in_order_with_two_writers(
    database_url: str, journal: PostgresJournal, connection: Connection
) -> None:
    """A reader that follows the positions misses nothing, although two processes write at once."""
    second = PostgresJournal(database_url)
    done = asyncio.Event()
    seen: list[int] = []

    async def write(target: PostgresJournal) -> None:
        story = Story()
        for _ in range(60):
            await target.append([story.deposit() for _ in range(5)])

    reader = asyncio.create_task(follow(connection, seen, done))
    await asyncio.gather(write(journal), write(second))
    done.set()
    await reader
    await second.close()

    assert len(seen) == 600
    assert seen == sorted(set(seen))


async def test_an_id_is_drawn_only_after_the_lock(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    story = Story()
    holder = await asyncpg.connect(database_url)
    try:
        await holder.execute("SELECT pg_advisory_lock($1)", APPEND_LOCK)
        waiting = asyncio.create_task(journal.append([story.deposit()]))
        await _until_waiting(connection)
        drawn = await connection.fetchval("SELECT is_called FROM journal_id_seq")
        await holder.execute("SELECT pg_advisory_unlock($1)", APPEND_LOCK)

        assert drawn is False
        assert await waiting > 0
    finally:
        await holder.close()


async def test_a_lost_answer_is_unavailable_and_find_settles_it(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    """The append is still waiting on the server when its client has given up; after `find` it can never be written."""
    story = Story()
    entry = story.deposit()
    holder = await asyncpg.connect(database_url)
    try:
        await holder.execute("SELECT pg_advisory_lock($1)", APPEND_LOCK)
        append = asyncio.create_task(journal.append([entry]))
        await _until_waiting(connection)
        append.cancel()
        with pytest.raises(asyncio.CancelledError):
            await append

        assert await journal.find([entry]) == frozenset()
        await holder.execute("SELECT pg_advisory_unlock($1)", APPEND_LOCK)
        assert await journal.append([entry]) > 0
        assert await connection.fetchval("SELECT count(*) FROM journal") == 1
    finally:
        await holder.close()


async def test_a_killed_connection_is_unavailable_and_the_next_append_works(
    journal: PostgresJournal, connection: Connection
) -> None:
    story = Story()
    await journal.append([story.deposit()])
    holder_query = "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE application_name ~ '^nexgent-journal-'"
    await connection.execute("SELECT pg_advisory_lock($1)", APPEND_LOCK)
    entry = story.deposit()
    append = asyncio.create_task(journal.append([entry]))
    await _until_waiting(connection)
    await connection.execute(holder_query)

    with pytest.raises(UnavailableError):
        await append
    await connection.execute("SELECT pg_advisory_unlock($1)", APPEND_LOCK)
    assert await journal.find([entry]) == frozenset()
    assert await journal.append([entry]) > 0


async def test_no_server_is_unavailable() -> None:
    journal = PostgresJournal("postgresql://nobody@127.0.0.1:1/nothing")

    with pytest.raises(UnavailableError):
        await journal.append([Story().deposit()])
    with pytest.raises(UnavailableError):
        await journal.load()


@pytest.mark.parametrize("projected", [0, 1, 3, 5, 7])
async def test_load_is_the_fold_however_much_is_projected(
    journal: PostgresJournal, projector: Projector, connection: Connection, projected: int
) -> None:
    story, idle = Story(), Story()
    await add_owners(connection, [story, idle])
    entries = [story.deposit(), *story.buy(), *story.sell(), *story.buy()]
    intended = story.intend(position=next(iter(story.state.positions.values())))
    entries += [intended, story.submit(intended)]
    assert story.state.intents
    assert story.state.positions
    await journal.append(entries)
    if projected:
        await projector.project(projected)

    states = {state.wallet_address: state for state in await journal.load()}

    assert states[story.wallet] == story.state
    assert states[idle.wallet].seq == 0
    assert await journal.load([idle.wallet]) == [idle.state]
    assert await journal.load([Story().wallet]) == []


async def test_the_journal_refuses_changes(journal: PostgresJournal, connection: Connection) -> None:
    await journal.append([Story().deposit()])

    for statement in ("UPDATE journal SET seq = 9", "DELETE FROM journal", "TRUNCATE journal"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(statement)
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute("DELETE FROM journal")


async def _until_waiting(connection: Connection) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ):
            await asyncio.sleep(0.005)


async def test_the_benchmark_of_one_signal_writes_the_same_line_as_often_as_it_likes(
    journal: PostgresJournal,
) -> None:
    entries, _ = await left_by_one()

    for entry in (*entries, *entries):
        await append_first(journal, entry)

    assert await journal.head_position() == 2 * len(entries)
