"""Recorded prices in PostgreSQL: put together, read, forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from nexgent.domain.price_history.models import (
    Candle,
    CandleRow,
    MarkerKind,
    Recorded,
    RefusalRow,
    Resolution,
    SourceLine,
    SourcePoint,
    SourcesRecorded,
)
from nexgent.domain.prices.models import PriceSource, RefusalReason
from nexgent.infrastructure.database.pool import PRICE_HISTORY, LazyPool
from nexgent.infrastructure.database.stores.price_history import (
    PostgresPriceHistory,
    PostgresPriceRecords,
    forget_old_prices,
)
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, UserId
from tests.integration.database.story import Story, add_owners
from tests.integration.repositories.conftest import Pool, add_user

A, B = TokenAddress("A"), TokenAddress("B")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = int(NOON.timestamp())
DAY = timedelta(days=1)


def candle(*prices: str, source: str = "jupiter") -> Candle:
    opened, high, low, close = map(Decimal, prices)
    return Candle(opened, high, low, close, source)


def seconds(**prices: dict[int, str]) -> Recorded:
    given = {
        (TokenAddress(token), MINUTE): {second: Decimal(price) for second, price in of_token.items()}
        for token, of_token in prices.items()
    }
    return Recorded(given, {}, {})


@pytest.fixture
async def records(database_url: str) -> AsyncIterator[PostgresPriceRecords]:
    pool = LazyPool(database_url, PRICE_HISTORY)
    yield PostgresPriceRecords(pool)
    await pool.close()


async def closes(pool: Pool, token: TokenAddress, **period: Any) -> list[tuple[int, str]]:
    bounds = {"start": NOON, "end": NOON + DAY, "limit": 1000, **period}
    rows = await PostgresPriceHistory(pool).candles(token, Resolution.SECOND, **bounds)
    return [(int((row.time - NOON).total_seconds()), row.close) for row in rows]


async def test_seconds_come_together_whatever_was_written_before(
    pool: Pool, records: PostgresPriceRecords
) -> None:
    await records.add(seconds(A={0: "1", 2: "0.00000000012"}, B={59: "7"}))
    await records.add(seconds(A={2: "3", 59: "4"}))
    again = seconds(A={2: "3", 59: "4"})
    await records.add(again)

    assert await closes(pool, A) == [(0, "1"), (2, "3"), (59, "4")]
    assert await closes(pool, B) == [(59, "7")]
    assert await pool.fetchval("SELECT count(*) FROM price_seconds") == 2
    assert {len(row["closes"]) for row in await pool.fetch("SELECT closes FROM price_seconds")} == {60}


async def test_a_period_has_both_bounds_and_the_newest_of_it(
    pool: Pool, records: PostgresPriceRecords
) -> None:
    await records.add(seconds(A={number: str(number + 1) for number in range(60)}))
    start, end = NOON + timedelta(seconds=10), NOON + timedelta(seconds=12)

    assert await closes(pool, A, start=start, end=end) == [(10, "11"), (11, "12"), (12, "13")]
    assert await closes(pool, A, limit=2) == [(58, "59"), (59, "60")]
    assert await closes(pool, A, start=start, end=NOON) == []


async def test_candles_come_together(pool: Pool, records: PostgresPriceRecords) -> None:
    place = (A, MINUTE)
    await records.add(Recorded({}, {place: candle("2", "5", "2", "4")}, {place: candle("2", "5", "2", "4")}))
    later = candle("4", "4.5", "0.000000000001", "3", source="dexscreener")
    for _ in range(2):
        await records.add(Recorded({}, {place: later, (A, MINUTE + 60): candle("3", "3", "3", "3")}, {}))

    queries = PostgresPriceHistory(pool)
    minutes = await queries.candles(A, Resolution.MINUTE, NOON, NOON + DAY, 10)
    hours = await queries.candles(A, Resolution.HOUR, NOON, NOON + DAY, 10)

    assert minutes == [
        CandleRow(NOON, "2", "5", "0.000000000001", "3", "dexscreener"),
        CandleRow(NOON + timedelta(minutes=1), "3", "3", "3", "3", "jupiter"),
    ]
    assert hours == [CandleRow(NOON, "2", "5", "2", "4", "jupiter")]
    assert await queries.candles(A, Resolution.MINUTE, NOON, NOON + DAY, 1) == minutes[1:]
    assert await queries.candles(B, Resolution.MINUTE, NOON, NOON + DAY, 1) == []


async def test_what_is_old_is_forgotten(pool: Pool, records: PostgresPriceRecords) -> None:
    places = {(A, MINUTE + 3600 * hour): candle("1", "1", "1", "1") for hour in (0, 1, 2, 3)}
    times = {place: {0: Decimal(1)} for place in places}
    await records.add(Recorded(times, dict(places), dict(places)))
    now = NOON + timedelta(hours=3)

    async def forget() -> int:
        return await forget_old_prices(
            pool, now, seconds=timedelta(hours=1), minutes=timedelta(hours=2), hours=timedelta(0)
        )

    assert await forget() == 2 + 1 + 3
    assert await forget() == 0
    assert await pool.fetchval("SELECT min(minute) FROM price_seconds") == NOON + timedelta(hours=2)


async def test_markers_are_the_trades_and_signals_of_the_user(pool: Pool) -> None:
    story, other = Story(), Story()
    async with pool.acquire() as connection:
        await add_owners(connection, [story, other])  # type: ignore[arg-type]  # A pooled one serves as well.
    user = UserId(await pool.fetchval("SELECT user_id FROM agents WHERE id = $1", story.agent_id))
    stranger = await add_user(pool)
    agents = [story.agent_id]

    async def trade(minute: int, given: str, taken: str, amounts: tuple[str, str], **flags: bool) -> Any:
        return await pool.fetchval(
            "INSERT INTO agent_transactions (id, agent_id, wallet_address, transaction_type, transaction_value_usd,"
            " transaction_time, input_mint, input_amount, output_mint, output_amount, is_dca, is_take_profit, updated_at)"
            " VALUES ($1, $2, $3, 'SWAP', 0, $4, $5, $6, $7, $8, $9, $10, now()) RETURNING id",
            new_id(),
            story.agent_id,
            story.wallet,
            NOON + timedelta(minutes=minute),
            given,
            Decimal(amounts[0]),
            taken,
            Decimal(amounts[1]),
            flags.get("dca", False),
            flags.get("take_profit", False),
        )

    signal = await pool.fetchval(
        "INSERT INTO trading_signals (token_address, signal_type, signal_strength, user_id, created_at, updated_at)"
        " VALUES ('A', 'TEST', 3, $1, $2, now()) RETURNING id",
        user,
        NOON,
    )
    await trade(1, SOL_MINT, A, ("2", "1000"))
    await trade(2, SOL_MINT, A, ("1", "1000"), dca=True)
    await trade(3, A, SOL_MINT, ("500", "2"), take_profit=True)
    last = await trade(4, A, SOL_MINT, ("1500", "3"), take_profit=True)
    await trade(5, SOL_MINT, B, ("1", "1"))
    await pool.execute(
        "INSERT INTO agent_historical_swaps (id, agent_id, wallet_address, token_address, token_symbol, amount,"
        " purchase_price, sale_price, change_percent, profit_loss_usd, profit_loss_sol, purchase_time, sale_time,"
        " sale_transaction_id, close_reason) VALUES ($1, $2, $3, 'A', 'A', 1, 1, 1, 1, 0, 2, $4, $4, $5, 'take_profit')",
        new_id(),
        story.agent_id,
        story.wallet,
        NOON,
        last,
    )
    queries = PostgresPriceHistory(pool)

    found = await queries.markers(A, user, agents, NOON, NOON + DAY, 100)

    assert [(one.kind, one.price_sol, one.reason) for one in found] == [
        (MarkerKind.SIGNAL, None, "TEST"),
        (MarkerKind.ENTRY, Decimal("0.002"), None),
        (MarkerKind.AVERAGE_DOWN, Decimal("0.001"), None),
        (MarkerKind.PARTIAL_SALE, Decimal("0.004"), None),
        (MarkerKind.EXIT, Decimal("0.002"), "take_profit"),
    ]
    assert (found[0].signal_id, found[-1].transaction_id, found[-1].profit_loss_sol) == (
        signal,
        last,
        Decimal(2),
    )
    assert await queries.markers(A, user, agents, NOON, NOON + DAY, 2) == found[-2:]
    assert await queries.markers(A, stranger, [other.agent_id], NOON, NOON + DAY, 100) == []
    assert await queries.dealt_with(A, user, [])
    assert await queries.dealt_with(A, stranger, agents)
    assert not await queries.dealt_with(A, stranger, [other.agent_id])
    assert not await queries.dealt_with(B, user, agents), (
        "bought by hand of a transaction, and never a position"
    )


async def test_stops_and_peaks_are_noted_once_a_minute_as_they_move(
    pool: Pool, records: PostgresPriceRecords
) -> None:
    story = Story()
    async with pool.acquire() as connection:
        await add_owners(connection, [story])  # type: ignore[arg-type]  # A pooled one serves as well.
    position, bought = new_id(), new_id()
    base = datetime.now(UTC).replace(second=30)
    await pool.execute(
        "INSERT INTO agent_transactions (id, agent_id, wallet_address, transaction_type, transaction_value_usd,"
        " transaction_time, updated_at) VALUES ($1, $2, $3, 'SWAP', 0, now(), now())",
        bought,
        story.agent_id,
        story.wallet,
    )
    await pool.execute(
        "INSERT INTO agent_positions (id, agent_id, wallet_address, token_address, token_symbol, purchase_transaction_id,"
        " purchase_price, purchase_amount, current_stop_loss_percentage, peak_price,"
        " version, base_version, state, created_at, updated_at)"
        " VALUES ($1, $2, $3, 'A', 'A', $4, 2, 10, -10, 2, 1, 1, '{}', $5, now())",
        position,
        story.agent_id,
        story.wallet,
        bought,
        base - timedelta(minutes=3),
    )

    async def moves(minutes_ago: int, stop_pct: int, peak: int) -> None:
        await pool.execute(
            "INSERT INTO position_marks (position_id, position_version, peak_price_sol, lowest_price_sol, stop_loss_pct,"
            " updated_at) VALUES ($1, 1, $2, 1, $3, $4) ON CONFLICT (position_id) DO UPDATE"
            " SET peak_price_sol = $2, stop_loss_pct = $3, updated_at = excluded.updated_at",
            position,
            Decimal(peak),
            Decimal(stop_pct),
            base - timedelta(minutes=minutes_ago),
        )

    assert await records.add_lines(60) == 0
    assert await records.add_lines(600) == 1
    assert await records.add_lines(600) == 0
    await moves(2, 5, 3)
    assert await records.add_lines(600) == 1
    await moves(2, 50, 4)
    assert await records.add_lines(600) == 1

    queries, now = PostgresPriceHistory(pool), datetime.now(UTC)
    [line] = await queries.lines(A, [story.agent_id], now - DAY, now, 100)
    assert (line.position_id, line.agent_id) == (position, story.agent_id)
    # Take profit is off unless somebody wants it.
    assert [(one.stop_price_sol, one.peak_price_sol, one.target_price_sol) for one in line.points] == [
        (Decimal("1.8"), Decimal(2), None),
        (Decimal(3), Decimal(4), None),
    ]
    first, second = [one.minute for one in line.points]
    assert second - first == timedelta(minutes=1)
    # A period begins with where the line comes from.
    [part] = await queries.lines(A, [story.agent_id], second, now, 100)
    assert list(part.points) == list(line.points)
    [newest] = await queries.lines(A, [story.agent_id], now - DAY, now, 1)
    assert list(newest.points) == list(line.points)[1:]
    assert await queries.lines(B, [story.agent_id], now - DAY, now, 100) == []
    assert await queries.lines(A, [Story().agent_id], now - DAY, now, 100) == []

    await forget_old_prices(pool, second, seconds=DAY, minutes=timedelta(0), hours=DAY)
    assert await pool.fetchval("SELECT min(minute) FROM position_lines") == second


async def test_the_next_level_moves_with_sales_and_rules(pool: Pool, records: PostgresPriceRecords) -> None:
    story = Story()
    async with pool.acquire() as connection:
        await add_owners(connection, [story])  # type: ignore[arg-type]  # A pooled one serves as well.
    position, bought = new_id(), new_id()
    now = datetime.now(UTC)
    await pool.execute(
        "INSERT INTO agent_transactions (id, agent_id, wallet_address, transaction_type, transaction_value_usd,"
        " transaction_time, updated_at) VALUES ($1, $2, $3, 'SWAP', 0, now(), now())",
        bought,
        story.agent_id,
        story.wallet,
    )
    await pool.execute(
        "INSERT INTO agent_positions (id, agent_id, wallet_address, token_address, token_symbol, purchase_transaction_id,"
        " purchase_price, purchase_amount, version, base_version, state, created_at, updated_at)"
        " VALUES ($1, $2, $3, 'A', 'A', $4, 2, 10, 1, 1, '{}', $5, now())",
        position,
        story.agent_id,
        story.wallet,
        bought,
        now - timedelta(minutes=9),
    )

    async def target() -> Decimal | None:
        await records.add_lines(3600)
        moment = datetime.now(UTC)
        [line] = await PostgresPriceHistory(pool).lines(A, [story.agent_id], moment - DAY, moment, 100)
        return line.points[-1].target_price_sol

    async def changes(minutes_ago: int, what: str) -> None:
        await pool.execute(
            f"UPDATE agent_positions SET last_take_profit_time = $1, {what}",
            now - timedelta(minutes=minutes_ago),
        )

    async def rules(minutes_ago: int, config: str) -> None:
        await pool.execute("UPDATE agents SET trading_config = $1 WHERE id = $2", config, story.agent_id)
        await pool.execute(
            "INSERT INTO agent_config_history (agent_id, saved_at, saved_by, config) VALUES ($1, $2, '', $3)",
            story.agent_id,
            now - timedelta(minutes=minutes_ago),
            config,
        )

    await rules(9, '{"takeProfit": {"enabled": true, "mode": "moderate"}}')
    assert await target() == Decimal(3)
    await changes(8, "take_profit_levels_hit = 1, total_take_profit_levels = 4")
    assert await target() == Decimal(5)
    levels = '[{"targetPercent": 10, "sellPercent": 50}, {"targetPercent": 12.5, "sellPercent": 50}]'
    await rules(
        7,
        f'{{"takeProfit": {{"enabled": true, "mode": "custom", "levels": {levels}, "moonBag": {{"enabled": false}}}}}}',
    )
    assert await target() == Decimal("2.25")
    await changes(6, "moon_bag_activated = true, moon_bag_amount = 1, remaining_amount = 1")
    assert await target() is None
    # Rules that cannot be read must not keep other positions from their lines.
    await rules(5, '{"takeProfit": {"enabled": "maybe"}}')
    assert await target() is None
    assert await pool.fetchval("SELECT count(*) FROM position_lines") == 5


async def test_sources_come_together_and_are_forgotten(pool: Pool, records: PostgresPriceRecords) -> None:
    dex, jup = PriceSource("dexscreener"), PriceSource("jupiter")
    queries, lasting = PostgresPriceHistory(pool), NOON + timedelta(minutes=3)
    words = {(A, dex, MINUTE): Decimal("1.5"), (A, jup, MINUTE): Decimal(1), (B, dex, MINUTE): Decimal(9)}
    doubt = {(A, dex, NOON): (RefusalReason.UNCONFIRMED, NOON + timedelta(minutes=1), False)}
    for again in (
        SourcesRecorded(words, doubt),
        SourcesRecorded(
            {(A, dex, MINUTE): Decimal(2), (A, dex, MINUTE + 120): Decimal(3)},
            {(A, dex, NOON): (RefusalReason.CONTRADICTED, lasting, True)},
        ),
        SourcesRecorded({}, doubt),
        SourcesRecorded({}, {(A, jup, lasting): (RefusalReason.FROZEN, lasting, False)}),
    ):
        await records.add_sources(again)

    assert await queries.sources(A, Resolution.MINUTE, NOON, NOON + DAY, 100) == [
        SourceLine("dexscreener", [SourcePoint(NOON, "2"), SourcePoint(NOON + timedelta(minutes=2), "3")]),
        SourceLine("jupiter", [SourcePoint(NOON, "1")]),
    ]
    [first, _] = await queries.sources(A, Resolution.HOUR, NOON, NOON + DAY, 100)
    assert list(first.points) == [SourcePoint(NOON, "3")]
    [newest] = await queries.sources(A, Resolution.MINUTE, NOON, NOON + DAY, 1)
    assert list(newest.points) == [SourcePoint(NOON + timedelta(minutes=2), "3")]
    refusals = [
        RefusalRow("dexscreener", RefusalReason.CONTRADICTED, NOON, lasting, is_over=True),
        RefusalRow("jupiter", RefusalReason.FROZEN, lasting, lasting),
    ]
    assert await queries.refusals(A, NOON, NOON + DAY, 100) == refusals
    assert await queries.refusals(A, NOON, NOON + DAY, 1) == refusals[1:]
    assert await queries.refusals(A, lasting + timedelta(seconds=1), NOON + DAY, 100) == []
    assert await queries.refusals(B, NOON, NOON + DAY, 100) == []

    await forget_old_prices(pool, NOON + DAY, seconds=DAY, minutes=DAY - timedelta(minutes=2), hours=DAY)
    assert await pool.fetchval("SELECT count(*) FROM source_prices") == 1
    await forget_old_prices(
        pool, lasting + timedelta(seconds=1), seconds=DAY, minutes=timedelta(0), hours=DAY
    )
    assert await pool.fetchval("SELECT count(*) FROM source_refusals") == 0
