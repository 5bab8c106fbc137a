"""A backup holds everything, of one moment, and a restore puts it back to the row; or it changes nothing."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import asyncpg
import pytest

from nexgent.infrastructure.backup.archive import MANIFEST, Manifest, checked, opened
from nexgent.infrastructure.backup.dump import LEFT_OUT, TABLES, back_up
from nexgent.infrastructure.backup.errors import DamagedBackupError, ForeignSchemaError, NotEmptyError
from nexgent.infrastructure.backup.restore import restore
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.schema.migration import SCHEMA_REVISION, current_revision, migrate
from nexgent.shared.errors import NexgentError
from tests.builders import T0
from tests.conftest import with_database
from tests.integration.database.story import Story, add_owners

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Rows: TypeAlias = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
async def empty_url(postgres_url: str) -> AsyncIterator[str]:
    """Yield a database without tables."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE restored")
    yield with_database(postgres_url, "restored")
    await connection.execute("DROP DATABASE restored WITH (FORCE)")
    await connection.close()


async def everything(url: str) -> Rows:
    connection = await asyncpg.connect(url)
    try:
        return {
            row["name"]: sorted(
                (tuple(one) for one in await connection.fetch(f"SELECT t::text FROM {row['name']} t")),
                key=repr,
            )
            for row in await connection.fetch(TABLES)
            if row["name"] not in LEFT_OUT
        }
    finally:
        await connection.close()


async def traded(connection: Connection, journal: PostgresJournal, projector: Projector) -> Story:
    story = Story()
    await add_owners(connection, [story])
    await journal.append([story.deposit(), *story.buy(), *story.sell(), *story.buy()])
    await projector.project_all()
    user_id = await connection.fetchval("SELECT user_id FROM agents")
    # What is hard to write down: quotes, tabs, backslashes, line ends, other alphabets, nothing at all.
    await connection.execute("UPDATE agents SET name = $1", 'a\t"b"\\N\r\nч 🚀 \\. ')
    await connection.execute(
        "INSERT INTO user_sessions (id, user_id, created_at, last_used_at, expires_at, address, user_agent, token_id)"
        " VALUES ('s', $1, now(), now(), now(), '', '', 't')",
        user_id,
    )
    return story


async def backup_of(url: str) -> tuple[io.BytesIO, Manifest]:
    file = io.BytesIO()
    return file, await back_up(url, file, now=T0)


async def restored(url: str, file: io.BytesIO) -> None:
    archive, manifest = opened(file)
    await restore(url, archive, manifest)


async def test_all_rows_come_back_and_it_goes_on_from_there(
    connection: Connection, journal: PostgresJournal, projector: Projector, database_url: str, empty_url: str
) -> None:
    story = await traded(connection, journal, projector)
    before = await everything(database_url)
    file, manifest = await backup_of(database_url)

    await restored(empty_url, file)

    assert await everything(empty_url) == before
    assert manifest.rows == sum(len(rows) for name, rows in before.items() if name != "alembic_version")
    assert before["closed_trade_totals"], "sums that would be there twice"
    assert (await verify(empty_url, everything=True)).is_clean
    other, again = PostgresJournal(empty_url), Projector(empty_url)
    try:
        await other.append([*story.sell()])
        await again.project_all()
        there = await asyncpg.connect(empty_url)
        with pytest.raises(asyncpg.PostgresError, match="append"):
            await there.execute("DELETE FROM journal")
        await there.close()
    finally:
        await other.close()
        await again.close()
    assert (await verify(empty_url, everything=True)).is_clean


async def test_sessions_end_with_a_restore(
    connection: Connection, journal: PostgresJournal, projector: Projector, database_url: str, empty_url: str
) -> None:
    await traded(connection, journal, projector)
    file, _ = await backup_of(database_url)
    await restored(empty_url, file)
    there = await asyncpg.connect(empty_url)
    assert await there.fetchval("SELECT count(*) FROM user_sessions") == 0
    await there.close()


async def test_it_is_of_one_moment_while_others_write(
    connection: Connection, journal: PostgresJournal, projector: Projector, database_url: str, empty_url: str
) -> None:
    story = await traded(connection, journal, projector)
    done: list[str] = []
    writing = asyncio.Event()

    def told(table: str, _: int) -> None:
        done.append(table)
        writing.set()

    async def trade_on() -> None:
        await writing.wait()
        await journal.append([*story.sell(), *story.buy()])
        await projector.project_all()
        done.append("TRADED")

    file = io.BytesIO()
    before = await everything(database_url)
    going_on = asyncio.create_task(trade_on())
    manifest = await back_up(database_url, file, now=T0, progress=told)
    await going_on

    assert done[-1] != "TRADED" or len(done) > 1
    await restored(empty_url, file)
    assert await everything(empty_url) == before
    assert await everything(database_url) != before
    assert {table.name for table in manifest.tables} <= set(done)


