"""The check of the books finds what was tampered with."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg
import pytest

from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress
from tests.builders import TOKEN
from tests.integration.database.story import Story, add_owners

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


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


@pytest.mark.parametrize(
    ("tamper", "subject"),
    [
        ("UPDATE agent_balances SET balance_raw = balance_raw - 1 WHERE token_symbol = 'SOL'", SOL_MINT),
        ("UPDATE agent_balances SET balance = '8.99' WHERE token_symbol = 'SOL'", SOL_MINT),
        ("DELETE FROM agent_balances WHERE token_symbol = 'TKN'", TOKEN),
        ("DELETE FROM agent_positions", "position"),
        ("UPDATE agent_positions SET state = jsonb_set(state::jsonb, '{quantity_raw}', '1')", "position"),
        ("UPDATE trade_intents SET status = 'failed' WHERE status = 'intended'", "intent"),
    ],
)
async def test_a_changed_table_is_found(
    story: Story, database_url: str, connection: Connection, tamper: str, subject: str
) -> None:
    assert (await verify(database_url)).is_clean
    await connection.execute(tamper)

    report = await verify(database_url)

    assert [d.wallet_address for d in report.differences] == [story.wallet]
    assert report.differences[0].subject.startswith(subject)


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        ("DELETE FROM journal WHERE seq = 2", "does not follow"),
        (
            "UPDATE journal SET postings = jsonb_set(postings::jsonb, '{0,amount_raw}', '1') WHERE seq = 1",
            "sum to",
        ),
        ("UPDATE journal SET body = '{}' WHERE seq = 3", "cannot be read"),
    ],
)
async def test_a_changed_journal_is_found(
    story: Story, database_url: str, connection: Connection, tamper: str, problem: str
) -> None:
    await verify(database_url)
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute(tamper)

    report = await verify(database_url)

    assert any(problem in difference.problem for difference in report.differences)


async def test_the_cache_is_compared_and_may_be_missing(story: Story, database_url: str) -> None:
    copies = {SOL_MINT: b'{"balance": "8.999895"}', TOKEN: b'{"balance": "1"}'}

    async def cached(agent_id: AgentId, wallet: WalletAddress, mint: TokenAddress) -> bytes | None:
        assert (agent_id, wallet) == (story.agent_id, story.wallet)
        return copies.get(mint)

    report = await verify(database_url, cached_balance=cached, pauses_seconds=())
    copies.clear()

    assert [(d.subject, d.redis) for d in report.differences] == [(TOKEN, "1000000")]
    assert report.cached == 2
    assert (await verify(database_url, cached_balance=cached)).is_clean


async def test_a_copy_that_is_on_its_way_is_no_difference(story: Story, database_url: str) -> None:
    copies = [b'{"balance": "10"}', b'{"balance": "8.999895"}']

    async def cached(agent_id: AgentId, wallet: WalletAddress, mint: TokenAddress) -> bytes | None:
        return (copies.pop(0) if len(copies) > 1 else copies[0]) if mint == SOL_MINT else None

    report = await verify(database_url, cached_balance=cached, pauses_seconds=(0.0,))

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

    async def cached(agent_id: AgentId, wallet: WalletAddress, mint: TokenAddress) -> bytes | None:
        return b'{"balance": "1.5"}' if mint == TOKEN else None

    (difference,) = (await verify(database_url, cached_balance=cached, pauses_seconds=())).differences

    assert (difference.subject, difference.journal, difference.redis) == (TOKEN, "0", "1500000")
