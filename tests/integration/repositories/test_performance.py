"""Figures and snapshots in PostgreSQL, and the hourly job on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from redis.asyncio import Redis

from nexgent.domain.performance.models import Snapshot
from nexgent.domain.performance.summary import ClosedTradeTotals
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.stores.performance import JournalHistory, PostgresPerformance
from nexgent.infrastructure.queue.jobs import JobServices, QueueObserver
from nexgent.infrastructure.queue.snapshots import RedisLastPrices, snapshot_cron
from nexgent.shared.ids import new_id
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.builders import T0, TOKEN, a_snapshot
from tests.fakes.clock import FakeClock
from tests.integration.database.story import Story, add_owners
from tests.integration.repositories.conftest import Pool

HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
async def journal(database_url: str) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(database_url)
    yield journal
    await journal.close()


async def a_story(pool: Pool) -> Story:
    story = Story()
    async with pool.acquire() as connection:
        await add_owners(connection, [story])  # type: ignore[arg-type]  # A pooled one serves as well.
    return story


def of_story(story: Story, hour: datetime, value: str = "12.5") -> Snapshot:
    return a_snapshot(story.agent_id, story.wallet, hour, portfolio_balance_sol=Decimal(value))


async def add_trade(pool: Pool, story: Story, sold_at: datetime, profit: str, change: str) -> None:
    await pool.execute(
        "INSERT INTO agent_historical_swaps (id, agent_id, wallet_address, token_address, token_symbol, amount,"
        " purchase_price, sale_price, change_percent, profit_loss_usd, profit_loss_sol, purchase_time, sale_time)"
        " VALUES ($1, $2, $3, 'token', 'T', 1, 1, 1, $4, 0, $5, $6, $6)",
        new_id(),
        story.agent_id,
        story.wallet,
        Decimal(change),
        Decimal(profit),
        sold_at,
    )


async def test_closed_trades_are_summed_up(pool: Pool) -> None:
    story, other = await a_story(pool), await a_story(pool)
    tables = PostgresPerformance(pool)
    for profit, change, age in (("0.1", "10", 0), ("-0.2", "-20", 1), ("0.5", "50", 30), ("0", "0", 40)):
        await add_trade(pool, story, T0 - timedelta(hours=age), profit, change)
    await add_trade(pool, other, T0, "99", "99")

    everything = await tables.closed_totals(story.agent_id, None, None)

    assert everything == ClosedTradeTotals(4, 2, Decimal("0.4"), Decimal(40))
    assert everything == await tables.closed_totals(story.agent_id, story.wallet, None)
    recent = await tables.closed_totals(story.agent_id, None, T0 - HOUR)
    assert recent == ClosedTradeTotals(2, 1, Decimal("-0.1"), Decimal(-10))
    assert await tables.closed_totals(story.agent_id, other.wallet, None) == ClosedTradeTotals()


async def test_an_hour_has_one_snapshot(pool: Pool) -> None:
    story = await a_story(pool)
    tables = PostgresPerformance(pool)
    assert await tables.save([]) == 0
    assert await tables.save([of_story(story, T0), of_story(story, T0 + HOUR)]) == 2

    await tables.save([of_story(story, T0, "13")])

    assert await tables.snapshots_since(story.agent_id, story.wallet, T0) == [
        of_story(story, T0, "13"),
        of_story(story, T0 + HOUR),
    ]
    assert await tables.snapshots_since(story.agent_id, story.wallet, T0 + HOUR) == [
        of_story(story, T0 + HOUR)
    ]
    (due,) = await tables.due()
    assert (due.wallet_address, due.last_hour) == (story.wallet, T0 + HOUR)


async def test_a_wallet_that_is_gone_gets_no_snapshot(pool: Pool) -> None:
    story = await a_story(pool)
    await pool.execute("DELETE FROM agent_wallets WHERE wallet_address = $1", story.wallet)
    assert await PostgresPerformance(pool).save([of_story(story, T0)]) == 0


async def test_days_begin_at_midnight_utc_whatever_the_session_thinks(pool: Pool) -> None:
    story = await a_story(pool)
    tables = PostgresPerformance(pool)
    await tables.save([of_story(story, MIDNIGHT - HOUR * back) for back in range(1, 6)])
    # A wallet that has not seen a midnight yet shows its hours.
    assert len(await tables.daily_snapshots(story.agent_id, story.wallet)) == 5

    await tables.save([of_story(story, MIDNIGHT), of_story(story, MIDNIGHT + 24 * HOUR)])

    async with pool.acquire() as connection:
        await connection.execute("SET TIME ZONE 'Asia/Tokyo'")
    days = await tables.daily_snapshots(story.agent_id, story.wallet)
    assert [day.hour for day in days] == [MIDNIGHT, MIDNIGHT + 24 * HOUR]


async def test_a_wallets_history_comes_in_order_and_complete(pool: Pool, journal: PostgresJournal) -> None:
    story, other = await a_story(pool), await a_story(pool)
    entries = [story.deposit(), *story.buy(), *story.sell()]
    await journal.append(entries)
    await journal.append([other.deposit()])

    history = JournalHistory(journal)

    assert [entry async for entry in history.entries(story.wallet, 0)] == entries
    assert [entry async for entry in history.entries(WalletAddress("nobody"), 0)] == []


async def test_prices_come_from_the_cache_exactly(redis: Redis) -> None:
    keys = CacheKeys()
    tokens = [TokenAddress(name) for name in ("tiny", "absent", "broken", "zero")]
    await redis.set(
        keys.price(tokens[0]), b'{"priceSol":1.23456789012345678E-11,"priceUsd":null,"lastUpdated":"x"}'
    )
    await redis.set(keys.price(tokens[2]), b"{")
    await redis.set(keys.price(tokens[3]), b'{"priceSol":0,"priceUsd":0,"lastUpdated":"x"}')

    assert await RedisLastPrices(redis, keys).latest(tokens) == {
        tokens[0]: Decimal("1.23456789012345678E-11")
    }


async def test_the_job_captures_the_hour_and_catches_up(
    pool: Pool, journal: PostgresJournal, database_url: str, redis: Redis
) -> None:
    story = await a_story(pool)
    await pool.execute("UPDATE agent_wallets SET created_at = $1", T0 - timedelta(minutes=5))
    await journal.append([story.deposit(), *story.buy()])
    keys, clock = CacheKeys(), FakeClock()
    clock.advance(3600 + 4)
    await redis.set(keys.price(TOKEN), b'{"priceSol":0.5E-12,"priceUsd":null,"lastUpdated":"x"}')
    jobs: list[tuple[str, str]] = []
    observer = QueueObserver(job=lambda name, outcome, seconds: jobs.append((name, outcome)))
    reports: list[tuple[int, int]] = []
    job = snapshot_cron(
        database_url,
        keys=keys,
        clock=clock,
        on_report=lambda stored, failed: reports.append((stored, failed)),
    )

    context = {"redis": redis, "services": JobServices(None, observer)}  # type: ignore[arg-type]
    assert await job.coroutine(context) == 2
    assert await job.coroutine(context) == 0

    noon, one = await PostgresPerformance(pool).snapshots_since(story.agent_id, story.wallet, T0)
    assert (noon.hour, noon.portfolio_balance_sol) == (T0, Decimal(0))
    state = story.state
    (position,) = state.positions.values()
    assert one.positions_value_sol == (position.quantity * Decimal("0.5E-12")).quantize(
        Decimal("1e-18"), ROUND_HALF_UP
    )
    assert one.sol_balance + one.positions_value_sol == one.portfolio_balance_sol
    assert jobs == [("capture_snapshots", "success")] * 2
    assert reports == [(2, 0), (0, 0)]
    assert (job.minute, job.second, job.run_at_startup) == (0, 2, True)
