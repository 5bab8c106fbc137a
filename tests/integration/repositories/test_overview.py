"""Sums and curves over several agents in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.performance.models import EquityPoint
from nexgent.infrastructure.database.stores.overview import PostgresOverview
from nexgent.infrastructure.database.stores.performance import PostgresPerformance
from nexgent.shared.ids import new_id
from nexgent.shared.types import WalletAddress
from tests.builders import a_snapshot
from tests.integration.database.story import Story
from tests.integration.repositories.conftest import Pool
from tests.integration.repositories.test_performance import a_story

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAPER, LIVE = TradingMode.SIMULATION, TradingMode.LIVE


async def renamed(pool: Pool, story: Story, wallet: str) -> None:
    await pool.execute(
        "UPDATE agent_wallets SET wallet_address = $2 WHERE wallet_address = $1", story.wallet, wallet
    )
    story.wallet = WalletAddress(wallet)


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
    await sold(pool, one, NOON, "0.5")
    await sold(pool, two, NOON - 48 * HOUR, "-0.2")
    await sold(pool, other, NOON, "99")
    await sold(pool, real, NOON, "7")
    mine = [one.agent_id, two.agent_id, real.agent_id]
    starts = {"today": NOON - HOUR, "7d": NOON - 168 * HOUR, "never": NOON + HOUR, "all": None}

    paper = await PostgresOverview(pool).totals_by_period(mine, PAPER, starts)
    live = await PostgresOverview(pool).totals_by_period(mine, LIVE, starts)

    assert [(p.period, p.count, p.wins, p.profit_loss_sol, p.profit_loss_usd) for p in paper] == [
        ("today", 1, 1, Decimal("0.5"), Decimal(50)),
        ("7d", 2, 1, Decimal("0.3"), Decimal(30)),
        ("never", 0, 0, Decimal(0), Decimal(0)),
        ("all", 2, 1, Decimal("0.3"), Decimal(30)),
    ]
    assert [p.since for p in paper] == list(starts.values())
    assert [p.profit_loss_sol for p in live] == [7, 7, 0, 7]
    assert [p.count for p in await PostgresOverview(pool).totals_by_period([], PAPER, starts)] == [0] * 4


async def test_a_curve_adds_up_wallets_and_bridges_gaps(pool: Pool) -> None:
    one, two, other = [await a_story(pool) for _ in range(3)]
    for number, story in enumerate((one, two, other)):
        await renamed(pool, story, f"sim_{number}")
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
    mine = [one.agent_id, two.agent_id]

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
