"""The journal in parts of a month: streams go on over their ends, whoever writes, and nothing is written twice."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

import asyncpg
import pytest
from structlog.testing import capture_logs

from nexgent.domain.ledger.models import Entry
from nexgent.domain.ledger.ports import JournalConflictError
from nexgent.infrastructure.backup.archive import opened
from nexgent.infrastructure.backup.dump import back_up
from nexgent.infrastructure.backup.restore import restore
from nexgent.infrastructure.database.journal.codec import EncodedEntry, encode_entry
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.parts import first_position, keep_parts, part_of, present_parts
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.queue.parts import parts_cron
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.types import EntryId
from tests.conftest import migrate as alembic
from tests.conftest import with_database
from tests.fakes.clock import FakeClock
from tests.integration.database.reader import follow
from tests.integration.database.story import Story, add_owners

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Far enough away that the parts of today do not matter.
FIRST = datetime(2041, 5, 31, 23, 59, tzinfo=UTC)
SECOND = datetime(2041, 6, 1, tzinfo=UTC)
_ADD = """
INSERT INTO {table} (id, entry_id, wallet_address, agent_id, seq, at, kind, postings, body)
OVERRIDING SYSTEM VALUE SELECT $1, gen_random_uuid(), wallet_address, agent_id, $2, at, kind, postings, body
FROM journal ORDER BY id LIMIT 1
"""


@pytest.fixture
async def empty_url(postgres_url: str) -> AsyncIterator[str]:
    """Yield a database without tables."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE parts_elsewhere")
    yield with_database(postgres_url, "parts_elsewhere")
    await connection.execute("DROP DATABASE parts_elsewhere WITH (FORCE)")
    await connection.close()


