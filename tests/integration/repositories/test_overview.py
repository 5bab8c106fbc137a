"""Sums and curves over several agents in PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.performance.models import EquityPoint
from nexgent.infrastructure.database.stores.overview import PostgresOverview
from nexgent.infrastructure.database.stores.performance import PostgresPerformance
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId, WalletAddress
from tests.builders import a_snapshot
from tests.integration.database.story import Story
from tests.integration.repositories.conftest import Pool
from tests.integration.repositories.test_performance import a_story

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
_ADD = (
    "INSERT INTO agent_balance_snapshots (id, agent_id, wallet_address, snapshot_timestamp, portfolio_balance_sol,"
    " sol_balance, positions_value_sol, unrealized_pnl_sol, updated_at) VALUES ($1, $2, $3, $4, 1, 1, 0, 0, $4)"
)
_WAITS = "SELECT cardinality(pg_blocking_pids($1)) > 0"
PAPER, LIVE = TradingMode.SIMULATION, TradingMode.LIVE


async def renamed(pool: Pool, story: Story, wallet: str) -> None:
    await pool.execute(
        "UPDATE agent_wallets SET wallet_address = $2 WHERE wallet_address = $1", story.wallet, wallet
    )
    story.wallet = WalletAddress(wallet)


async def of_one_user(pool: Pool, *stories: Story) -> UserId:
    """Give all agents to the user of the first one, before anything has happened."""
    user_id: UserId = await pool.fetchval("SELECT user_id FROM agents WHERE id = $1", stories[0].agent_id)
    await pool.execute(
        "UPDATE agents SET user_id = $1 WHERE id = ANY ($2)", user_id, [story.agent_id for story in stories]
    )
    return user_id


async def sold(pool: Pool, story: Story, at: datetime, profit: str) -> None:
    await pool.execute(
        "INSERT INTO agent_historical_swaps (id, agent_id, wallet_address, token_address, token_symbol, amount,"
        " purchase_price, sale_price, change_percent, profit_loss_usd, profit_loss_sol, purchase_time, sale_time)"
        " VALUES ($1, $2, $3, 'token', 'T', 1, 1, 1, 1, $4::numeric * 100, $4, $5, $5)",
        new_id(),
        story.agent_id,
        story.wallet,
        Decimal(profit),
        at,
    )


async def test_periods_count_what_was_sold_in_them(pool: Pool) -> None:
    one, two, other, real = [await a_story(pool) for _ in range(4)]
    for number, story in enumerate((one, two, other)):
        await renamed(pool, story, f"sim_{number}")
    await renamed(pool, real, "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU")
    user_id = await of_one_user(pool, one, two, real)
    await sold(pool, one, NOON, "0.5")
    await sold(pool, one, NOON - 5 * HOUR, "-0.125")
    await sold(pool, two, NOON - 48 * HOUR, "-0.2")
    await sold(pool, other, NOON, "99")
    await sold(pool, real, NOON, "7")
    starts = {
        "today": NOON - HOUR,
        "morning": NOON - 5 * HOUR,
        "since the day before": NOON - 13 * HOUR,
        "from that moment": NOON - 48 * HOUR,
        "later": NOON - 48 * HOUR + timedelta(microseconds=1),
        "7d": NOON - 168 * HOUR,
        "never": NOON + HOUR,
        "all": None,
    }

    paper = await PostgresOverview(pool).totals_by_period(user_id, PAPER, starts)
    live = await PostgresOverview(pool).totals_by_period(user_id, LIVE, starts)

    everything = (3, 1, Decimal("0.175"), Decimal("17.5"))
    assert [(p.period, p.count, p.wins, p.profit_loss_sol, p.profit_loss_usd) for p in paper] == [
        ("today", 1, 1, Decimal("0.5"), Decimal(50)),
        ("morning", 2, 1, Decimal("0.375"), Decimal("37.5")),
        ("since the day before", 2, 1, Decimal("0.375"), Decimal("37.5")),
        ("from that moment", *everything),
        ("later", 2, 1, Decimal("0.375"), Decimal("37.5")),
        ("7d", *everything),
        ("never", 0, 0, Decimal(0), Decimal(0)),
        ("all", *everything),
    ]
    assert [p.since for p in paper] == list(starts.values())
    assert [p.profit_loss_sol for p in live] == [7, 7, 7, 7, 7, 7, 0, 7]
    nobody = await PostgresOverview(pool).totals_by_period(UserId(new_id()), PAPER, starts)
    assert [p.count for p in nobody] == [0] * len(starts)


async def test_a_curve_adds_up_wallets_and_bridges_gaps(pool: Pool) -> None:
    one, two, other = [await a_story(pool) for _ in range(3)]
    for number, story in enumerate((one, two, other)):
        await renamed(pool, story, f"sim_{number}")
    mine = await of_one_user(pool, one, two)
    snapshots = [
        a_snapshot(story.agent_id, story.wallet, NOON + hour * HOUR, portfolio_balance_sol=Decimal(value))
        for story, hour, value in (
            (one, 0, 10),
            (one, 1, 11),
            # The hour after that could not be valued.
            (one, 3, 13),
            (two, 2, 5),
            (other, 0, 1000),
        )
    ]
    await PostgresPerformance(pool).save(snapshots)
    queries = PostgresOverview(pool)

    found = await queries.equity(mine, PAPER, NOON - HOUR, NOON + 3 * HOUR, HOUR)

    assert found == [
        EquityPoint(time=NOON + hour * HOUR, portfolio_balance_sol=Decimal(value), wallets=wallets)
        for hour, value, wallets in ((0, 10, 1), (1, 11, 1), (2, 16, 2), (3, 18, 2))
    ]
    assert await queries.equity(mine, LIVE, NOON, NOON + 3 * HOUR, HOUR) == []
    later = await queries.equity(mine, PAPER, NOON + 50 * HOUR, NOON + 52 * HOUR, HOUR)
    assert [(one.time, one.wallets) for one in later] == [(NOON + 50 * HOUR, 1)], (
        "for two days, and no longer"
    )
    assert await queries.first_snapshot(mine, PAPER) == NOON
    assert await queries.first_snapshot(mine, LIVE) is None


# What a curve is: each wallet, at each step, with its newest snapshot of two days.
_BY_WALLET = r"""
SELECT step.time, sum(newest.portfolio_balance_sol) AS portfolio_balance_sol, count(*) AS wallets
FROM generate_series($2::timestamptz, $3::timestamptz, interval '1 hour') AS step (time)
CROSS JOIN (SELECT w.* FROM agent_wallets w JOIN agents ON agents.id = agent_id
            WHERE user_id = $1 AND wallet_address LIKE 'sim\_%') w
