"""Recorded prices in PostgreSQL.

Raw asyncpg: what is written are hundreds of rows as arrays every few seconds, put together with what is there by PostgreSQL's own
functions, and a second is an element of an array.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import chain

import asyncpg

from nexgent.domain.agents.config import parse_config
from nexgent.domain.agents.config_errors import InvalidConfigError
from nexgent.domain.agents.config_models import TakeProfitConfig
from nexgent.domain.price_history.models import (
    Candle,
    CandleRow,
    LinePoint,
    Marker,
    MarkerKind,
    Place,
    PositionLines,
    Recorded,
    RefusalRow,
    Resolution,
    SourceLine,
    SourcePoint,
    SourcesRecorded,
)
from nexgent.domain.prices.models import RefusalReason
from nexgent.domain.trading.rules.take_profit import next_level
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.pool import LazyPool
from nexgent.shared.money import CONTEXT, SOL_MINT
from nexgent.shared.types import AgentId, PositionId, TokenAddress, UserId

_SECONDS = 60
_DEADLINE = 30.0
_PLACES = Decimal("1e-18")
# PostgreSQL's arrays of arrays unnest to their elements: each minute takes its sixty of one long list.
_ADD_SECONDS = """
INSERT INTO price_seconds AS known (token_address, minute, closes)
SELECT given.token_address, given.minute, ($3::numeric[])[(given.n - 1) * 60 + 1 : given.n * 60]
FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS given (token_address, minute, n)
ORDER BY given.token_address, given.minute
ON CONFLICT (token_address, minute) DO UPDATE SET closes = (
    SELECT array_agg(coalesce(new.price, old.price) ORDER BY place.n)
    FROM generate_series(1, 60) AS place (n),
         LATERAL (SELECT excluded.closes[place.n] AS price) new,
         LATERAL (SELECT known.closes[place.n] AS price) old
)
"""
_ADD_CANDLES = """
INSERT INTO price_candles AS known (token_address, seconds, opened_at, open, high, low, close, source)
SELECT given.token_address, $1::smallint, given.opened_at, given.open, given.high, given.low, given.close, given.source
FROM unnest($2::text[], $3::timestamptz[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[], $8::text[])
    AS given (token_address, opened_at, open, high, low, close, source)
ORDER BY given.token_address, given.opened_at
ON CONFLICT (token_address, seconds, opened_at) DO UPDATE SET
    high = greatest(known.high, excluded.high),
    low = least(known.low, excluded.low),
    close = excluded.close,
    source = excluded.source
"""
_OF_SECONDS = """
SELECT time, price::text AS close
FROM (
    SELECT minute + make_interval(secs => place.n - 1) AS time, place.price
    FROM price_seconds, unnest(closes) WITH ORDINALITY AS place (price, n)
    WHERE token_address = $1 AND minute > $2::timestamptz - interval '1 minute' AND minute <= $3 AND place.price IS NOT NULL
) each
WHERE time >= $2 AND time <= $3
ORDER BY time DESC LIMIT $4
"""
_OF_CANDLES = """
SELECT opened_at AS time, open::text, high::text, low::text, close::text, source
FROM price_candles
WHERE token_address = $1 AND seconds = $2 AND opened_at >= $3 AND opened_at <= $4
ORDER BY opened_at DESC LIMIT $5
"""
_DEALT_WITH = """
SELECT EXISTS (SELECT FROM agent_historical_swaps WHERE agent_id = ANY ($3) AND token_address = $1)
    OR EXISTS (SELECT FROM agent_positions WHERE agent_id = ANY ($3) AND token_address = $1)
    OR EXISTS (SELECT FROM trading_signals WHERE token_address = $1 AND user_id = $2)
"""
# A position written off is burned; whatever closed one stands beside its last transaction.
_TRADES = """
SELECT t.transaction_time AS time, t.agent_id, t.signal_id, t.id, t.is_dca, t.is_take_profit,
       t.input_mint, t.input_amount, t.output_mint, t.output_amount, closed.profit_loss_sol, closed.close_reason
FROM agent_transactions t
LEFT JOIN LATERAL (
    SELECT h.profit_loss_sol, h.close_reason FROM agent_historical_swaps h WHERE h.sale_transaction_id = t.id LIMIT 1
) closed ON true
WHERE t.agent_id = ANY ($1) AND t.transaction_time >= $2 AND t.transaction_time <= $3
  AND t.transaction_type IN ('SWAP', 'BURN') AND (t.output_mint = $4 OR t.input_mint = $4)
ORDER BY t.transaction_time DESC LIMIT $5
"""
_SIGNALS = """
SELECT id, created_at, signal_type FROM trading_signals
WHERE token_address = $1 AND user_id = $2 AND created_at >= $3 AND created_at <= $4
ORDER BY created_at DESC LIMIT $5
"""
# What a trail says is newer than the row of its position. Whatever was not written while no worker ran is a straight line.
# The next level moves with a sale, with an average down, and with the rules of the agent.
_MOVED = """
SELECT p.id, date_trunc('minute', moved.at) AS minute, p.agent_id, p.token_address,
       round(p.purchase_price * (1 + coalesce(m.stop_loss_pct, p.current_stop_loss_percentage) / 100), 18) AS stop,
       coalesce(m.peak_price_sol, p.peak_price, p.purchase_price) AS peak,
       p.purchase_price AS entry, p.take_profit_levels_hit, p.tp_batch_start_level, p.total_take_profit_levels,
       coalesce(p.moon_bag_activated AND p.remaining_amount <= p.moon_bag_amount, false) AS only_moon_bag,
       a.trading_config::text AS config
FROM agent_positions p
JOIN agents a ON a.id = p.agent_id
LEFT JOIN position_marks m ON m.position_id = p.id
LEFT JOIN LATERAL (
    SELECT saved_at FROM agent_config_history h WHERE h.agent_id = p.agent_id ORDER BY h.id DESC LIMIT 1
) rules ON true
CROSS JOIN LATERAL (
    SELECT greatest(m.updated_at, p.created_at, p.last_take_profit_time, p.last_dca_time, rules.saved_at) AS at
) moved
WHERE moved.at > now() - make_interval(secs => $1)
ORDER BY p.id
"""
_ADD_LINES = """
INSERT INTO position_lines AS known
    (position_id, minute, agent_id, token_address, stop_price_sol, peak_price_sol, target_price_sol)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::text[], $5::numeric[], $6::numeric[], $7::numeric[])
