"""Sums of closed trades are kept with every change of a trade, and nobody can tell them from adding up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.stores.agents import PostgresAgentRepository
from nexgent.infrastructure.database.stores.protections import PostgresProtectionStore, keep_sums
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.builders import T0
from tests.integration.database.story import Story, add_owners, add_signal
from tests.integration.repositories.conftest import Pool
from tests.integration.repositories.test_performance import a_story, add_trade
from tests.integration.repositories.test_protections import _with_result
from tests.patience import until

DAY = timedelta(days=1)
_ONE = "(SELECT id FROM agents WHERE name = 'one')"
_FIRST_SALE = "sale_time = (SELECT min(sale_time) FROM agent_historical_swaps)"
_KEPT_TOTALS = "SELECT * FROM closed_trade_totals ORDER BY 1, 2"
_TOTALS = """
SELECT agent_id, coalesce(wallet_address, '') AS wallet_address, count(*) AS trades,
       count(*) FILTER (WHERE profit_loss_sol > 0) AS wins, sum(profit_loss_sol) AS profit_loss_sol,
       sum(change_percent) AS change_percent
FROM agent_historical_swaps GROUP BY 1, 2 ORDER BY 1, 2
"""
_KEPT_DAYS = "SELECT * FROM closed_trade_days ORDER BY 1, 2, 3"
_DAYS = r"""
SELECT agents.user_id, wallet_address LIKE 'sim\_%' AS paper, (sale_time AT TIME ZONE 'UTC')::date AS day, count(*) AS trades,
       count(*) FILTER (WHERE profit_loss_sol > 0) AS wins, sum(profit_loss_sol) AS profit_loss_sol,
       sum(profit_loss_usd) AS profit_loss_usd
FROM agent_historical_swaps JOIN agents ON agents.id = agent_id WHERE wallet_address IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    projector = Projector(database_url)
    yield projector
    await projector.close()


@pytest.fixture
async def journal(database_url: str) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(database_url)
    yield journal
    await journal.close()


async def test_every_change_of_a_trade_changes_the_sums(pool: Pool) -> None:
    one, other = await a_story(pool), await a_story(pool)
    await pool.execute("UPDATE agents SET name = 'one' WHERE id = $1", one.agent_id)
    for number in range(6):
        story = (one, other)[number % 2]
        await add_trade(pool, story, T0 + number * DAY / 2, f"{number - 2}.{number:018d}", str(number))

    for change in (
        "UPDATE agent_historical_swaps SET profit_loss_sol = -profit_loss_sol",
        "UPDATE agent_historical_swaps SET sale_time = sale_time + interval '1 day' WHERE profit_loss_sol > 0",
        "UPDATE agent_wallets SET wallet_address = 'live' || left(agent_id::text, 8)",
        f"UPDATE agent_wallets SET wallet_address = 'sim_' || left(agent_id::text, 8) WHERE agent_id = {_ONE}",
        "UPDATE agent_historical_swaps SET wallet_address = NULL WHERE change_percent = 3",
        """INSERT INTO agent_historical_swaps SELECT * FROM agent_historical_swaps ON CONFLICT (id) DO UPDATE
        SET change_percent = excluded.change_percent + 1, sale_time = excluded.sale_time - interval '3 days'""",
        "DELETE FROM agent_historical_swaps WHERE change_percent = 2",
        "DELETE FROM agent_historical_swaps WHERE id IN (SELECT id FROM agent_historical_swaps WHERE false)",
        "DELETE FROM agent_wallets WHERE agent_id = " + _ONE,
        f"DELETE FROM users WHERE id IN (SELECT user_id FROM agents WHERE id <> {_ONE})",
    ):
        before = await pool.fetch(_TOTALS)
        await pool.execute(change)

        assert await pool.fetch(_KEPT_TOTALS) == await pool.fetch(_TOTALS), change
        assert await pool.fetch(_KEPT_DAYS) == await pool.fetch(_DAYS), change
        assert before, change
    assert await pool.fetch(_TOTALS) == []


