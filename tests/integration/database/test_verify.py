"""The check of the books finds what was tampered with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import asyncpg
import pytest

from nexgent.domain.ledger.models import TradeFailed
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.parts import keep_parts
from nexgent.infrastructure.database.journal.repair import repair
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress
from tests.builders import TOKEN
from tests.integration.database.story import Story, add_owners

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

TAMPERS = [
    ("UPDATE agent_balances SET balance_raw = balance_raw - 1 WHERE token_symbol = 'SOL'", SOL_MINT),
    ("UPDATE agent_balances SET balance = '8.99' WHERE token_symbol = 'SOL'", SOL_MINT),
    ("DELETE FROM agent_balances WHERE token_symbol = 'TKN'", TOKEN),
    ("DELETE FROM agent_positions", "position"),
    ("UPDATE agent_positions SET state = jsonb_set(state::jsonb, '{quantity_raw}', '1')", "position"),
    ("UPDATE agent_positions SET state = '{}'", "position"),
    ("UPDATE trade_intents SET status = 'failed' WHERE status = 'intended'", "intent"),
    ("UPDATE trade_intents SET intent = '{}' WHERE status = 'intended'", "intent"),
    ("UPDATE trade_intents SET id = gen_random_uuid() WHERE status = 'intended'", "intent"),
]


@pytest.fixture
async def story(journal: PostgresJournal, connection: Connection) -> Story:
    story = Story()
    await add_owners(connection, [story])
    await journal.append(
        [story.deposit(), *story.buy(), story.intend(signal_id=None, token=TokenAddress("B" * 44))]
    )
    return story


async def test_clean_books_count_what_was_compared(story: Story, database_url: str) -> None:
    report = await verify(database_url)

    assert report.is_clean
    assert (report.wallets, report.entries, report.balances, report.positions, report.intents) == (
        1,
        4,
        2,
        1,
        1,
    )


@pytest.mark.parametrize(("tamper", "subject"), TAMPERS)
async def test_a_changed_table_is_found(
    story: Story, database_url: str, connection: Connection, tamper: str, subject: str
) -> None:
    assert (await verify(database_url)).is_clean
    await connection.execute(tamper)

    report = await verify(database_url)

    assert {d.wallet_address for d in report.differences} == {story.wallet}
    assert report.differences[0].subject.startswith(subject)
    assert report.repairable == [story.wallet]


@pytest.mark.parametrize(("tamper", "subject"), TAMPERS)
async def test_a_changed_table_is_written_anew(
    story: Story,
    journal: PostgresJournal,
    database_url: str,
    connection: Connection,
    tamper: str,
    subject: str,
) -> None:
    other = Story()
    await add_owners(connection, [other])
    await journal.append([other.deposit(), *other.buy()])
    assert (await verify(database_url)).is_clean
    await connection.execute(
        f"{tamper} {'AND' if 'WHERE' in tamper else 'WHERE'} wallet_address = '{story.wallet}'"
    )
    mark = await connection.fetch("SELECT * FROM position_marks")
    (wallet,) = (await verify(database_url)).repairable

    (done,) = await repair(database_url, [wallet])

    assert (done.wallet_address, done.entries, done.problem) == (story.wallet, 4, None)
    assert (await verify(database_url)).is_clean, subject
    assert await connection.fetch("SELECT * FROM position_marks") == mark


async def test_what_the_journal_itself_contradicts_is_left_as_it_is(
    story: Story, database_url: str, connection: Connection
) -> None:
    await verify(database_url)
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute("UPDATE journal SET body = '{}' WHERE seq = 3")
    await connection.execute("UPDATE agent_balances SET balance_raw = 7")

    assert (await verify(database_url, everything=True)).repairable == []
    (done,) = await repair(database_url, [story.wallet])

    assert done.problem is not None
    assert "cannot be read" in done.problem
    assert {
        row["balance_raw"] for row in await connection.fetch("SELECT balance_raw FROM agent_balances")
    } == {7}


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        ("DELETE FROM journal WHERE seq = 2", "does not follow"),
        (
            "UPDATE journal SET postings = jsonb_set(postings::jsonb, '{0,amount_raw}', '1') WHERE seq = 1",
            "sum to",
        ),
        ("UPDATE journal SET body = '{}' WHERE seq = 3", "cannot be read"),
        (
            """UPDATE journal SET body = ('{"deep": ' || repeat('[', 3000) || repeat(']', 3000) || ',' || substr(body::text, 2))
               ::json WHERE seq = 2""",
            "cannot be read",
        ),
        ("UPDATE journal SET at = '12000-01-01' WHERE seq = 3", "has no time"),
        ("UPDATE journal SET at = '0044-03-15 BC' WHERE seq = 1", "has no time"),
        ("UPDATE journal SET at = 'infinity' WHERE seq = 4", "has no time"),
    ],
)
async def test_a_changed_journal_is_found(
    story: Story, database_url: str, connection: Connection, tamper: str, problem: str
) -> None:
    await verify(database_url)
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute(tamper)

    report = await verify(database_url, everything=True)

    assert any(problem in difference.problem for difference in report.differences)


@pytest.mark.parametrize("column", ["kind", "postings", "body"])
async def test_a_line_without_a_value_is_found_and_hides_none_behind_it(
    journal: PostgresJournal, connection: Connection, database_url: str, column: str
) -> None:
    """Those behind it come to nothing: what is in the tables is what the others say."""
    story = Story()
    await add_owners(connection, [story])
    intended = (entries := [story.deposit(), story.intend()])[1]
    await journal.append([*entries, story.failed(intended)])
    assert (await verify(database_url)).is_clean
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute(f"ALTER TABLE journal ALTER {column} DROP NOT NULL")
    await connection.execute(f"UPDATE journal SET {column} = NULL WHERE seq = 2")
    await connection.execute("DELETE FROM verified_wallets")

    for _ in range(2):
        report = await verify(database_url)

        assert [(one.subject, one.problem) for one in report.differences] == [
            ("entry 2", "a line behind entry 1 cannot be read: it lacks a value")
        ]


@pytest.mark.parametrize("strings", ["on", "off"])
async def test_a_wallet_is_found_whatever_is_in_its_name(
    journal: PostgresJournal, database_url: str, connection: Connection, strings: str
) -> None:
    """However the server reads a text in a statement."""
    database = await connection.fetchval("SELECT current_database()")
    await connection.execute(f'ALTER DATABASE "{database}" SET standard_conforming_strings = {strings}')
    try:
        story = Story(wallet=WalletAddress("it's \\' a 'wallet\\\\'; \\x41 ü"))
        await add_owners(connection, [story])
        await journal.append([story.deposit(), *story.buy()])

        report = await verify(database_url)
    finally:
        await connection.execute(f'ALTER DATABASE "{database}" RESET standard_conforming_strings')

    assert (report.differences, report.entries) == ([], 3)


async def test_the_cache_is_compared_and_may_be_missing(story: Story, database_url: str) -> None:
    copies = {SOL_MINT: b'{"balance": "8.999895"}', TOKEN: b'{"balance": "1"}'}

    async def cached(
        agent_id: AgentId, wallet: WalletAddress, mints: Sequence[TokenAddress]
    ) -> list[bytes | None]:
        assert (agent_id, wallet) == (story.agent_id, story.wallet)
        return [copies.get(mint) for mint in mints]

    report = await verify(database_url, cached_balances=cached, pauses_seconds=())
    copies.clear()

    assert [(d.subject, d.redis) for d in report.differences] == [(TOKEN, "1000000")]
    assert report.cached == 2
    assert (await verify(database_url, cached_balances=cached)).is_clean


async def test_a_copy_that_is_on_its_way_is_no_difference(story: Story, database_url: str) -> None:
    copies = [b'{"balance": "10"}', b'{"balance": "8.999895"}']

    async def cached(
        agent_id: AgentId, wallet: WalletAddress, mints: Sequence[TokenAddress]
    ) -> list[bytes | None]:
        copy = copies.pop(0) if len(copies) > 1 else copies[0]
        return [copy if mint == SOL_MINT else None for mint in mints]

    report = await verify(database_url, cached_balances=cached, pauses_seconds=(0.0,))

    assert report.is_clean, report.differences
    assert report.cached == 1


async def test_a_balance_without_entries_is_found(database_url: str, connection: Connection) -> None:
    story = Story()
    await add_owners(connection, [story])
    await connection.execute(
        "INSERT INTO agent_balances (id, agent_id, wallet_address, token_address, token_symbol, balance, last_updated,"
        " balance_raw, decimals) VALUES (gen_random_uuid(), $1, $2, $3, 'SOL', '1', now(), 1000000000, 9)",
        story.agent_id,
        story.wallet,
        SOL_MINT,
    )

    report = await verify(database_url)

    assert [(d.journal, d.table) for d in report.differences] == [("0", "1000000000")]


async def test_what_lives_on_in_the_wallet_of_a_deleted_agent_is_found(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    story = Story()
    await add_owners(connection, [story])
    await journal.append([story.deposit(), *story.buy(), story.reset(keep_history=True)])
    assert (await verify(database_url)).is_clean
    await connection.execute("DELETE FROM agent_wallets")
    assert (await verify(database_url)).is_clean

    await journal.append([story.deposit(), *story.buy(), story.intend(token=TokenAddress("B" * 44))])
    report = await verify(database_url)

    problem = "it is open in a wallet that no agent has any more"
    assert [(d.subject.split()[0], d.problem) for d in report.differences] == [
        ("position", problem),
        ("intent", problem),
    ]


async def test_a_copy_that_an_emptied_balance_left_behind_is_found(
    story: Story, journal: PostgresJournal, database_url: str
) -> None:
    more = story.sell()
    story.wait(minutes=2)
    await journal.append([*more, story.deposit()])
    assert TOKEN not in story.state.balances

    async def cached(
        agent_id: AgentId, wallet: WalletAddress, mints: Sequence[TokenAddress]
    ) -> list[bytes | None]:
        return [b'{"balance": "1.5"}' if mint == TOKEN else None for mint in mints]

    (difference,) = (await verify(database_url, cached_balances=cached, pauses_seconds=())).differences

    assert (difference.subject, difference.journal, difference.redis) == (TOKEN, "0", "1500000")


async def test_a_check_goes_on_where_the_last_one_found_nothing(
    story: Story, journal: PostgresJournal, database_url: str, connection: Connection
) -> None:
    first = await verify(database_url)
    again = await verify(database_url)
    await journal.append([story.deposit(), *story.buy(token=TokenAddress("C" * 44))])
    after = await verify(database_url)
    whole = await verify(database_url, everything=True)

    assert [(one.entries, one.entries_checked_before) for one in (first, again, after, whole)] == [
        (4, 0),
        (0, 4),
        (3, 4),
        (7, 0),
    ]
    assert all(one.is_clean for one in (first, again, after, whole))
    assert [(one.positions, one.intents, one.balances) for one in (after, whole)] == [(2, 1, 3), (2, 1, 3)]
    assert await connection.fetchval("SELECT seq FROM verified_wallets") == 7


@pytest.mark.parametrize(("tamper", "subject"), TAMPERS)
async def test_what_is_wrong_keeps_the_check_where_it_was(
    story: Story,
    journal: PostgresJournal,
    projector: Projector,
    database_url: str,
    connection: Connection,
    tamper: str,
    subject: str,
) -> None:
    await verify(database_url)
    await journal.append([story.deposit()])
    await projector.project_all()
    await connection.execute(tamper)

    reports = [await verify(database_url) for _ in range(2)]

    assert [(one.entries, one.entries_checked_before) for one in reports] == [(1, 4), (1, 4)]
    assert not any(one.is_clean for one in reports), subject


async def test_an_entry_that_was_changed_after_its_check_is_found_by_a_check_of_everything(
    story: Story, database_url: str, connection: Connection
) -> None:
    """The books balance all the same: only that it is another entry than it was can tell."""
    await verify(database_url)
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute("UPDATE journal SET at = at + interval '1 microsecond' WHERE seq = 1")
    assert (await verify(database_url)).is_clean

    report = await verify(database_url, everything=True)

    assert [(one.subject, one.problem.partition(" checked ")[0]) for one in report.differences] == [
        ("entry 4", "entries up to this one are not those that were")
    ]
    assert (await verify(database_url, everything=True)).differences == report.differences


async def test_where_the_last_checked_entry_is_another_one_nothing_is_taken_over(
    story: Story, journal: PostgresJournal, database_url: str, connection: Connection
) -> None:
    await verify(database_url)
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute("UPDATE journal SET entry_id = gen_random_uuid() WHERE seq = 4")

    report = await verify(database_url)

    assert (report.entries, report.entries_checked_before) == (4, 0)
    assert [one.subject for one in report.differences] == ["entry 4"]


async def test_a_place_that_two_entries_have_keeps_nobody_from_checking(
    story: Story, journal: PostgresJournal, database_url: str, connection: Connection
) -> None:
    """Places are unique within a part: who changes the journal can give an entry one that is taken in another month."""
    await keep_parts(database_url, datetime(2041, 5, 1, tzinfo=UTC))
    await journal.append([story.deposit()])
    assert (await verify(database_url)).is_clean
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute("UPDATE journal SET seq = 5 WHERE seq = 2")

    for everything in (False, True):
        report = await verify(database_url, everything=everything)
        assert {(one.subject, one.problem) for one in report.differences} >= {
            ("entry 3", "does not follow entry 1"),
            ("entry 5", "does not follow entry 5"),
        }


async def test_a_wallet_that_came_to_another_agent_is_checked_from_the_start(
    story: Story, journal: PostgresJournal, database_url: str, connection: Connection
) -> None:
    intent = next(iter(story.state.intents.values())).intent
    failed = story.add(TradeFailed(intent.id, "NO_ROUTE", "No route"))
    await journal.append([failed, story.reset()])
    assert (await verify(database_url)).is_clean
    await connection.execute("DELETE FROM agent_wallets")
    heir = Story(wallet=story.wallet, seq=story.state.seq)
    await add_owners(connection, [heir])
    await journal.append([heir.deposit()])

    report = await verify(database_url)

    assert (report.is_clean, report.entries, report.entries_checked_before) == (True, heir.state.seq, 0)


async def test_a_place_that_cannot_be_read_is_none(
    story: Story, database_url: str, connection: Connection
) -> None:
    await verify(database_url)
    await connection.execute("""UPDATE verified_wallets SET folded = '{"state": 1}'""")

    report = await verify(database_url)

    assert (report.is_clean, report.entries, report.entries_checked_before) == (True, 4, 0)