ON CONFLICT (position_id, minute) DO UPDATE SET
    stop_price_sol = excluded.stop_price_sol,
    peak_price_sol = excluded.peak_price_sol,
    target_price_sol = excluded.target_price_sol
WHERE (known.stop_price_sol, known.peak_price_sol, known.target_price_sol)
    IS DISTINCT FROM (excluded.stop_price_sol, excluded.peak_price_sol, excluded.target_price_sol)
"""
_LINES = """
SELECT position_id, agent_id, minute, stop_price_sol, peak_price_sol, target_price_sol FROM (
    SELECT * FROM position_lines
    WHERE token_address = $1 AND agent_id = ANY ($2) AND minute >= $3 AND minute <= $4
    UNION ALL
    SELECT * FROM (
        SELECT DISTINCT ON (position_id) * FROM position_lines
        WHERE token_address = $1 AND agent_id = ANY ($2) AND minute < $3
        ORDER BY position_id, minute DESC
    ) before
) shown
ORDER BY minute DESC LIMIT $5
"""
_ADD_SOURCE_PRICES = """
INSERT INTO source_prices AS known (token_address, source, minute, price_sol)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::numeric[]) ORDER BY 1, 2, 3
ON CONFLICT (token_address, source, minute) DO UPDATE SET price_sol = excluded.price_sol
WHERE known.price_sol <> excluded.price_sol
"""
_ADD_REFUSALS = """
INSERT INTO source_refusals AS known (token_address, source, since, until, reason, is_over)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::boolean[]) ORDER BY 1, 2, 3
ON CONFLICT (token_address, source, since) DO UPDATE
SET until = excluded.until, reason = excluded.reason, is_over = excluded.is_over
WHERE known.until < excluded.until
"""
_SOURCES = """
SELECT source, time, price_sol::text AS price FROM (
    SELECT DISTINCT ON (source, time) source, date_trunc($5, minute, 'UTC') AS time, price_sol
    FROM source_prices WHERE token_address = $1 AND minute >= $2 AND minute <= $3
    ORDER BY source, time, minute DESC
) said
ORDER BY time DESC, source LIMIT $4
"""
_REFUSALS = """
SELECT source, reason, since, until, is_over FROM source_refusals
WHERE token_address = $1 AND until >= $2 AND since <= $3
ORDER BY since DESC LIMIT $4
"""


class PostgresPriceRecords:
    """Implements `PriceHistoryStore`, for the worker."""

    def __init__(self, pool: LazyPool) -> None:
        self._pool = pool

    async def add(self, recorded: Recorded) -> None:
        """Put what was recorded together with what is there, in one transaction."""
        with translated_errors("record prices"):
            pool = await self._pool.get()
            async with pool.acquire() as connection, connection.transaction():
                if recorded.seconds:
                    await connection.execute(_ADD_SECONDS, *_seconds(recorded.seconds), timeout=_DEADLINE)
                for length, candles in ((60, recorded.minutes), (3600, recorded.hours)):
                    if candles:
                        await connection.execute(_ADD_CANDLES, length, *_columns(candles), timeout=_DEADLINE)

    async def add_lines(self, back_seconds: float) -> int:
        """Note where lines of positions stand that have moved in the last so many seconds; return how many have."""
        with translated_errors("record stops"):
            pool = await self._pool.get()
            moved = await pool.fetch(_MOVED, back_seconds, timeout=_DEADLINE)
            if not moved:
                return 0
            columns = [[row[place] for row in moved] for place in range(6)]
            targets = [_target(row) for row in moved]
            done = await pool.execute(_ADD_LINES, *columns, targets, timeout=_DEADLINE)
        return int(done.rpartition(" ")[2])

    async def add_sources(self, recorded: SourcesRecorded) -> None:
        """Put what was heard of sources together with what is there, in one transaction."""
        with translated_errors("record price sources"):
            pool = await self._pool.get()
            async with pool.acquire() as connection, connection.transaction():
                if recorded.words:
                    tokens, sources, minutes = zip(*recorded.words, strict=True)
                    starts = [_moment(minute) for minute in minutes]
                    await connection.execute(
                        _ADD_SOURCE_PRICES,
                        tokens,
                        sources,
                        starts,
                        list(recorded.words.values()),
                        timeout=_DEADLINE,
                    )
                if recorded.refusals:
                    tokens, sources, since = zip(*recorded.refusals, strict=True)
                    reasons, until, over = zip(*recorded.refusals.values(), strict=True)
                    await connection.execute(
                        _ADD_REFUSALS, tokens, sources, since, until, reasons, over, timeout=_DEADLINE
                    )


class PostgresPriceHistory:
    """Implements `PriceHistoryQueries`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def candles(
        self, token: TokenAddress, resolution: Resolution, start: datetime, end: datetime, limit: int
    ) -> Sequence[CandleRow]:
        """Return the newest candles that begin in a period, bounds included, oldest first."""
        with translated_errors("read prices"):
            if resolution is Resolution.SECOND:
                rows = await self._pool.fetch(_OF_SECONDS, token, start, end, limit)
                return [CandleRow(time, close, close, close, close) for time, close in reversed(rows)]
            rows = await self._pool.fetch(_OF_CANDLES, token, resolution.seconds, start, end, limit)
        return [CandleRow(*row) for row in reversed(rows)]

    async def dealt_with(self, token: TokenAddress, user_id: UserId, agents: Collection[AgentId]) -> bool:
        """Tell whether one of the agents ever held a token, or the user ever had a signal for it."""
        with translated_errors("read prices"):
            return bool(await self._pool.fetchval(_DEALT_WITH, token, user_id, list(agents)))

    async def markers(
        self,
        token: TokenAddress,
        user_id: UserId,
        agents: Collection[AgentId],
        start: datetime,
        end: datetime,
        limit: int,
    ) -> Sequence[Marker]:
        """Return the newest trades of the agents and signals of the user in a period, oldest first."""
        with translated_errors("read trades"):
            trades = await self._pool.fetch(_TRADES, list(agents), start, end, token, limit)
            signals = await self._pool.fetch(_SIGNALS, token, user_id, start, end, limit)
        found = [_trade(row, token) for row in trades]
        found += [
            Marker(time=at, kind=MarkerKind.SIGNAL, signal_id=number, reason=kind)
            for number, at, kind in signals
        ]
        found.sort(key=lambda marker: marker.time)
        return found[-limit:]

    async def lines(
        self,
        token: TokenAddress,
        agents: Collection[AgentId],
        start: datetime,
        end: datetime,
        limit: int,
    ) -> Sequence[PositionLines]:
        """Return how stops and peaks of the agents' positions moved in a period: the newest points, oldest first."""
        with translated_errors("read stops"):
            rows = await self._pool.fetch(_LINES, token, list(agents), start, end, limit)
        points: dict[tuple[PositionId, AgentId], list[LinePoint]] = {}
        for row in reversed(rows):
            of = points.setdefault((row["position_id"], row["agent_id"]), [])
            of.append(
                LinePoint(
                    row["minute"], row["stop_price_sol"], row["peak_price_sol"], row["target_price_sol"]
                )
            )
        return [PositionLines(position, agent, line) for (position, agent), line in points.items()]

    async def sources(
        self, token: TokenAddress, resolution: Resolution, start: datetime, end: datetime, limit: int
    ) -> Sequence[SourceLine]:
        """Return what each source said in a period: the newest points, oldest first."""
        part = "hour" if resolution is Resolution.HOUR else "minute"
        # The word of a minute belongs to all of it.
        since = start - timedelta(minutes=1)
        with translated_errors("read price sources"):
            rows = await self._pool.fetch(_SOURCES, token, since, end, limit, part)
        points: dict[str, list[SourcePoint]] = {}
        for source, time, price in reversed(rows):
            points.setdefault(source, []).append(SourcePoint(time, price))
        return [SourceLine(source, points[source]) for source in sorted(points)]

    async def refusals(
        self, token: TokenAddress, start: datetime, end: datetime, limit: int
    ) -> Sequence[RefusalRow]:
        """Return the newest times in a period during which the words of a source were not taken, oldest first."""
        with translated_errors("read price sources"):
            rows = await self._pool.fetch(_REFUSALS, token, start, end, limit)
        return [
            RefusalRow(source, RefusalReason(reason), since, until, is_over)
            for source, reason, since, until, is_over in reversed(rows)
        ]


