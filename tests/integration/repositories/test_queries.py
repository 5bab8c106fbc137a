"""Lists of transactions and closed trades against a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from nexgent.domain.transactions.models import TransactionType
from nexgent.domain.transactions.queries import (
    ClosedTradeExportRow,
    ClosedTradeFilter,
    ClosedTradeQueries,
    ClosedTradeRow,
    TransactionFilter,
    TransactionQueries,
    TransactionRow,
)
from nexgent.infrastructure.database.stores.agents import PostgresAgentRepository
from nexgent.infrastructure.database.stores.queries import (
    PostgresClosedTradeQueries,
    PostgresTransactionQueries,
)
from nexgent.shared.ids import new_id
from nexgent.shared.types import (
    AgentId,
    ClosedTradeId,
    SignalId,
    TokenAddress,
    TransactionId,
    UserId,
    WalletAddress,
)
from tests.builders import T0, an_agent
from tests.integration.repositories.conftest import Pool


@pytest.fixture
async def agent_id(pool: Pool, user_id: UserId) -> AgentId:
    """An agent with twelve transactions and closed trades: times in pairs, every third a DCA, two tokens."""
    agent, other = an_agent(user_id=user_id), an_agent(user_id=user_id)
    for one in (agent, other):
        await PostgresAgentRepository(pool).add(one)
    await pool.execute(
        "INSERT INTO trading_signals (id, updated_at, token_address, signal_type, signal_strength, activation_reason, user_id) "
        "VALUES (7, now(), 'T', 'Breakout', 3, 'because', $1)",
        user_id,
    )
    for number in range(13):
        owner = agent if number < 12 else other
        await _add_pair(pool, owner.id, owner.wallets[0].address, number)
    return agent.id


async def _add_pair(pool: Pool, agent_id: AgentId, wallet: WalletAddress, number: int) -> None:
    at = T0 + timedelta(minutes=number // 2)
    transaction_id = new_id()
    await pool.execute(
        """INSERT INTO agent_transactions (id, agent_id, wallet_address, transaction_type, transaction_value_usd,
             transaction_time, signal_id, fees, routes, input_mint, input_amount, input_price, slippage, is_dca,
             is_take_profit, transaction_hash, created_at, updated_at, swap_payload)
           VALUES ($1, $2, $3, $4, 1.5, $5, $6, 0.000105, '[{"a": 1.50}]', 'Mint', 1000000000000000001.000000000000000001,
             0.000000000015, 0.5, $7, $8, $9, $5, $5, '{"secret": true}')""",
        transaction_id,
        agent_id,
        wallet,
        "DEPOSIT" if number == 0 else "SWAP",
        at,
        7 if number % 4 == 0 else None,
        number % 3 == 0,
        number % 6 == 0,
        f"hash{number}",
    )
    await pool.execute(
        """INSERT INTO agent_historical_swaps (id, agent_id, wallet_address, token_address, token_symbol, amount, purchase_price,
             sale_price, change_percent, profit_loss_usd, profit_loss_sol, purchase_time, sale_time, purchase_transaction_id,
             sale_transaction_id, signal_id, created_at, close_reason)
           VALUES ($1, $2, $3, $4, $5, 10, 1, 2, 100, $6, 1, $7, $8, $9, $9, $10, $8, 'signal_replace')""",
        new_id(),
        agent_id,
        wallet,
        "TokenA" if number % 2 else "tokena",
        f"S{number % 3}",
        Decimal(number - 6),
        at,
        at + timedelta(hours=1),
        transaction_id,
        7 if number % 4 == 0 else None,
    )


async def transactions(pool: Pool, wanted: TransactionFilter) -> Sequence[TransactionRow]:
    return await PostgresTransactionQueries(pool).list(wanted)


async def trades(pool: Pool, wanted: ClosedTradeFilter) -> Sequence[ClosedTradeRow]:
    return await PostgresClosedTradeQueries(pool).list(wanted)


async def test_transactions_come_newest_first_in_pages_that_do_not_overlap(
    pool: Pool, agent_id: AgentId
) -> None:
    queries: TransactionQueries = PostgresTransactionQueries(pool)
    wanted = TransactionFilter(agent_id=agent_id)

    listed = await queries.list(wanted)
    pages = [row for offset in range(0, 12, 5) for row in await queries.list(wanted, limit=5, offset=offset)]

    assert len(listed) == 12
    assert list(listed) == pages == sorted(listed, key=lambda row: (row.time, row.id), reverse=True)
    assert await queries.get(listed[3].id) == listed[3]
    assert await queries.get(TransactionId(new_id())) is None


async def test_a_transaction_keeps_every_digit(pool: Pool, agent_id: AgentId) -> None:
    row = (await transactions(pool, TransactionFilter(agent_id=agent_id, type=TransactionType.DEPOSIT)))[0]

    assert row.type == "DEPOSIT"
    assert row.input_amount == Decimal("1000000000000000001.000000000000000001")
    assert row.input_price == Decimal("1.5E-11")
    assert row.fees == Decimal("0.000105")
    assert row.routes_json == '[{"a": 1.50}]'
    assert row.output_mint is None
    assert (row.time, row.created_at) == (T0, T0)


async def test_transactions_are_filtered(pool: Pool, agent_id: AgentId) -> None:
    everything = TransactionFilter(agent_id=agent_id)

    async def count(**filters: object) -> int:
        return len(await transactions(pool, replace(everything, **filters)))  # type: ignore[arg-type]

    assert await count(type=TransactionType.SWAP) == 11
    assert await count(type=TransactionType.BURN) == 0
    assert await count(wallet_address=WalletAddress("nobody")) == 0
    assert await count(start_time=T0 + timedelta(minutes=5)) == 2
    assert await count(end_time=T0) == 2
    assert await count(signal_id=SignalId(7)) == 3
    assert await count(is_dca=True) == 4
    assert await count(is_dca=False) == 8
    assert await count(is_take_profit=True, is_dca=True) == 2
    assert await count(is_take_profit=True, is_dca=False) == 0


async def test_closed_trades_come_newest_sale_first_in_pages(pool: Pool, agent_id: AgentId) -> None:
    queries: ClosedTradeQueries = PostgresClosedTradeQueries(pool)
    wanted = ClosedTradeFilter(agent_id=agent_id)

    listed = await queries.list(wanted)
    pages = [row for offset in range(0, 12, 5) for row in await queries.list(wanted, limit=5, offset=offset)]

    assert len(listed) == 12
    assert list(listed) == pages == sorted(listed, key=lambda row: (row.sale_time, row.id), reverse=True)
    assert await queries.get(listed[3].id) == listed[3]
    assert await queries.get(ClosedTradeId(new_id())) is None
    assert listed[0].close_reason == "signal_replace"


async def test_closed_trades_are_filtered(pool: Pool, agent_id: AgentId) -> None:
    everything = ClosedTradeFilter(agent_id=agent_id)
    some = (await trades(pool, everything))[0]

    async def count(**filters: object) -> int:
        return len(await trades(pool, replace(everything, **filters)))  # type: ignore[arg-type]

    assert await count(token_address=TokenAddress("TokenA")) == 6
    assert await count(token_symbol="S1") == 4
    assert await count(wallet_address=WalletAddress("nobody")) == 0
    assert await count(start_purchase_time=T0 + timedelta(minutes=5)) == 2
    assert await count(end_purchase_time=T0) == 2
    assert await count(start_sale_time=T0 + timedelta(hours=1, minutes=5)) == 2
    assert await count(end_sale_time=T0 + timedelta(hours=1)) == 2
    assert await count(signal_id=SignalId(7)) == 3
    assert await count(purchase_transaction_id=some.purchase_transaction_id) == 1
    assert await count(sale_transaction_id=some.sale_transaction_id) == 1
    assert await count(min_profit_loss_usd=Decimal(0)) == 6
    assert await count(max_profit_loss_usd=Decimal(0)) == 7
    assert await count(min_profit_loss_usd=Decimal(-1), max_profit_loss_usd=Decimal(1)) == 3


async def test_an_export_goes_through_everything_once(pool: Pool, agent_id: AgentId) -> None:
    queries, wanted = PostgresClosedTradeQueries(pool), ClosedTradeFilter(agent_id=agent_id)
    exported: list[ClosedTradeExportRow] = []
    after = None
    while batch := await queries.export(wanted, after=after, limit=5):
        exported += batch
        after = batch[-1].trade.id

    assert [row.trade.id for row in exported] == sorted(row.id for row in await queries.list(wanted))
    with_signal = [row for row in exported if row.trade.signal_id is not None]
    assert {(row.signal_type, row.activation_reason) for row in with_signal} == {("Breakout", "because")}
    assert {row.signal_type for row in exported if row.trade.signal_id is None} == {None}
