"""Balances of zero as the server writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nexgent.api.v1.balances.schemas import written
from nexgent.domain.bookkeeping.ports import OwnedBalance, balance_id
from nexgent.domain.ledger.state import Balance
from nexgent.infrastructure.database.stores.balances import PostgresEmptyBalances
from nexgent.shared.types import TokenAddress
from tests.integration.database.story import Story
from tests.integration.repositories.conftest import Pool
from tests.integration.repositories.test_performance import a_story

AT = datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)
SYMBOLS = [
    *(chr(code) for code in (*range(1, 0x100), 0x2028, 0x2029, 0x20AC, 0xFFFD, 0x1F680)),
    "",
    'a "quoted\\one"',
    "TKN",
]


async def add(pool: Pool, story: Story, *balances: Balance) -> None:
    await pool.executemany(
        "INSERT INTO agent_balances (id, agent_id, wallet_address, token_address, token_symbol, balance, last_updated,"
        " balance_raw, decimals) VALUES ($1, $2, $3, $4, $5, 'as text', $6, $7, $8)",
        [
            (
                balance_id(story.wallet, one.mint),
                story.agent_id,
                story.wallet,
                one.mint,
                one.symbol,
                one.updated_at,
                one.amount_raw,
                one.decimals,
            )
            for one in balances
        ],
    )


async def test_the_server_writes_what_the_service_would(pool: Pool) -> None:
    story = await a_story(pool)
    # Enough for several parts, some of the same moment.
    balances = [
        Balance(
            TokenAddress(f"{'Aa0z'[number % 4]}{number:043d}"),
            SYMBOLS[number % len(SYMBOLS)],
            number % 19,
            0,
            AT - timedelta(milliseconds=number // 3 * 7, microseconds=number // 3),
        )
        for number in range(2_500)
    ]
    held = Balance(TokenAddress("H" * 44), "HELD", 6, 1, AT)
    await add(pool, story, *balances, held)
    expected = sorted(balances, key=lambda one: (one.updated_at, one.mint), reverse=True)

    found = await PostgresEmptyBalances(pool).of_wallet(story.wallet)

    assert [(one.updated_at, one.mint) for one in found] == [(one.updated_at, one.mint) for one in expected]
    assert [one.written for one in found] == [
        written(OwnedBalance(story.agent_id, story.wallet, one), None) for one in expected
    ]


async def test_those_of_another_wallet_are_its_own(pool: Pool) -> None:
    one, other = await a_story(pool), await a_story(pool)
    await add(pool, one, Balance(TokenAddress("T" * 44), "T", 6, 0, AT))

    assert len(await PostgresEmptyBalances(pool).of_wallet(one.wallet)) == 1
    assert not await PostgresEmptyBalances(pool).of_wallet(other.wallet)