async def forget_old_prices(
    pool: asyncpg.Pool[asyncpg.Record],
    now: datetime,
    *,
    seconds: timedelta,
    minutes: timedelta,
    hours: timedelta,
) -> int:
    """Delete prices that are older than they are to be kept; return how many rows. Raises `UnavailableError`."""
    with translated_errors("delete old prices"):
        done = [
            await pool.execute("DELETE FROM price_seconds WHERE minute < $1", now - seconds),
            await pool.execute("DELETE FROM position_lines WHERE minute < $1", now - minutes),
            await pool.execute("DELETE FROM source_prices WHERE minute < $1", now - minutes),
            await pool.execute("DELETE FROM source_refusals WHERE until < $1", now - minutes),
            *[
                await pool.execute(
                    "DELETE FROM price_candles WHERE seconds = $1 AND opened_at < $2", length, now - kept
                )
                for length, kept in ((60, minutes), (3600, hours))
            ],
        ]
    return sum(int(one.rpartition(" ")[2]) for one in done)


def _seconds(
    given: dict[Place, dict[int, Decimal]],
) -> tuple[list[str], list[datetime], list[Decimal | None]]:
    closes = chain.from_iterable(
        [minute.get(second) for second in range(_SECONDS)] for minute in given.values()
    )
    return [token for token, _ in given], [_moment(start) for _, start in given], list(closes)