async def test_an_older_backup_is_brought_to_the_present_schema(postgres_url: str, empty_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE older")
    older = with_database(postgres_url, "older")
    try:
        await migrate(older, "0020")
        there = await asyncpg.connect(older)
        await there.execute(
            "INSERT INTO users (id, email, password_hash) VALUES (gen_random_uuid(), 'a@example.com', '')"
        )
        await there.close()
        file, manifest = await backup_of(older)
        assert manifest.schema_revision == "0020"

        await restored(empty_url, file)

        assert await current_revision(empty_url) == SCHEMA_REVISION
        assert len((await everything(empty_url))["users"]) == 1
    finally:
        await connection.execute("DROP DATABASE older WITH (FORCE)")
        await connection.close()


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _changed(data: bytes) -> bytes:
    place = data.index(b"tables/journal_before_") + 80
    return data[:place] + bytes((data[place] ^ 0xFF,)) + data[place + 1 :]


def _rewritten(data: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _without_a_table(data: bytes) -> bytes:
    def change(members: dict[str, bytes]) -> None:
        del members["tables/agents.copy"]

    return _rewritten(data, change)


def _with_a_row_less(data: bytes) -> bytes:
    def change(members: dict[str, bytes]) -> None:
        (name,) = (name for name in members if name.startswith("tables/journal_before_"))
        members[name] = members[name].split(b"\n", 1)[1]

    return _rewritten(data, change)


def _with_an_orphan(data: bytes) -> bytes:
    return _rewritten(data, lambda members: members.update({"tables/agents.copy": b""}))


def _with_nonsense(data: bytes) -> bytes:
    def change(members: dict[str, bytes]) -> None:
        rows = members["tables/agent_balances.copy"]
        members["tables/agent_balances.copy"] = rows.replace(b"\t", b"\tx", 1)

    return _rewritten(data, change)


def _of_another_format(data: bytes) -> bytes:
    def change(members: dict[str, bytes]) -> None:
        members[MANIFEST] = members[MANIFEST].replace(b'"format": 1', b'"format": 2')

    return _rewritten(data, change)


def _of_a_newer_schema(data: bytes) -> bytes:
    def change(members: dict[str, bytes]) -> None:
        members[MANIFEST] = members[MANIFEST].replace(SCHEMA_REVISION.encode(), b"9999")

    return _rewritten(data, change)


def _something_else(_: bytes) -> bytes:
    return b"PK\x03\x04" + bytes(100)


async def test_a_file_that_is_not_right_changes_nothing(
    connection: Connection, journal: PostgresJournal, projector: Projector, database_url: str, empty_url: str
) -> None:
    await traded(connection, journal, projector)
    file, _ = await backup_of(database_url)
    kinds: dict[Callable[[bytes], bytes], type[NexgentError]] = {
        _cut: DamagedBackupError,
        _changed: DamagedBackupError,
        _without_a_table: DamagedBackupError,
        _with_a_row_less: DamagedBackupError,
        _with_an_orphan: DamagedBackupError,
        _with_nonsense: DamagedBackupError,
        _something_else: DamagedBackupError,
        _of_another_format: ForeignSchemaError,
        _of_a_newer_schema: ForeignSchemaError,
    }
    for damage, kind in kinds.items():
        with pytest.raises(kind):
            await restored(empty_url, io.BytesIO(damage(file.getvalue())))

    # What is right can still be restored.
    await restored(empty_url, file)
    assert await everything(empty_url) == await everything(database_url)


async def test_a_database_that_is_used_is_left_alone(
    connection: Connection, journal: PostgresJournal, projector: Projector, database_url: str
) -> None:
    await traded(connection, journal, projector)
    file, _ = await backup_of(database_url)
    before = await everything(database_url)

    with pytest.raises(NotEmptyError, match="agent_balances"):
        await restored(database_url, file)

    assert await everything(database_url) == before


async def test_tables_of_another_schema_are_left_alone(
    connection: Connection, journal: PostgresJournal, projector: Projector, database_url: str, empty_url: str
) -> None:
    await traded(connection, journal, projector)
    file, _ = await backup_of(database_url)
    await migrate(empty_url, "0020")
    with pytest.raises(ForeignSchemaError, match="0020"):
        await restored(empty_url, file)


async def test_everything_is_read_before_anything_is_written(
    connection: Connection, journal: PostgresJournal, projector: Projector, database_url: str
) -> None:
    await traded(connection, journal, projector)
    file, _ = await backup_of(database_url)
    checked(*opened(file))
    archive, manifest = opened(io.BytesIO(_changed(file.getvalue())))
    with pytest.raises(DamagedBackupError, match="journal"):
        checked(archive, manifest)