async def test_a_stream_goes_on_in_the_next_month(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story, idle = Story(), Story()
    await add_owners(connection, [story, idle])
    entries = [story.deposit(), *story.buy()]
    await journal.append([idle.deposit(), *entries])
    assert await keep_parts(database_url, FIRST) == part_of(FIRST)
    await projector.project_all()
    entries += story.sell()
    await journal.append(entries[3:])
    assert await keep_parts(database_url, SECOND) == part_of(SECOND)
    entries += story.buy()
    await journal.append(entries[5:])

    lines = await journal.read_wallet(story.wallet)
    backlog = await projector.backlog()
    (state,) = await journal.load([story.wallet])
    counts = {
        part: await connection.fetchval(f"SELECT count(*) FROM {part}")
        for part in await present_parts(connection)
    }
    await projector.project_all()

    assert [line.entry for line in lines] == entries
    assert [line.position for line in lines[3:]] == [
        first_position(part_of(month)) + number for month in (FIRST, SECOND) for number in (1, 2)
    ]
    assert {part: count for part, count in counts.items() if count} == {
        next(part for part in counts if part.startswith("journal_before_")): 4,
        part_of(FIRST): 2,
        part_of(SECOND): 2,
    }
    assert state == story.state
    assert await journal.find([entries[0], entries[3], entries[6]]) == {entries[0], entries[3], entries[6]}
    assert (backlog.entries, backlog.oldest_at) == (4, entries[3].at)
    assert (await projector.backlog()).entries == 0
    report = await verify(database_url, everything=True)
    assert report.is_clean
    assert (report.wallets, report.entries) == (2, 8)


async def test_a_place_that_was_taken_last_month_is_taken(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    """Whoever has not heard of the last entries decides again: the index of a part does not know of them, the head does."""
    story, other = Story(), Story()
    first, second, third = story.deposit(), story.deposit(), story.deposit()
    await journal.append([first, second, third])
    await keep_parts(database_url, FIRST)

    for seq in (1, 2, 3, 5):
        with pytest.raises(JournalConflictError):
            await journal.append([other.deposit(), replace(first, id=EntryId(new_id()), seq=seq)])
        other = Story()
    start = first_position(part_of(FIRST))
    for table in ("journal", part_of(FIRST)):
        for seq in (3, 5):
            with pytest.raises(asyncpg.UniqueViolationError):
                await connection.execute(_ADD.format(table=table), start + 100, seq)
    await connection.execute(_ADD.format(table=part_of(FIRST)), start + 100, 4)

    assert [line.entry.seq for line in await journal.read_wallet(story.wallet)] == [1, 2, 3, 4]
    assert await connection.fetchval("SELECT seq FROM journal_heads") == 4


async def test_a_stream_begins_with_its_first_entry(journal: PostgresJournal, connection: Connection) -> None:
    story = Story()
    story.deposit()

    with pytest.raises(JournalConflictError):
        await journal.append([story.deposit()])

    assert await connection.fetchval("SELECT count(*) FROM journal") == 0
    assert await connection.fetchval("SELECT count(*) FROM journal_heads") == 0


async def test_of_two_who_begin_a_stream_at_once_one_does(connection: Connection, database_url: str) -> None:
    """Without the journal's lock, in transactions that do not see each other."""
    story = Story()
    entry = story.deposit()
    add = (
        "INSERT INTO journal (entry_id, wallet_address, agent_id, seq, at, kind, postings, body)"
        " VALUES ($1, $2, $3, $4, now(), 'recorded', '[]', '{}')"
    )
    other = await asyncpg.connect(database_url)
    try:
        for seq in (1, 2):
            ours = connection.transaction(isolation="repeatable_read")
            await ours.start()
            await connection.execute(add, new_id(), story.wallet, entry.agent_id, seq)
            theirs = asyncio.create_task(other.execute(add, new_id(), story.wallet, entry.agent_id, seq))
            await ours.commit()
            with pytest.raises(asyncpg.UniqueViolationError):
                await theirs
        assert await connection.fetchval("SELECT array_agg(seq ORDER BY seq) FROM journal") == [1, 2]
    finally:
        await other.close()


async def test_a_month_begins_while_two_write_and_one_reads(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    second = PostgresJournal(database_url)
    begun, done = asyncio.Event(), asyncio.Event()
    seen: list[int] = []

    async def write(target: PostgresJournal) -> int:
        story, left = Story(), 20
        while left:
            await target.append([story.deposit() for _ in range(5)])
            left -= begun.is_set()
        return story.state.seq

    async def begin() -> list[str | None]:
        while len(seen) < 20:
            await asyncio.sleep(0)
        found = await asyncio.gather(*(keep_parts(database_url, FIRST) for _ in range(3)))
        begun.set()
        return found

    reader = asyncio.create_task(follow(connection, seen, done))
    *counts, found = await asyncio.gather(write(journal), write(second), begin())
    done.set()
    await reader
    await second.close()

    start = first_position(part_of(FIRST))
    assert sorted(found, key=str) == sorted([part_of(FIRST), None, None], key=str)
    assert len(seen) == sum(counts)
    assert seen == sorted(set(seen))
    assert 0 < sum(position < start for position in seen) < len(seen)


async def test_months_begin_once_and_time_goes_forward_only(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    present = await present_parts(connection)
    assert await keep_parts(database_url) is None
    assert await present_parts(connection) == present, (
        "the first part holds this month, and the next ones are there"
    )
    assert await keep_parts(database_url, SECOND) == part_of(SECOND)
    assert await keep_parts(database_url, SECOND) is None
    # A machine whose clock is behind.
    assert await keep_parts(database_url, FIRST) is None
    await journal.append([Story().deposit()])
    assert await journal.head_position() == first_position(part_of(SECOND)) + 1


async def test_who_may_not_make_tables_goes_on_in_the_part_before(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    role, database = f"reader_{new_id().hex}", await connection.fetchval("SELECT current_database()")
    await connection.execute(f"CREATE ROLE {role}; GRANT pg_read_all_data TO {role}")
    try:
        await connection.execute(f"ALTER DATABASE {database} SET role = {role}")
        with capture_logs() as logs:
            assert await keep_parts(database_url, FIRST) is None
        await connection.execute(f"ALTER DATABASE {database} RESET role")
        assert "journal.parts_not_made" in {line["event"] for line in logs}
        assert await journal.append([Story().deposit()]) == 1
    finally:
        await connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_the_worker_begins_months_and_asks_again_where_the_database_is_away(database_url: str) -> None:
    keep: Any = parts_cron(database_url, clock=FakeClock(FIRST)).coroutine
    assert await keep({}) == part_of(FIRST)
    assert await keep({}) is None
    away: Any = parts_cron("postgresql://nexgent@127.0.0.1:1/absent").coroutine
    with pytest.raises(Exception, match="Retry") as raised:
        await away({})
    assert isinstance(raised.value.__cause__, UnavailableError)


async def test_lines_that_are_gone_from_the_end_are_missed(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story = Story()
    await journal.append([story.deposit(), story.deposit(), story.deposit()])
    await projector.project_all()
    assert (await verify(database_url, everything=True)).is_clean
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute("DELETE FROM journal WHERE seq = 3")

    (difference,) = (await verify(database_url, everything=True)).differences

    assert (difference.subject, difference.journal) == ("entry 2", "3")
    assert "ends here" in difference.problem


@pytest.mark.parametrize("guarded", ["journal", part_of(FIRST)])
async def test_no_part_can_be_changed_either(
    journal: PostgresJournal, connection: Connection, database_url: str, guarded: str
) -> None:
    await keep_parts(database_url, FIRST)
    await journal.append([Story().deposit()])
    for statement in (f"UPDATE {guarded} SET seq = 9", f"DELETE FROM {guarded}", f"TRUNCATE {guarded}"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(statement)


async def write(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write lines without the journal's own statement, which is that of the newest schema."""
    lines = [encode_entry(entry) for entry in entries]
    await connection.copy_records_to_table("journal", records=lines, columns=EncodedEntry._fields)


async def test_a_journal_in_one_piece_becomes_the_first_part_and_back(
    projector: Projector, connection: Connection, database_url: str
) -> None:
    alembic(database_url, "downgrade", "0026")
    story = Story()
    await add_owners(connection, [story])
    whole = [story.deposit(), *story.buy()]
    await write(connection, whole)
    before = await connection.fetch("SELECT * FROM journal ORDER BY id")

    alembic(database_url, "upgrade", "0027")
    await connection.reload_schema_state()
    assert await connection.fetch("SELECT * FROM journal ORDER BY id") == before
    with pytest.raises(asyncpg.UniqueViolationError):
        await write(connection, [replace(whole[-1], id=EntryId(new_id()))])
    (sold, *rest) = story.sell()
    await write(connection, [sold])
    await keep_parts(database_url, FIRST)
    await write(connection, rest)
    last = await connection.fetchval("SELECT max(id) FROM journal")
    assert last == first_position(part_of(FIRST)) + 1

    alembic(database_url, "downgrade", "0026")
    await connection.reload_schema_state()
    lines = await connection.fetch("SELECT * FROM journal ORDER BY id")
    assert lines[: len(before)] == before
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5]
    bought = story.buy()
    await write(connection, bought[:1])
    assert [line["id"] for line in await connection.fetch("SELECT id FROM journal ORDER BY id")][-2:] == [
        last,
        last + 1,
    ]
    with pytest.raises(asyncpg.RestrictViolationError):
        await connection.execute("DELETE FROM journal")

    alembic(database_url, "upgrade", "head")
    await write(connection, bought[1:])
    await projector.project_all()
    assert (await verify(database_url, everything=True)).is_clean


async def test_a_backup_brings_its_parts_along(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str, empty_url: str
) -> None:
    story = Story()
    await add_owners(connection, [story])
    await journal.append([story.deposit(), *story.buy()])
    await keep_parts(database_url, FIRST)
    await journal.append(story.sell())
    await projector.project_all()
    file = io.BytesIO()
    await back_up(database_url, file, now=FIRST)

    await restore(empty_url, *opened(file))

    there, other = await asyncpg.connect(empty_url), PostgresJournal(empty_url)
    try:
        assert await present_parts(there) == await present_parts(connection)
        assert await there.fetch("SELECT * FROM journal ORDER BY id") == await connection.fetch(
            "SELECT * FROM journal ORDER BY id"
        )
        with pytest.raises(asyncpg.RestrictViolationError):
            await there.execute("DELETE FROM journal")
        entry, *_ = story.buy()
        with pytest.raises(JournalConflictError):
            await other.append([replace(entry, seq=entry.seq - 1)])
        assert await other.append([entry]) > await journal.head_position() > first_position(part_of(FIRST))
    finally:
        await other.close()
        await there.close()