def _columns(given: dict[Place, Candle]) -> tuple[list[object], ...]:
    candles = list(given.values())
    return (
        [token for token, _ in given],
        [_moment(start) for _, start in given],
        [one.open for one in candles],
        [one.high for one in candles],
        [one.low for one in candles],
        [one.close for one in candles],
        [one.source for one in candles],
    )


def _target(row: asyncpg.Record) -> Decimal | None:
    """Return the price of the level a position waits for."""
    rules = _take_profit_rules(row["config"])
    if rules is None or row["only_moon_bag"]:
        return None
    level = next_level(
        rules,
        levels_hit=row["take_profit_levels_hit"],
        batch_start_level=row["tp_batch_start_level"],
        total_levels=row["total_take_profit_levels"],
    )
    if level is None:
        return None
    factor = CONTEXT.add(1, CONTEXT.divide(level.target_percent, 100))
    return CONTEXT.multiply(row["entry"], factor).quantize(_PLACES, context=CONTEXT)


@lru_cache(maxsize=1000)
def _take_profit_rules(config: str | None) -> TakeProfitConfig | None:
    try:
        return parse_config(json.loads(config, parse_float=Decimal) if config else None).take_profit
    except InvalidConfigError:
        return None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _trade(row: asyncpg.Record, token: TokenAddress) -> Marker:
    buying = row["output_mint"] == token
    if buying:
        kind = MarkerKind.AVERAGE_DOWN if row["is_dca"] else MarkerKind.ENTRY
    else:
        closed = row["close_reason"] is not None or row["profit_loss_sol"] is not None
        kind = MarkerKind.EXIT if closed or not row["is_take_profit"] else MarkerKind.PARTIAL_SALE
    sol, tokens = (
        (row["input_amount"], row["output_amount"]) if buying else (row["output_amount"], row["input_amount"])
    )
    if row["input_mint" if buying else "output_mint"] != SOL_MINT:
        sol = None
    return Marker(
        time=row["time"],
        kind=kind,
        agent_id=row["agent_id"],
        signal_id=row["signal_id"],
        transaction_id=row["id"],
        price_sol=CONTEXT.divide(sol, tokens) if sol is not None and tokens else None,
        amount_sol=sol,
        profit_loss_sol=row["profit_loss_sol"],
        reason=row["close_reason"],
    )