CROSS JOIN LATERAL (
    SELECT portfolio_balance_sol FROM agent_balance_snapshots
    WHERE wallet_address = w.wallet_address AND snapshot_timestamp <= step.time
      AND snapshot_timestamp > step.time - interval '2 days'
    ORDER BY snapshot_timestamp DESC LIMIT 1
) newest
GROUP BY step.time ORDER BY step.time
"""


async def test_a_curve_of_sums_is_that_of_the_wallets(pool: Pool) -> None:
    """With wallets that begin later, miss hours, stop for good, are renamed and are removed."""
    stories = [await a_story(pool) for _ in range(4)]
    for number, story in enumerate(stories):
        await renamed(pool, story, f"sim_{number}")
    user_id = await of_one_user(pool, *stories)
    choice = Random(7)
    hours = 120
    snapshots = [
        a_snapshot(
            story.agent_id,
            story.wallet,
            NOON + hour * HOUR,
            portfolio_balance_sol=Decimal(choice.randrange(10**12)) / 10**9,
        )
        for number, story in enumerate(stories)
        for hour in range(number * 20, hours)
        # Most hours are complete; the third wallet misses some, and the last one stops.
        if not (number == 2 and choice.random() < 0.1) and not (number == 3 and hour > 70)
    ]
    await PostgresPerformance(pool).save(snapshots)
    # Valued anew, as by a second run.
    await PostgresPerformance(pool).save(
        [replace(one, portfolio_balance_sol=one.portfolio_balance_sol + 1) for one in snapshots[::7]]
    )

    async def is_the_same() -> bool:
        start, end = NOON - 3 * HOUR, NOON + (hours + 60) * HOUR
        found = await PostgresOverview(pool).equity(user_id, PAPER, start, end, HOUR)
        expected = [EquityPoint(**row) for row in await pool.fetch(_BY_WALLET, user_id, start, end)]
        return found == expected and await begins_are_right(pool)

    assert await is_the_same()
    await renamed(pool, stories[1], "sim_other")
    assert await is_the_same()
    await pool.execute("DELETE FROM agent_wallets WHERE wallet_address = $1", stories[3].wallet)
    assert await is_the_same()
    await pool.execute("DELETE FROM agent_balance_snapshots WHERE snapshot_timestamp < $1", NOON + 30 * HOUR)
    assert await is_the_same()
    assert await PostgresOverview(pool).first_snapshot(user_id, PAPER) == NOON + 30 * HOUR
    await pool.execute("DELETE FROM agent_balance_snapshots")
    assert await PostgresOverview(pool).first_snapshot(user_id, PAPER) is None
    assert await pool.fetchval("SELECT count(*) FROM snapshot_hours") == 0
    assert await pool.fetchval("SELECT count(*) FROM snapshot_begins") == 0


async def begins_are_right(pool: Pool) -> bool:
    kept = await pool.fetch("SELECT agent_id, wallet_address, begun_at FROM snapshot_begins ORDER BY 1, 2")
    return kept == await pool.fetch(
        "SELECT agent_id, wallet_address, min(snapshot_timestamp) AS begun_at FROM agent_balance_snapshots"
        " GROUP BY 1, 2 ORDER BY 1, 2"
    )


@pytest.mark.parametrize("removed_first", [True, False])
async def test_snapshots_that_come_while_others_go_begin_a_wallet_anew(
    pool: Pool, removed_first: bool
) -> None:
    story = await a_story(pool)
    performance = PostgresPerformance(pool)
    await performance.save(
        [a_snapshot(story.agent_id, story.wallet, NOON + hour * HOUR) for hour in range(3)]
    )
    remove = ("DELETE FROM agent_balance_snapshots WHERE wallet_address = $1", story.wallet)
    add = (_ADD, new_id(), story.agent_id, story.wallet, NOON + 3 * HOUR)
    first, then = (remove, add) if removed_first else (add, remove)

    async with (
        pool.acquire() as one,
        pool.acquire() as other,
        asyncio.TaskGroup() as group,
        one.transaction(),
    ):
        await one.execute(*first)
        waiting = group.create_task(other.execute(*then))
        async with asyncio.timeout(10):
            while not await pool.fetchval(_WAITS, other.get_server_pid()):
                assert not waiting.done()

    begins = await pool.fetch("SELECT wallet_address, begun_at FROM snapshot_begins")
    assert [tuple(row) for row in begins] == [(story.wallet, NOON + 3 * HOUR)]
    assert await begins_are_right(pool)
