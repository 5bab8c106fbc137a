"""Entries made by hand against a real PostgreSQL: tables, rebuild from the journal, check of the books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from nexgent.bootstrap.projections import CaughtUp
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent, Wallet
from nexgent.domain.bookkeeping.errors import EngineRecordError, TransactionInUseError
from nexgent.domain.bookkeeping.ports import balance_id
from nexgent.domain.bookkeeping.record_transaction import RecordTransaction
from nexgent.domain.bookkeeping.use_cases import Bookkeeping, bookkeeping
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import WalletReset
from nexgent.domain.ledger.state import emptying
from nexgent.domain.transactions.models import ClosedTradeRecord, TransactionRecord, TransactionType
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.single_records import PostgresHandEntries
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.database.pool import PoolUse, create_pool
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.stores.agents import PostgresAgentRepository
from nexgent.infrastructure.database.stores.balances import PostgresEmptyBalances
from nexgent.infrastructure.database.stores.queries import (
    PostgresClosedTradeQueries,
    PostgresTransactionQueries,
)
from nexgent.infrastructure.database.stores.signal_edits import PostgresSignalEdits
from nexgent.infrastructure.database.stores.wallets import PostgresWalletRepository
from nexgent.shared.clock import SystemClock
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import ClosedTradeId, SignalId, TokenAddress, TransactionId, UserId, WalletAddress
from tests.builders import T0, an_agent
from tests.fakes.market import FakeDecimals
from tests.integration.database.story import Story

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool

MINT = TokenAddress("Mint111111111111111111111111111111111111111")
TABLES = {
    "agent_balances": "SELECT * FROM agent_balances ORDER BY wallet_address, token_address",
    "agent_transactions": "SELECT * FROM agent_transactions ORDER BY id",
    "agent_historical_swaps": "SELECT * FROM agent_historical_swaps ORDER BY id",
    "agent_positions": "SELECT id, version, state::text FROM agent_positions ORDER BY id",
    "trade_intents": "SELECT id, status, transaction_id FROM trade_intents ORDER BY id",
}


@dataclass
class Desk:
    """An agent whose books are kept by hand, over the real stores."""

    url: str
    pool: Pool
    ledger: Ledger
    journal: PostgresJournal
    projector: Projector
    books: Bookkeeping
    recording: RecordTransaction
    agent: Agent
    user_id: UserId

    @property
    def wallet(self) -> WalletAddress:
        return self.agent.wallets[0].address

    async def record(self, amount: str, kind: TransactionType = TransactionType.DEPOSIT) -> TransactionId:
        record = TransactionRecord(
            id=TransactionId(new_id()),
            agent_id=self.agent.id,
            wallet_address=self.wallet,
            type=kind,
            value_usd=Decimal("1.5"),
            time=T0,
            input_mint=SOL_MINT,
            input_symbol="SOL",
            input_amount=Decimal(amount),
            output_mint=MINT,
            output_symbol="TKN",
            output_amount=Decimal(amount) * 10,
            routes_json='{"a": 1.50}',
        )
        await self.recording.execute(record)
        return record.id

    async def trade(self, **changes: Any) -> ClosedTradeId:
        values: dict[str, Any] = {
            "id": ClosedTradeId(new_id()),
            "agent_id": self.agent.id,
            "wallet_address": self.wallet,
            "token_address": MINT,
            "token_symbol": "TKN",
            "amount": Decimal(1000),
            "purchase_price": Decimal("0.5"),
            "sale_price": Decimal("0.75"),
            "change_percent": Decimal(50),
            "profit_loss_usd": Decimal(-3),
            "profit_loss_sol": Decimal("0.0000002"),
            "purchase_time": T0,
            "sale_time": T0 + timedelta(hours=1),
            **changes,
        }
        trade = ClosedTradeRecord(**values)
        await self.books.record_closed_trade.execute(self.agent, trade)
        return trade.id

    async def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        await self.projector.project_all()
        return {name: [tuple(row) for row in await self.pool.fetch(query)] for name, query in TABLES.items()}

    async def balances(self) -> dict[str, str]:
        await self.projector.project_all()
        rows = await self.pool.fetch("SELECT token_symbol, balance FROM agent_balances")
        return {row["token_symbol"]: row["balance"] for row in rows}

    async def check(self) -> None:
        report = await verify(self.url)
        assert report.differences == []
        assert report.is_clean
        (stored,) = await self.journal.load([self.wallet])
        assert stored == self.ledger.head(self.wallet)


@pytest.fixture
async def desk(database_url: str, journal: PostgresJournal, projector: Projector) -> AsyncIterator[Desk]:
    pool = await create_pool(database_url, PoolUse(most=4))
    user_id = UserId(new_id())
    await pool.execute("INSERT INTO users (id, email) VALUES ($1, $2)", user_id, f"{user_id}@example.com")
    agent = an_agent(user_id=user_id)
    await PostgresAgentRepository(pool).add(agent)
    directory = AgentDirectory()
    directory.on_saved(AgentSaved(agent))
    ledger = Ledger(journal=journal, clock=SystemClock(), publish=lambda event: None)
    ledger.load(await journal.load(), 0)
    books = bookkeeping(
        directory=directory,
        ledger=ledger,
        decimals=FakeDecimals(),
        entries=PostgresHandEntries(pool),
        empty_balances=PostgresEmptyBalances(pool),
        transactions=PostgresTransactionQueries(pool),
        closed_trades=PostgresClosedTradeQueries(pool),
        projections=CaughtUp(projector, ledger),
    )
    recording = RecordTransaction(ledger=ledger, decimals=FakeDecimals())
    yield Desk(database_url, pool, ledger, journal, projector, books, recording, agent, user_id)
    await ledger.drain(5)
    await pool.close()


async def test_tables_follow_and_can_be_made_again(desk: Desk) -> None:
    books = desk.books
    deposit, swap = await desk.record("10"), await desk.record("2", TransactionType.SWAP)
    gone = await desk.record("1")
    await desk.projector.project_all()
    await books.edit_transaction.execute(
        desk.wallet, deposit, {"input_amount": Decimal(7), "is_take_profit": True}
    )
    await books.edit_transaction.execute(
        desk.wallet, swap, {"type": TransactionType.BURN, "fees": Decimal("0.1")}
    )
    await books.remove_transaction.execute(desk.agent, desk.wallet, gone)
    await books.update_balance.execute(
        balance_id(desk.wallet, SOL_MINT), desk.user_id, amount=Decimal("4.5"), symbol="wSOL"
    )
    await books.remove_balance.execute(balance_id(desk.wallet, MINT), desk.user_id)
    kept = await desk.trade(purchase_transaction_id=deposit, sale_transaction_id=swap)
    dropped = await desk.trade(wallet_address=None)
    await books.edit_closed_trade.execute(
        desk.agent, kept, {"profit_loss_sol": Decimal("-1.25"), "sale_transaction_id": None}
    )
    await books.edit_closed_trade.execute(desk.agent, dropped, {"close_reason": "signal_replace"})
    await books.remove_closed_trade.execute(desk.agent, None, dropped)

    first = await desk.dump()
    rows = {row["id"]: row for row in await desk.pool.fetch("SELECT * FROM agent_transactions")}
    trades = await desk.pool.fetch("SELECT * FROM agent_historical_swaps")

    assert await desk.balances() == {"wSOL": "4.5"}
    assert set(rows) == {deposit, swap}
    assert (rows[deposit]["input_amount"], rows[deposit]["is_take_profit"]) == (Decimal(7), True)
    assert rows[deposit]["updated_at"] > rows[deposit]["created_at"]
    assert rows[swap]["transaction_type"] == "BURN"
    assert [(row["id"], row["profit_loss_sol"], row["sale_transaction_id"]) for row in trades] == [
        (kept, Decimal("-1.25"), None)
    ]
    await desk.check()

    # One wallet from its journal, over rows that are wrong, and over none at all.
    await desk.pool.execute("UPDATE agent_transactions SET input_amount = 1, transaction_type = 'SWAP'")
    await desk.pool.execute("UPDATE agent_historical_swaps SET profit_loss_sol = 1")
    await desk.projector.rebuild(desk.wallet)
    assert await desk.dump() == first
    await desk.pool.execute("DELETE FROM agent_historical_swaps")
    await desk.pool.execute("DELETE FROM agent_transactions")
    await desk.projector.rebuild(desk.wallet)
    assert await desk.dump() == first
    await desk.check()


@pytest.mark.parametrize("limit", [1, 2, 5, 1000])
async def test_batches_of_any_size_give_the_same_tables(desk: Desk, limit: int) -> None:
    books = desk.books
    deposit, gone = await desk.record("10"), await desk.record("1")
    await books.edit_transaction.execute(desk.wallet, gone, {"input_amount": Decimal(3)})
    await books.remove_transaction.execute(desk.agent, desk.wallet, gone)
    swap = await desk.record("2", TransactionType.SWAP)
    await books.edit_transaction.execute(desk.wallet, swap, {"output_amount": Decimal(9)})
    token = balance_id(desk.wallet, MINT)
    await books.update_balance.execute(token, desk.user_id, amount=Decimal(0), symbol="A")
    await books.remove_balance.execute(token, desk.user_id)
    await books.create_balance.execute(desk.agent.wallets[0], MINT, "B", Decimal("0.5"))
    trade = await desk.trade(purchase_transaction_id=deposit)
    await books.edit_closed_trade.execute(desk.agent, trade, {"token_symbol": "C"})
    first = await desk.dump()

    for table in ("agent_historical_swaps", "agent_transactions", "agent_balances", "journal_streams"):
        await desk.pool.execute(f"DELETE FROM {table}")
    await desk.pool.execute("UPDATE journal_watermark SET position = 0")
    while await desk.projector.project(limit):
        pass

    assert await desk.dump() == first
    assert await desk.balances() == {"SOL": "8", "B": "0.5"}
    await desk.check()


async def test_a_reset_forgets_what_was_edited(desk: Desk) -> None:
    deposit = await desk.record("10")
    await desk.trade()
    await desk.books.edit_transaction.execute(desk.wallet, deposit, {"input_amount": Decimal(3)})
    reset = desk.ledger.stage(
        desk.wallet, WalletReset("test"), emptying(desk.ledger.head(desk.wallet).balances.values())
    )
    await desk.ledger.commit(reset)
    await desk.record("2")

    dump = await desk.dump()

    assert await desk.balances() == {"SOL": "2"}
    assert (len(dump["agent_transactions"]), dump["agent_historical_swaps"]) == (1, [])
    await desk.check()


async def test_history_of_a_replaced_wallet_can_still_be_tidied(desk: Desk) -> None:
    first, second = await desk.record("1"), await desk.record("2")
    trade = await desk.trade()
    await desk.projector.project_all()
    new = Wallet(WalletAddress("sim_new"), desk.agent.id, desk.agent.wallets[0].mode, T0, T0)
    await PostgresWalletRepository(desk.pool).replace_wallet(desk.wallet, new)
    desk.ledger.forget(desk.wallet)
    agent = replace(desk.agent, wallets=(new,))

    await desk.books.remove_transaction.execute(agent, None, first)
    await desk.books.edit_closed_trade.execute(agent, trade, {"profit_loss_sol": Decimal(3)})
    await desk.projector.project_all()

    rows = await desk.pool.fetch("SELECT id, wallet_address FROM agent_transactions")
    swap = await desk.pool.fetchrow("SELECT wallet_address, profit_loss_sol FROM agent_historical_swaps")
    assert [tuple(row) for row in rows] == [(second, None)]
    assert swap is not None
    assert tuple(swap) == (None, Decimal(3))
    assert (await verify(desk.url)).is_clean


async def test_trades_of_the_engine(desk: Desk) -> None:
    story = Story(desk.agent.id, desk.wallet)
    entries = [story.deposit(), *story.buy()]
    await desk.journal.append(entries)
    ledger = desk.ledger
    ledger.load(await desk.journal.load(), await desk.journal.head_position())
    await desk.projector.project_all()
    (position,) = story.state.positions.values()
    bought = position.purchase_transaction_id
    edit, remove = desk.books.edit_transaction, desk.books.remove_transaction

    with pytest.raises(TransactionInUseError):
        await remove.execute(desk.agent, desk.wallet, bought)
    with pytest.raises(EngineRecordError):
        await edit.execute(desk.wallet, bought, {"input_amount": Decimal(5)})
    await edit.execute(
        desk.wallet, bought, {"slippage": Decimal("0.5"), "input_amount": Decimal("1.000000001")}
    )
    await desk.projector.project_all()
    row = await desk.pool.fetchrow("SELECT * FROM agent_transactions WHERE id = $1", bought)
    assert row is not None
    assert row["slippage"] == Decimal("0.5")
    assert row["swap_payload"] is not None
    await desk.check()

    story.state = ledger.head(desk.wallet)
    await desk.journal.append(story.sell())
    ledger.load(await desk.journal.load(), await desk.journal.head_position())
    await desk.projector.project_all()
    closed = ClosedTradeId(await desk.pool.fetchval("SELECT id FROM agent_historical_swaps"))
    with pytest.raises(EngineRecordError):
        await desk.books.edit_closed_trade.execute(desk.agent, closed, {"profit_loss_sol": Decimal(9)})
    before = await desk.balances()
    await remove.execute(desk.agent, desk.wallet, bought)
    await desk.books.edit_closed_trade.execute(desk.agent, closed, {"close_reason": "stop_loss"})

    dump = await desk.dump()
    trade = await desk.pool.fetchrow("SELECT * FROM agent_historical_swaps")
    assert trade is not None
    assert (trade["purchase_transaction_id"], trade["close_reason"]) == (None, "stop_loss")
    assert await desk.balances() == before
    await desk.projector.rebuild(desk.wallet)
    assert await desk.dump() == dump
    await desk.check()


async def test_corrections_beside_deposits_count_once_each(desk: Desk) -> None:
    first = await desk.record("1")

    async def deposits() -> None:
        for _ in range(30):
            await desk.record("1")

    async def edits() -> None:
        for amount in range(2, 12):
            await desk.books.edit_transaction.execute(desk.wallet, first, {"input_amount": Decimal(amount)})

    await asyncio.gather(deposits(), edits(), deposits())

    assert await desk.balances() == {"SOL": "71"}
    await desk.check()


async def test_signals_are_changed_and_deleted(desk: Desk) -> None:
    edits = PostgresSignalEdits(desk.pool)
    insert = (
        "INSERT INTO trading_signals (updated_at, token_address, signal_type, signal_strength, user_id, symbol) "
        "SELECT '2026-01-01', 'T', 'x', 3, $1, 'S' FROM generate_series(1, $2) RETURNING id"
    )
    ids = [SignalId(row["id"]) for row in await desk.pool.fetch(insert, desk.user_id, 2_500)]
    stranger = UserId(new_id())
    deposit = await desk.record("1")
    await desk.books.edit_transaction.execute(desk.wallet, deposit, {"signal_id": ids[0]})
    await desk.books.edit_transaction.execute(desk.wallet, await desk.record("1"), {"signal_id": ids[1]})
    await desk.projector.project_all()

    changed = await edits.update(ids[0], desk.user_id, {"signal_strength": 5, "symbol": None})
    untouched = await edits.update(ids[0], desk.user_id, {})

    assert changed is not None
    assert untouched is not None
    assert (changed.signal_strength, changed.symbol, changed.signal_type) == (5, None, "x")
    assert changed.updated_at.year > 2025
    assert untouched.updated_at > changed.updated_at
    assert await edits.update(ids[0], stranger, {"source": "x"}) is None
    with pytest.raises(ValueError, match="user_id"):
        await edits.update(ids[0], desk.user_id, {"user_id": "x"})
    assert not await edits.delete(ids[0], stranger)
    assert await edits.delete(ids[0], desk.user_id)
    assert await desk.pool.fetchval("SELECT signal_id FROM agent_transactions WHERE id = $1", deposit) is None
    assert await edits.delete_all(stranger) == 0
    assert await edits.delete_all(desk.user_id) == 2_499
    assert (
        await desk.pool.fetchval("SELECT count(*) FROM agent_transactions WHERE signal_id IS NOT NULL") == 0
    )
    # An edit that names a signal deleted meanwhile is projected without it.
    await desk.books.edit_transaction.execute(desk.wallet, deposit, {"signal_id": ids[5]})
    await desk.projector.project_all()
    assert (await desk.projector.backlog()).failures == 0
    await desk.check()
