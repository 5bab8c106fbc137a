"""Landed trades of the journal to shadow fills, in a real PostgreSQL: once each, whoever records and how often."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

import asyncpg

from nexgent.domain.ledger.models import Account, Entry, Submission, TradeSettled, TradeSubmitted
from nexgent.domain.trading.rules.simulation_costs import REFERENCE_COSTS, SimulationCosts
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.pool import PoolUse, opened_pool
from nexgent.infrastructure.database.stores.shadow import PostgresShadowFills
from nexgent.infrastructure.external.jupiter.shadow import shadow_of
from nexgent.infrastructure.queue.shadow import shadow_cron
from nexgent.shared.money import SOL_MINT
from tests.builders import T0, TOKEN
from tests.integration.database.story import Story, add_owners, intent_of

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
QUOTED = 1_000_000
ORDER = {
    "inputMint": SOL_MINT,
    "outputMint": TOKEN,
    "inAmount": "1000000000",
    "outAmount": str(QUOTED),
    "priceImpactPct": "-0.02",
    "slippageBps": 300,
    "feeBps": 10,
    "feeMint": SOL_MINT,
    "signatureFeeLamports": 5_000,
    "prioritizationFeeLamports": 40_000,
    "rentFeeLamports": 0,
    "routePlan": [],
}


def live_buy(story: Story, order: object = ORDER) -> list[Entry]:
    """Return a live purchase that got one percent fewer tokens than it was quoted."""
    intended = story.intend()
    submission = Submission(
        request_id="r",
        signature="s" * 88,
        signed_transaction="AQ==",
        last_valid_block_height=1,
        in_amount_raw=1_000_000_000,
        out_amount_raw=QUOTED,
    )
    sent = story.add(TradeSubmitted(intent_of(intended).id, submission))
    state = story.state
    settled = story.bought(intended)
    body = settled.body
    assert isinstance(body, TradeSettled)
    payload = json.dumps({"orderResponse": order, "executeResponse": {}})
    got = QUOTED * 99 // 100
    story.state = state
    booked = story.add(
        replace(body, transaction=replace(body.transaction, swap_payload_json=payload)),
        (Account.WALLET, SOL_MINT, -1_000_105_000),
        (Account.MARKET, SOL_MINT, 999_000_000),
        (Account.PROTOCOL_FEE, SOL_MINT, 1_000_000),
        (Account.NETWORK_FEE, SOL_MINT, 105_000),
        (Account.WALLET, TOKEN, got),
        (Account.MARKET, TOKEN, -got),
    )
    return [intended, sent, booked]


async def owned(connection: Connection, story: Story, *, shadow: bool) -> None:
    await add_owners(connection, [story])
    await connection.execute(
        "UPDATE agent_wallets SET wallet_type = 'live' WHERE agent_id = $1", story.agent_id
    )
    await switched(connection, story, shadow=shadow)


async def switched(connection: Connection, story: Story, *, shadow: bool) -> None:
    config = json.dumps({"shadow": {"enabled": shadow}})
    await connection.execute("UPDATE agents SET trading_config = $2 WHERE id = $1", story.agent_id, config)


async def test_each_landed_trade_is_recorded_once_while_the_switch_is_on(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    on, off = Story(), Story()
    await owned(connection, on, shadow=True)
    await owned(connection, off, shadow=False)
    # A settled trade that never left the process, as on paper, is no landed one.
    await journal.append([on.deposit(), *on.buy(token=TOKEN), on.reset(), on.deposit(), *live_buy(on)])
    await journal.append([off.deposit(), *live_buy(off)])
    record = shadow_cron(database_url, SimulationCosts()).coroutine

    assert await record({}) == 1
    assert await record({}) == 0

    async with opened_pool(database_url, PoolUse(most=1)) as pool:
        (fill,) = await PostgresShadowFills(pool).newest(on.agent_id, T0 - timedelta(days=1), 10)
        await PostgresShadowFills(pool).add([fill])
        assert await connection.fetchval("SELECT count(*) FROM shadow_fills") == 1
    assert fill.buying
    assert (fill.real.in_raw, fill.real.out_raw) == (1_000_000_000, QUOTED * 99 // 100)
    # Half of two percent impact is charged on paper.
    assert (fill.paper.in_raw, fill.paper.out_raw) == (1_000_000_000, QUOTED * 99 // 100)
    assert (fill.real.network_fee, fill.real.priority_fee, fill.real.platform_fee) == (
        5_000,
        100_000,
        1_000_000,
    )
    assert (fill.paper.network_fee, fill.paper.priority_fee, fill.paper.platform_fee) == (
        5_000,
        40_000,
        1_000_000,
    )
    assert fill.triggered_at < fill.ordered_at < fill.landed_at

    await switched(connection, off, shadow=True)
    await journal.append([*live_buy(on)])
    assert await record({}) == 2
    await connection.execute("DELETE FROM agents WHERE id = $1", on.agent_id)
    assert await connection.fetchval("SELECT count(*) FROM shadow_fills") == 1


async def test_of_a_forgotten_quote_the_amounts_are_known(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    story = Story()
    await owned(connection, story, shadow=True)
    forgotten = {"requestId": "r", "inAmount": "1000000000", "outAmount": str(QUOTED)}
    await journal.append([story.deposit(), *live_buy(story, forgotten)])

    async with opened_pool(database_url, PoolUse(most=1)) as pool:
        (trade,) = await PostgresShadowFills(pool).landed(5)
    fill = shadow_of(trade, REFERENCE_COSTS)

    assert fill is not None
    assert fill.paper.out_raw == QUOTED
    assert (fill.paper.network_fee, fill.paper.priority_fee, fill.paper.platform_fee) == (None, None, None)
    nothing = replace(trade, submission=replace(trade.submission, out_amount_raw=0))
    assert shadow_of(nothing, REFERENCE_COSTS) is None


async def test_a_database_that_is_away_is_looked_at_again_later() -> None:
    record = shadow_cron("postgresql://nexgent@127.0.0.1:1/absent", SimulationCosts()).coroutine

    assert await record({}) == 0
