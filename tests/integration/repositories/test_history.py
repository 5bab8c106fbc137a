"""What a start and a page read does not grow with what was ever traded: rows are counted, in a database with a past."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.past import ENTRIES_A_TRADE, Past, hurry, make
from nexgent.domain.ledger.state import EMPTY_FOR
from nexgent.infrastructure.database.journal import wallet_states
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.database.stores import overview, price_history
from nexgent.infrastructure.database.stores.listing import Listing, statement_of
from nexgent.infrastructure.database.stores.protections import PostgresProtectionStore, keep_sums
from nexgent.infrastructure.database.stores.sql import performance, protections, queries
from tests.integration.repositories.conftest import Pool

PAST = Past(agents=10, trades=1_200)
PAGE = 101
_LEFT_SIGNALS = 20
_KEYS = "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' ORDER BY 1, 2"
_MOST_OF_A_WINDOW = 50
"""Two days of trades of all agents, and some: a year has 1 200, which are as many at a time as there are agents."""


async def test_a_start_and_first_pages_read_what_they_show_and_not_what_lies_behind(
    pool: Pool, database_url: str
) -> None:
    await pool.execute("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'a@example.com')")
    keys = await pool.fetch(_KEYS)
    await hurry(database_url, PAST, leave=_LEFT_SIGNALS, say=False)
    assert await pool.fetch(_KEYS) == keys
    made = await make(database_url, PAST, say=False)
    assert made.entries == made.projected == _LEFT_SIGNALS * PAST.buyers * ENTRIES_A_TRADE
    assert (await make(database_url, PAST, say=False)).entries == 0
    report = await verify(database_url)
    assert (report.is_clean, report.entries) == (True, PAST.trades * ENTRIES_A_TRADE + PAST.agents)
    now = datetime.now(UTC)
    summed = await PostgresProtectionStore(pool).history(now)
    await pool.execute("DELETE FROM protection_sums")
    assert await PostgresProtectionStore(pool).history(now) == summed
    assert await keep_sums(pool, now) == PAST.agents
    # There are fewer signals than trades, and a small table is always read as a whole.
    await pool.execute(
        "INSERT INTO trading_signals (token_address, signal_type, signal_strength, user_id, created_at, updated_at, processed_at)"
        " SELECT 't', 'T', 3, (SELECT id FROM users), now() - n * interval '1 min', now(), now() FROM generate_series(1, 5000) n"
    )
    await pool.execute("ANALYZE")

    for name, (statement, tables) in (await _asked(pool, now)).items():
        text, *arguments = statement
        plan = json.loads(await pool.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", *arguments))
        read = list(_read(plan[0]["Plan"]))
        for table, most in tables.items():
            assert sum(rows for scanned, rows in read if scanned == table) <= most, (name, plan)


async def _asked(pool: Pool, now: datetime) -> Mapping[str, tuple[tuple[Any, ...], Mapping[str, int]]]:
    """Return statements with their arguments, and how many rows of which tables each may read at most."""
    row = await pool.fetchrow(
        "SELECT a.id, w.wallet_address, a.user_id FROM agents a JOIN agent_wallets w ON w.agent_id = a.id LIMIT 1"
    )
    assert row is not None
    agent, wallet, user = row
    sold = await pool.fetchrow(
        "SELECT token_address, signal_id FROM agent_historical_swaps WHERE agent_id = $1 LIMIT 1", agent
    )
    assert sold is not None
    token, signal = sold
    trades, midnight = "agent_historical_swaps", now.replace(hour=0, minute=0, second=0, microsecond=0)
    now_hour = now.replace(minute=0, second=0, microsecond=0)
    starts = {"today": midnight, "30d": now - timedelta(days=30), "all": None}

    def listed(listing: Listing, **given: object) -> tuple[Any, ...]:
        text, names = statement_of(
            listing, tuple(one.arguments[0] in given for one in listing.conditions), offset=False
        )
        return (text, *(given[name] for name in names), PAGE)

    few = {trades: _MOST_OF_A_WINDOW, "trade_intents": _MOST_OF_A_WINDOW}
    return {
        "results at a start": ((protections.RESULTS, midnight, None), few),
        "cooldowns at a start": ((protections.CLOSES, now - timedelta(days=2), None, None), few),
        "balances at a start": (
            (wallet_states._BALANCES, None, EMPTY_FOR),
            {"agent_balances": 5 * PAST.agents},
        ),
        "figures of an agent": ((performance.TOTALS, agent, None), {trades: 0}),
        "figures of a day": (
            (performance.TOTALS_SINCE, agent, None, now - timedelta(days=1)),
            {trades: _MOST_OF_A_WINDOW},
        ),
        "the overview": (
            (overview._TOTALS, list(starts), list(starts.values()), user, True),
            {trades: _MOST_OF_A_WINDOW},
        ),
        "a month of all wallets": (
            (overview._EQUITY, user, True, now_hour - timedelta(days=30), now_hour, timedelta(hours=1)),
            # An hour may begin meanwhile.
            {"agent_balance_snapshots": PAST.agents, "snapshot_begins": PAST.agents},
        ),
        "a year of all wallets": (
            (overview._EQUITY, user, True, midnight - timedelta(days=364), midnight, timedelta(days=1)),
            {"agent_balance_snapshots": 0, "snapshot_begins": PAST.agents},
        ),
        "a year of midnights": ((performance.DAILY, agent, wallet), {"agent_balance_snapshots": 366}),
        "closed trades": (listed(queries.CLOSED_TRADES, agent_id=agent), {trades: PAGE + 1}),
        "transactions": (listed(queries.TRANSACTIONS, agent_id=agent), {"agent_transactions": PAGE + 1}),
        "closed trades of a token": (
            listed(queries.CLOSED_TRADES, agent_id=agent, token_address=token),
            {trades: 1},
        ),
        "closed trades of a symbol that was never traded": (
            listed(queries.CLOSED_TRADES, agent_id=agent, token_symbol="NONE"),
            {trades: 0},
        ),
        "closed trades of a signal": (
            listed(queries.CLOSED_TRADES, agent_id=agent, signal_id=signal),
            {trades: PAST.buyers},
        ),
        "closed trades bought on a day": (
            listed(
                queries.CLOSED_TRADES,
                agent_id=agent,
                start_purchase_time=now - timedelta(days=100),
                end_purchase_time=now - timedelta(days=99),
            ),
            {trades: _MOST_OF_A_WINDOW},
        ),
        "deposits": (listed(queries.TRANSACTIONS, agent_id=agent, type="DEPOSIT"), {"agent_transactions": 1}),
        "transactions of a signal": (
            listed(queries.TRANSACTIONS, agent_id=agent, signal_id=signal),
            {"agent_transactions": PAST.buyers},
        ),
        "whether a token was dealt with": (
            (price_history._DEALT_WITH, token, user, [agent]),
            {trades: 1, "agent_positions": 0},
        ),
        "signals": (listed(queries.SIGNALS, user_id=user), {"trading_signals": PAGE + 1}),
    }


def _read(plan: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the tables that are scanned, and how many rows were looked at."""
    if "Relation Name" in plan:
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield plan["Relation Name"], round(rows * plan["Actual Loops"])
    for part in plan.get("Plans", ()):
        yield from _read(part)
