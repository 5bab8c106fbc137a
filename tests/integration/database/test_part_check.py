"""Parts of the journal are checked by themselves."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import asyncpg
import pytest

from nexgent.cli import exit_codes
from nexgent.cli.journal import configure, journal_command
from nexgent.config.settings import Settings
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.part_check import PartNotOverError, check_parts, list_parts
from nexgent.infrastructure.database.journal.parts import keep_parts, part_of, present_parts
from nexgent.shared.errors import InvalidInputError
from tests.integration.database.story import Story, add_owners

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

MAY, JUNE, JULY = (datetime(2041, month, 1, tzinfo=UTC) for month in (5, 6, 7))
MAY_PART, JUNE_PART, JULY_PART = (part_of(month) for month in (MAY, JUNE, JULY))


@dataclass
class Year:
    """A first part, May and June are over; July is being written to.

    One wallet trades always, one ends in May, one begins in June.
    """

    first: str
    always: Story
    ended: Story
    late: Story


@pytest.fixture
async def year(journal: PostgresJournal, connection: Connection, database_url: str) -> Year:
    always, ended, late = Story(), Story(), Story()
    await add_owners(connection, [always, late])
    await journal.append([always.deposit(), *always.buy(), ended.deposit()])
    await keep_parts(database_url, MAY)
    await journal.append([*always.sell(), *ended.buy()])
    await keep_parts(database_url, JUNE)
    await journal.append([*always.buy(), late.deposit(), *late.buy()])
    await keep_parts(database_url, JULY)
    await journal.append([*always.sell()])
    first = next(part for part in await present_parts(connection) if part.startswith("journal_before_"))
    return Year(first, always, ended, late)


async def tamper(connection: Connection, statement: str) -> None:
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute(statement)


async def kept(connection: Connection) -> int:
    count: int = await connection.fetchval("SELECT count(*) FROM journal_part_ends")
    return count


async def test_all_that_is_over_is_checked_each_from_the_end_of_the_one_before(
    year: Year, connection: Connection, database_url: str
) -> None:
    reports = await check_parts(database_url)

    over = [one for one in reports if one.entries]
    assert [(one.name, one.streams, one.entries) for one in over] == [
        (year.first, 2, 4),
        (MAY_PART, 2, 4),
        (JUNE_PART, 2, 5),
    ]
    assert not [one for one in reports if one.differences]
    assert await kept(connection) == 6
    (again,) = await check_parts(database_url, [JUNE_PART])
    assert (again.entries, again.differences) == (5, [])
    assert await kept(connection) == 6


async def test_a_part_is_checked_although_the_others_cannot_be_read(
    year: Year, connection: Connection, database_url: str
) -> None:
    await check_parts(database_url)
    await connection.execute(f"ALTER TABLE journal DETACH PARTITION {MAY_PART}")

    (report,) = await check_parts(database_url, [JUNE_PART])

    assert (report.entries, report.differences) == (5, [])


@pytest.mark.parametrize(
    ("change", "subject", "problem"),
    [
        (
            "UPDATE {part} SET body = replace(body::text, 'TKN', 'TKX')::json WHERE kind = 'settled'",
            "entry 5",
            "not those",
        ),
        ("UPDATE {part} SET at = at + interval '1 microsecond' WHERE seq = 4", "entry 5", "not those"),
        ("DELETE FROM {part} WHERE seq = 5", "entry 4", "did not end here"),
        ("DELETE FROM {part} WHERE seq = 4", "entry 5", "does not follow"),
        ("DELETE FROM {part} WHERE seq > 3", "entry 5", "none of its entries"),
        ("UPDATE {part} SET postings = '[]' WHERE seq = 5", "entry 5", ""),
    ],
)
async def test_what_was_changed_since_is_found(
    year: Year, connection: Connection, database_url: str, change: str, subject: str, problem: str
) -> None:
    await check_parts(database_url)
    ends = await connection.fetch("SELECT * FROM journal_part_ends ORDER BY 1, 2")
    await tamper(connection, change.format(part=MAY_PART))

    (report,) = await check_parts(database_url, [MAY_PART])
    found = [one for one in report.differences if one.wallet_address == year.always.wallet]
    assert any(subject == one.subject and problem in one.problem for one in found)
    assert await connection.fetch("SELECT * FROM journal_part_ends ORDER BY 1, 2") == ends

    # What follows is not looked at, as it stands on it; by itself it is in order.
    assert [one.name for one in await check_parts(database_url)][-1] == MAY_PART
    (june,) = await check_parts(database_url, [JUNE_PART])
    assert june.differences == []


async def test_who_has_the_wallet_now_does_not_matter(
    year: Year, connection: Connection, database_url: str
) -> None:
    await check_parts(database_url)
    await connection.execute("DELETE FROM agent_wallets")
    await add_owners(connection, [Story(wallet=year.ended.wallet)])

    reports = await check_parts(database_url)

    assert [one.differences for one in reports] == [[]] * len(reports)


async def test_a_part_needs_those_before_it_and_its_end(year: Year, database_url: str) -> None:
    with pytest.raises(InvalidInputError, match="before it"):
        await check_parts(database_url, [JUNE_PART])
    with pytest.raises(PartNotOverError):
        await check_parts(database_url, [JULY_PART])
    with pytest.raises(InvalidInputError, match="no part"):
        await check_parts(database_url, ["journal_2039_01"])


async def test_the_list_tells_what_is_in_them(year: Year, database_url: str) -> None:
    await check_parts(database_url)
    parts = {part.name: part for part in await list_parts(database_url)}

    assert next(iter(parts)) == year.first
    assert {
        name: (part.entries, part.streams, part.is_over) for name, part in parts.items() if part.entries
    } == {
        year.first: (4, 2, True),
        MAY_PART: (4, 2, True),
        JUNE_PART: (5, 2, True),
        JULY_PART: (2, 1, False),
    }
    assert parts[MAY_PART].checked_at is not None
    assert parts[JULY_PART].checked_at is None
    assert parts[MAY_PART].bytes > 0
    assert parts[MAY_PART].first_at is not None


async def test_the_command_lists_and_checks(
    year: Year,
    connection: Connection,
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("COLUMNS", "400")
    parser = argparse.ArgumentParser()
    configure(parser)

    async def run(*options: str) -> tuple[int, str]:
        capsys.readouterr()
        code = await journal_command(parser.parse_args(options), Settings.load())
        return code, capsys.readouterr().out

    code, said = await run("--check")
    assert (code, "2041-06: 5 entries of 2 wallets, in order" in said) == (exit_codes.OK, True)
    code, said = await run()
    (line,) = (line for line in said.splitlines() if line.startswith("2041-07"))
    assert (code, "written to" in line) == (exit_codes.OK, True)
    code, said = await run("--json")
    assert "2041-05" in {part["name"] for part in json.loads(said)}

    await tamper(connection, f"DELETE FROM {MAY_PART} WHERE seq = 4")
    code, said = await run("--check", "2041-05")
    assert (code, "does not follow" in said) == (exit_codes.FAILURE, True)
    code, said = await run("--check", "2041-06", "--json")
    assert (code, json.loads(said)[0]["name"]) == (exit_codes.OK, "2041-06")
    for part, why in (("2041-07", "still written to"), ("2041-08", "to come"), ("2039-01", "no part")):
        # What cannot be checked is an error of the command line, and is called as people call it.
        with pytest.raises(InvalidInputError, match=f"{part}.*{why}|{why}.*{part}"):
            await run("--check", part)
    with pytest.raises(SystemExit):
        parser.parse_args(["--check", "May"])