async def a_week(pool: Pool, journal: PostgresJournal, projector: Projector) -> Story:
    """A trade a day; the best moment is the third day, and the last two days lose."""
    story = Story()
    async with pool.acquire() as connection:
        await add_owners(connection, [story])  # type: ignore[arg-type]  # A pooled one serves as well.
        entries = [story.deposit(20_000_000_000)]
        for result in ("1", "-3", "5", "-0.5", "0.25", "-0.125", "-0.0625"):
            signal_id = await add_signal(connection)  # type: ignore[arg-type]
            entries += [*story.buy(signal_id), *_with_result(story.sell(), Decimal(result))]
            story.wait(24 * 60)
    await journal.append(entries)
    await projector.project_all()
    return story


async def test_what_is_summed_up_is_known_as_if_it_were_read(
    pool: Pool, journal: PostgresJournal, projector: Projector
) -> None:
    story = await a_week(pool, journal, projector)
    store = PostgresProtectionStore(pool)
    for reset_on in (None, 1, 3, 6):
        if reset_on is not None:
            await store.reset(story.agent_id, T0 + reset_on * DAY, UserId(new_id()))
        await pool.execute("DELETE FROM protection_sums")
        read = {day: await store.history(T0 + day * DAY) for day in (7, 8)}

        # Day after day, so that sums are made of sums; those that lie before a reset, or after it.
        for day in range(1, 9):
            assert await keep_sums(pool, T0 + day * DAY) == 1
            assert await keep_sums(pool, T0 + day * DAY) == 0
            for now, history in read.items():
                if now >= day:
                    assert await store.history(T0 + now * DAY) == history, (reset_on, day, now)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE agent_historical_swaps SET profit_loss_sol = -7 WHERE " + _FIRST_SALE,
        "DELETE FROM agent_historical_swaps WHERE " + _FIRST_SALE,
        "UPDATE agent_historical_swaps SET sale_time = sale_time - interval '3 days' WHERE profit_loss_sol = -0.0625",
    ],
)
async def test_a_past_that_changes_is_read_again(
    pool: Pool, journal: PostgresJournal, projector: Projector, change: str
) -> None:
    story = await a_week(pool, journal, projector)
    store, now = PostgresProtectionStore(pool), T0 + 7 * DAY
    await keep_sums(pool, now)
    before = await store.history(now)

    await pool.execute(change)

    changed = await store.history(now)
    await pool.execute("DELETE FROM protection_sums")
    assert changed == await store.history(now)
    assert changed.records[0].profit_sol != before.records[0].profit_sol or "sale_time -" in change
    assert changed.records[0].wallet_address == story.wallet


async def test_an_old_sale_that_is_projected_late_is_not_left_out(
    pool: Pool, journal: PostgresJournal, projector: Projector
) -> None:
    story = await a_week(pool, journal, projector)
    late = [*story.buy(), *_with_result(story.sell(), Decimal(-2))]
    await journal.append(late)
    now = T0 + 30 * DAY
    await keep_sums(pool, now)

    await projector.project_all()

    known = await PostgresProtectionStore(pool).history(now)
    await pool.execute("DELETE FROM protection_sums")
    assert known == await PostgresProtectionStore(pool).history(now)
    assert known.records[0].loss_streak == 3


async def test_an_agent_that_goes_and_the_projector_do_not_wait_for_each_other_in_a_circle(
    pool: Pool,
) -> None:
    """Both touch the sums of a wallet; who deletes takes its wallet first, as the projector does."""
    story = await a_story(pool)
    await add_trade(pool, story, datetime.now(UTC), "1", "1")

    async def waits() -> bool:
        return bool(
            await pool.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )

    async with pool.acquire() as projecting, projecting.transaction():
        await projecting.execute(
            "SELECT 1 FROM agent_wallets WHERE wallet_address = $1 FOR KEY SHARE", story.wallet
        )
        deleting = asyncio.create_task(PostgresAgentRepository(pool).delete(story.agent_id))
        await until(waits, "the deletion waits")
        await add_trade(projecting, story, datetime.now(UTC), "2", "2")  # type: ignore[arg-type]
    await deleting

    kept = await pool.fetch(_KEPT_TOTALS)
    assert [(row["wallet_address"], row["trades"], row["profit_loss_sol"]) for row in kept] == [("", 2, 3)]
