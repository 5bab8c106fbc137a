"""Parts of the journal leave for files and come back, and whoever reads further back than the journal is told."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import signal
import sys
import zipfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest

from nexgent.cli import exit_codes
from nexgent.cli.journal import configure, journal_command
from nexgent.cli.journal_archive import archive_command, restore_command, verify_command
from nexgent.config.settings import Settings
from nexgent.domain.ledger.errors import JournalArchivedError
from nexgent.domain.ledger.models import Recorded, TradeSettled
from nexgent.domain.performance.capture_snapshots import LONGEST_CATCH_UP
from nexgent.domain.reconciliation.wallet_history import LATE_WITHIN
from nexgent.infrastructure.backup.archive import opened
from nexgent.infrastructure.backup.dump import back_up
from nexgent.infrastructure.backup.errors import DamagedBackupError, ForeignSchemaError, WrongPassphraseError
from nexgent.infrastructure.backup.part_archive import (
    STAYS_FOR,
    PartStaysError,
    check_file,
    list_archives,
    plan,
    put_away,
)
from nexgent.infrastructure.backup.restore import restore
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.parts import keep_parts, part_of, present_parts
from nexgent.infrastructure.database.journal.repair import repair
from nexgent.infrastructure.database.journal.single_records import PostgresHandEntries
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.stores.performance import JournalHistory
from nexgent.shared.errors import InvalidInputError, UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.types import ClosedTradeId
from tests.conftest import with_database
from tests.integration.database.story import Story, add_owners
from tests.patience import PATIENCE_SECONDS, until

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Run: TypeAlias = Callable[..., Awaitable[int]]

MAY, JUNE, JULY = (datetime(2041, month, 1, tzinfo=UTC) for month in (5, 6, 7))
MAY_PART, JUNE_PART, JULY_PART = (part_of(month) for month in (MAY, JUNE, JULY))
PASSPHRASE = "a horse and a battery"


class Years:
    """May and June are over, July is written to. One wallet trades always, one rests since May, one ended then."""

    def __init__(self) -> None:
        self.always, self.rests, self.ended = Story(), Story(), Story()


@pytest.fixture
async def years(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> Years:
    years = Years()
    await add_owners(connection, [years.always, years.rests])
    await keep_parts(database_url, MAY)
    ended = years.ended
    await journal.append(
        [years.always.deposit(), *years.always.buy(), years.rests.deposit(), *years.rests.buy()]
    )
    await journal.append([ended.deposit(), *ended.buy(), ended.reset(keep_history=True)])
    await keep_parts(database_url, JUNE)
    await journal.append([*years.always.sell(), years.always.deposit()])
    await keep_parts(database_url, JULY)
    await journal.append([*years.always.buy()])
    await projector.project_all()
    return years


@pytest.fixture
def run(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `nexgent journal …` in the folder of the test; a line of standard input is the passphrase."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    configure(parser)

    async def run(*options: str, passphrase: str = "") -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{passphrase}\n"))
        arguments = parser.parse_args(options)
        commands = {"archive": archive_command, "verify": verify_command, "restore": restore_command}
        return await commands.get(arguments.action, journal_command)(arguments, Settings.load())

    return run


async def tables(connection: Connection) -> dict[str, list[asyncpg.Record]]:
    return {
        table: await connection.fetch(f"SELECT * FROM {table} ORDER BY 1, 2")
        for table in (
            "journal",
            "journal_heads",
            "agent_balances",
            "agent_positions",
            "agent_transactions",
            "trade_intents",
        )
    }


async def test_a_part_leaves_and_comes_back_and_nothing_else_changes(
    years: Years,
    run: Run,
    connection: Connection,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = await tables(connection)
    file = tmp_path / "journal-2041-05.zip"
    assert await run("archive", "2041-05", "--dry-run") == exit_codes.OK
    assert "10 entries of 3 wallets" in capsys.readouterr().out
    assert not file.exists()

    assert await run("archive", "2041-05", "--json") == exit_codes.OK
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["part"], said["entries"], said["streams"], said["file"]) == ("2041-05", 10, 3, str(file))
    assert said["freed"] > said["bytes"] == file.stat().st_size > 0
    assert MAY_PART not in await present_parts(connection)
    assert await connection.fetchval("SELECT count(*) FROM journal") == len(before["journal"]) - 10
    after = await tables(connection)
    assert {name: rows for name, rows in after.items() if name != "journal"} == {
        name: rows for name, rows in before.items() if name != "journal"
    }
    for everything in (False, True):
        report = await verify(database_url, everything=everything, pauses_seconds=())
        assert report.is_clean, report.differences
        assert report.wallets == 3
    assert await run("verify", str(file)) == exit_codes.OK
    assert await run() == exit_codes.OK
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("2041-05 "))
    assert "archived" in line

    assert await run("restore", str(file)) == exit_codes.OK
    assert await tables(connection) == before
    assert (await verify(database_url, everything=True)).is_clean
    (archive,) = await list_archives(database_url)
    assert archive.dropped_at is None
    with pytest.raises(asyncpg.PostgresError, match="append"):
        await connection.execute(f"DELETE FROM {MAY_PART}")


async def test_the_journal_goes_on_behind_what_is_archived(
    years: Years,
    run: Run,
    journal: PostgresJournal,
    projector: Projector,
    connection: Connection,
    database_url: str,
    tmp_path: Path,
) -> None:
    await run("archive", "2041-05")
    await run("archive", "2041-06")
    await journal.append([*years.rests.sell(), *years.always.sell()])
    await projector.project_all()

    states = {state.wallet_address: state for state in await journal.load()}
    assert states == {story.wallet: story.state for story in (years.always, years.rests)}
    report = await verify(database_url, everything=True)
    assert report.is_clean, report.differences
    assert (await verify(database_url)).is_clean
    # Parts come back from the newest on.
    file = tmp_path / "journal-2041-05.zip"
    with pytest.raises(PartStaysError, match="2041-06 first"):
        await run("restore", str(file))
    await run("restore", str(tmp_path / "journal-2041-06.zip"))
    await run("restore", str(file))
    assert (await verify(database_url, everything=True)).is_clean


async def test_rows_are_written_anew_from_what_is_there(
    years: Years, run: Run, connection: Connection, database_url: str, journal: PostgresJournal
) -> None:
    await verify(database_url)
    await run("archive", "2041-05")
    before = await tables(connection)
    await connection.execute("UPDATE agent_balances SET balance_raw = 7, balance = '7'")
    # States come from the tables or, where those cannot be read, from the journal.
    await connection.execute("UPDATE agent_positions SET state = '{}'")

    states = {state.wallet_address: state for state in await journal.load()}
    broken = (await verify(database_url)).repairable
    done = await repair(database_url, broken)

    assert states == {story.wallet: story.state for story in (years.always, years.rests)}
    assert sorted(broken) == sorted([years.always.wallet, years.rests.wallet])
    assert [one.problem for one in done] == [None, None]
    assert (await verify(database_url, everything=True)).is_clean
    after = await tables(connection)
    for table, columns in {
        "agent_balances": ("id", "balance", "balance_raw", "token_symbol"),
        "agent_positions": ("id", "state"),
        "agent_transactions": ("id",),
        "trade_intents": ("id", "status"),
    }.items():
        assert [[row[name] for name in columns] for row in after[table]] == [
            [row[name] for name in columns] for row in before[table]
        ], table
    assert await connection.fetchval("SELECT count(*) FROM projection_failures") == 0


async def test_who_needs_what_is_archived_is_told(
    years: Years,
    run: Run,
    journal: PostgresJournal,
    connection: Connection,
    database_url: str,
) -> None:
    lines = [line.entry for line in await journal.read_wallet(years.always.wallet)]
    old, new = lines[0].body, lines[5].body
    assert isinstance(old, Recorded)
    assert isinstance(new, Recorded)
    bought, sold = lines[2].body, lines[4].body
    assert isinstance(bought, TradeSettled)
    assert isinstance(sold, TradeSettled)
    assert sold.closed is not None
    await run("archive", "2041-05")
    always = years.always
    told = "2041-05.*nexgent journal restore"

    pool = await asyncpg.create_pool(database_url, min_size=1, max_size=1)
    try:
        entries = PostgresHandEntries(pool)
        for record in (old.transaction, bought.transaction):
            with pytest.raises(JournalArchivedError, match=told):
                await entries.of_transaction(always.wallet, always.agent_id, record.id)
        found = await entries.of_transaction(always.wallet, always.agent_id, new.transaction.id)
        assert (found.seq, [one.seq for one in found.entries]) == (always.state.seq, [6])
        assert not await entries.is_recorded_by_hand(always.wallet, sold.closed.id)
        with pytest.raises(JournalArchivedError, match=told):
            # It may be in what is archived.
            await entries.is_recorded_by_hand(always.wallet, ClosedTradeId(new_id()))
    finally:
        await pool.close()
    with pytest.raises(JournalArchivedError, match=told):
        await journal.read_wallet(always.wallet)
    assert [line.entry for line in await journal.read_wallet(always.wallet, 3)] == lines[3:]
    history = JournalHistory(journal)
    start = await history.start(always.agent_id, always.wallet)
    assert start.seq == 3
    assert [one async for one in history.entries(always.wallet, start.seq)] == lines[3:]
    assert (await history.start(years.rests.agent_id, years.rests.wallet)) == years.rests.state
    assert [one async for one in history.entries(years.rests.wallet, 3)] == []


async def test_a_part_stays_as_long_as_it_is_needed(
    years: Years,
    run: Run,
    journal: PostgresJournal,
    projector: Projector,
    connection: Connection,
    database_url: str,
) -> None:
    async def obstacle(part: str = MAY_PART) -> str | None:
        return (await plan(database_url, part)).obstacle

    assert await obstacle() is None
    for part, why in (
        (JULY_PART, "not over"),
        (JUNE_PART, "2041-05 first"),
        (part_of(datetime(2041, 8, 1, tzinfo=UTC)), "not over"),
    ):
        assert why in (await obstacle(part) or ""), part
    with pytest.raises(InvalidInputError, match="no part 2039-01"):
        await obstacle("journal_2039_01")
    with pytest.raises(PartStaysError, match="2041-05 first"):
        await run("archive", "2041-06")
    for why, change, back in (
        ("8 days", f"UPDATE {MAY_PART} SET at = now()", f"UPDATE {MAY_PART} SET at = '2026-01-01'"),
        (
            "tables do not",
            "UPDATE journal_watermark SET position = position - 10^11::bigint",
            "UPDATE journal_watermark SET position = position + 10^11::bigint",
        ),
        (
            "under way",
            "UPDATE trade_intents SET status = 'submitted'",
            "UPDATE trade_intents SET status = 'settled'",
        ),
        (
            "repair",
            "INSERT INTO projection_failures VALUES (1, 'w', gen_random_uuid(), 1, 'k', 'e')",
            "DELETE FROM projection_failures",
        ),
    ):
        await connection.execute("SET nexgent.allow_journal_changes = 'on'")
        await connection.execute(change)
        assert why in (await obstacle() or ""), why
        await connection.execute(back)
        assert await obstacle() is None


def test_a_part_outlasts_whatever_is_looked_up_a_while_back() -> None:
    assert max(LATE_WITHIN, LONGEST_CATCH_UP) < STAYS_FOR


async def test_a_file_that_is_not_right_is_found_and_changes_nothing(
    years: Years,
    run: Run,
    connection: Connection,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await run("archive", "2041-05")
    file = tmp_path / "journal-2041-05.zip"
    whole = file.read_bytes()

    def rewritten(change: Callable[[str], str]) -> bytes:
        written = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(written, "w") as target:
            for name in source.namelist():
                text = source.read(name).decode()
                target.writestr(name, change(text) if name.endswith(".copy") else text)
        return written.getvalue()

    bad = {
        "cut off": whole[: len(whole) // 2],
        "another amount": rewritten(lambda rows: rows.replace("10000000000", "10000000001")),
        "another epoch": rewritten(lambda rows: rows[: rows.rindex("0")] + "1\n"),
        "a row less": rewritten(lambda rows: rows.partition("\n")[2]),
        "a row twice": rewritten(lambda rows: rows.partition("\n")[0] + "\n" + rows),
        "no rows": rewritten(lambda rows: "nonsense\n"),
    }
    for what, data in bad.items():
        file.write_bytes(data)
        for command in ("verify", "restore"):
            assert await run(command, str(file)) == exit_codes.FAILURE, what
            assert capsys.readouterr().err, what
        assert MAY_PART not in await present_parts(connection)
    backup = tmp_path / "backup.zip"
    with backup.open("wb") as target:
        await back_up(database_url, target, now=JULY)
    assert await run("restore", str(backup)) == exit_codes.FAILURE
    assert "no archived part" in capsys.readouterr().err
    file.write_bytes(whole)
    with zipfile.ZipFile(file) as archive, pytest.raises(ForeignSchemaError, match="journal restore"):
        await restore(database_url, archive, opened(io.BytesIO(whole))[1])

    assert await run("restore", str(file)) == exit_codes.OK
    with pytest.raises(PartStaysError, match="not archived"):
        await run("restore", str(file))


async def test_a_file_that_the_part_does_not_hold_removes_nothing(
    years: Years, run: Run, connection: Connection, database_url: str, tmp_path: Path
) -> None:
    """Also what no digest of entries covers is compared, and what is wrong with the part itself is said first."""
    assert await run("archive", "2041-05", "--keep") == exit_codes.OK
    assert MAY_PART in await present_parts(connection)
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute(f"UPDATE {MAY_PART} SET epoch = 5 WHERE seq = 1")
    assert await run("archive", "2041-05") == exit_codes.FAILURE
    await connection.execute(f"UPDATE {MAY_PART} SET epoch = 0")
    await connection.execute(f"UPDATE {MAY_PART} SET at = at + interval '1 microsecond' WHERE seq = 1")
    assert await run("archive", "2041-05") == exit_codes.FAILURE
    assert MAY_PART in await present_parts(connection)
    await connection.execute(f"UPDATE {MAY_PART} SET at = at - interval '1 microsecond' WHERE seq = 1")

    assert await run("archive", "2041-05") == exit_codes.OK
    assert MAY_PART not in await present_parts(connection)


async def test_an_encrypted_file_needs_its_passphrase(
    years: Years, run: Run, connection: Connection, tmp_path: Path
) -> None:
    assert await run("archive", "2041-05", "--encrypt", passphrase=PASSPHRASE) == exit_codes.OK
    file = tmp_path / "journal-2041-05.zip"
    assert b"tables/" not in file.read_bytes()

    with pytest.raises(WrongPassphraseError):
        await run("restore", str(file), passphrase="another horse, no battery")
    assert MAY_PART not in await present_parts(connection)
    assert await run("restore", str(file), passphrase=PASSPHRASE) == exit_codes.OK
    assert MAY_PART in await present_parts(connection)


async def test_who_reads_the_journal_holds_nobody_up(
    years: Years,
    run: Run,
    journal: PostgresJournal,
    connection: Connection,
    database_url: str,
    tmp_path: Path,
) -> None:
    """A part leaves between readers; who appends waits for a moment at most, and not behind the readers."""
    assert await run("archive", "2041-05", "--keep") == exit_codes.OK
    file = tmp_path / "journal-2041-05.zip"
    with file.open("rb") as source:
        archive, manifest = opened(source)
        checked = await check_file(database_url, archive, manifest)
    reader = await asyncpg.connect(database_url)
    reading = reader.transaction()
    await reading.start()
    await reader.fetchval("SELECT count(*) FROM journal")
    leaving = asyncio.create_task(put_away(database_url, checked, file=str(file), size=1, keep=False))
    for _ in range(3):
        await journal.append([years.always.deposit()])
    with pytest.raises(UnavailableError, match="being read"):
        await put_away_alone(database_url, checked, leaving)
    assert MAY_PART in await present_parts(connection)

    again = asyncio.create_task(put_away(database_url, checked, file=str(file), size=1, keep=False))
    await reading.rollback()
    await reader.close()
    assert (await asyncio.wait_for(again, PATIENCE_SECONDS)).dropped_at is not None
    assert MAY_PART not in await present_parts(connection)


async def put_away_alone(database_url: str, checked: object, leaving: asyncio.Task[object]) -> None:
    """Give up after two attempts, once whoever tries for long has ended."""
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await until_unlocked(database_url)
    await put_away(database_url, checked, file="f", size=1, keep=False, attempts=2)  # type: ignore[arg-type]


async def until_unlocked(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)

    async def unlocked() -> bool:
        return not await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
            " WHERE datname = current_database()))"
        )

    await until(unlocked)
    await connection.close()


@pytest.mark.parametrize("command", ["archive", "restore"])
async def test_a_kill_in_the_middle_leaves_the_part_or_its_file(
    years: Years, run: Run, connection: Connection, database_url: str, tmp_path: Path, command: str
) -> None:
    """It is killed while it waits to remove the part, and while it fills it again: just before what cannot be undone."""
    file = tmp_path / "journal-2041-05.zip"
    if command == "restore":
        assert await run("archive", "2041-05") == exit_codes.OK
    before = await tables(connection)
    holder = await asyncpg.connect(database_url)
    hold = holder.transaction()
    await hold.start()
    # Who archives cannot take the table away, who restores cannot note that it is back.
    await holder.execute(
        "SELECT count(*) FROM journal"
        if command == "archive"
        else "SELECT * FROM journal_archives FOR UPDATE"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "nexgent",
        "journal",
        command,
        "2041-05" if command == "archive" else str(file),
        cwd=tmp_path,
        env={**os.environ},
    )

    async def waits() -> bool:
        assert process.returncode is None
        return bool(
            await connection.fetchval(
                "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE NOT l.granted AND a.datname = current_database() AND a.pid <> pg_backend_pid())"
            )
        )

    await until(waits)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    await hold.rollback()
    await holder.close()
    await until_unlocked(database_url)

    assert await tables(connection) == before
    assert file.exists()
    assert await run("verify", str(file)) == exit_codes.OK
    assert (await verify(database_url, everything=True)).is_clean
    again = (command, "2041-05") if command == "archive" else (command, str(file))
    assert await run(*again) == exit_codes.OK
    assert (MAY_PART in await present_parts(connection)) == (command == "restore")


async def test_a_backup_of_a_journal_with_archived_parts_is_restored(
    years: Years, run: Run, connection: Connection, database_url: str, postgres_url: str, tmp_path: Path
) -> None:
    await run("archive", "2041-05")
    file = io.BytesIO()
    await back_up(database_url, file, now=JULY)
    server = await asyncpg.connect(postgres_url)
    await server.execute("CREATE DATABASE archived_elsewhere")
    elsewhere = with_database(postgres_url, "archived_elsewhere")
    try:
        archive, manifest = opened(file)
        await restore(elsewhere, archive, manifest)
        assert (await verify(elsewhere, everything=True)).is_clean
        with (tmp_path / "journal-2041-05.zip").open("rb") as source:
            found = await check_file(elsewhere, *opened(source))
        assert (found.entries, found.differences) == (10, [])
    finally:
        await server.execute("DROP DATABASE archived_elsewhere WITH (FORCE)")
        await server.close()
    with pytest.raises(DamagedBackupError):
        opened(io.BytesIO(b"nothing"))
