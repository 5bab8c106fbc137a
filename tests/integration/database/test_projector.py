"""Journal to tables, against a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias

import asyncpg
import pytest
from structlog.testing import capture_logs

from nexgent.domain.ledger.models import (
    ExitAsked,
    Recorded,
    TradeFailed,
    TradeIntended,
    TransactionRemoved,
)
from nexgent.domain.positions.models import CloseReason, PendingExit
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.repair import repair
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.database.pool import PROJECTOR
from nexgent.infrastructure.database.projection.projector import PROJECTOR_LOCK, Projector, TablesBehindError
from nexgent.infrastructure.database.stores.signal_trades import PostgresSignalTrades
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, SignalId, TokenAddress, WalletAddress
from tests.builders import TOKEN
from tests.integration.database.story import QUANTITY_RAW, Story, add_owners, add_signal
from tests.patience import until

MINT = TokenAddress("9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin")
OTHER_MINT = TokenAddress("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def test_a_purchase_fills_every_table(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story = Story()
    await add_owners(connection, [story])
    signal_id = await add_signal(connection)
    entries = [story.deposit(), *story.buy(signal_id)]
    await journal.append(entries[:2])
    await projector.project_all()
    pending = await connection.fetchrow("SELECT * FROM signal_executions")
    await journal.append(entries[2:])

    assert await projector.project() == 1

    assert pending is not None
    assert (pending["status"], pending["transaction_id"]) == ("PENDING", None)
    balances = {r["token_address"]: r for r in await connection.fetch("SELECT * FROM agent_balances")}
    assert balances[SOL_MINT]["balance"] == "8.999895"
    assert balances[SOL_MINT]["balance_raw"] == 8_999_895_000
    assert balances[TOKEN]["balance"] == "9223372036854.788153"
    assert balances[TOKEN]["balance_raw"] == QUANTITY_RAW
    position = await connection.fetchrow("SELECT * FROM agent_positions")
    assert position is not None
    assert position["purchase_price"] == Decimal("0.000000000012")
    assert position["current_stop_loss_percentage"] == Decimal("-32.125")
    assert position["remaining_amount"] is None
    transaction = await connection.fetchrow(
        "SELECT * FROM agent_transactions WHERE transaction_type = 'SWAP'"
    )
    assert transaction is not None
    assert transaction["input_amount"] == Decimal("1.000000001")
    assert transaction["signal_id"] == signal_id
    assert json.loads(transaction["routes"])["big"] == 123456789012345678901234567890
    assert position["purchase_transaction_id"] == transaction["id"]
    execution = await connection.fetchrow("SELECT * FROM signal_executions")
    assert execution is not None
    assert (execution["status"], execution["transaction_id"]) == ("EXECUTED", transaction["id"])
    assert (await connection.fetchval("SELECT status FROM trade_intents")) == "settled"
    assert (await verify(database_url)).is_clean


async def test_a_sale_closes_and_leaves_a_trade(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story = Story()
    await add_owners(connection, [story])
    await journal.append([story.deposit(), *story.buy(), *story.sell(), *story.buy()])

    await projector.project_all()

    trade = await connection.fetchrow("SELECT * FROM agent_historical_swaps")
    assert trade is not None
    assert trade["change_percent"] == Decimal("123456789.1234")
    assert trade["profit_loss_sol"] == Decimal("1.000000001")
    assert trade["close_reason"] == "manual"
    assert trade["purchase_transaction_id"] is not None
    (open_id,) = story.state.positions
    assert [r["id"] for r in await connection.fetch("SELECT id FROM agent_positions")] == [open_id]
    assert (await verify(database_url)).is_clean


async def test_batches_of_any_size_give_the_same_tables(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    stories = [Story() for _ in range(3)]
    await add_owners(connection, stories)
    for story in stories:
        await journal.append([story.deposit(), *story.buy(), *story.sell(), *story.buy()])
    await projector.project(1)
    await projector.project(4)
    while await projector.project(3):
        pass

    rows = await connection.fetch(
        "SELECT wallet_address, token_symbol, balance_raw, balance FROM agent_balances ORDER BY 1, 2"
    )

    assert len({tuple(row)[1:] for row in rows}) == 2
    assert (await verify(database_url)).is_clean


async def test_concurrent_projectors_apply_everything_once(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story = Story()
    await add_owners(connection, [story])
    await journal.append([story.deposit() for _ in range(300)])
    second = Projector(database_url)

    async def work(target: Projector) -> int:
        total = 0
        while await target.position() < 300:
            total += await target.project(7)
        return total

    counts = await asyncio.gather(work(projector), work(second), work(projector))
    await second.close()

    assert sum(counts) == 300
    assert await connection.fetchval("SELECT balance_raw FROM agent_balances") == 300 * 10_000_000_000
    assert await projector.project() == 0


async def test_project_until_works_for_itself(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    story = Story()
    await add_owners(connection, [story])
    position = await journal.append([story.deposit()])

    assert await projector.project_until(position, 5.0)
    assert await connection.fetchval("SELECT count(*) FROM agent_transactions") == 1
    assert not await projector.project_until(position + 1, 0.01)


async def test_the_trades_of_a_signal_are_read_when_they_are_in_the_tables(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    """A worker that is just writing them does not make them look as if there were none: the signal would be decided again."""
    story = Story()
    await add_owners(connection, [story])
    signal_id = await add_signal(connection)
    await journal.append([story.deposit(), *story.buy(signal_id)])
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        trades = PostgresSignalTrades(pool, projector.catch_up)
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT pg_advisory_xact_lock($1)", PROJECTOR_LOCK)
        assert await projector.project_all() == 0
        with pytest.raises(TablesBehindError):
            await projector.catch_up(0.05)
        asked = asyncio.create_task(trades.of_signal(SignalId(signal_id)))
        # The worker is at it for as long as this takes, and whoever asks waits.
        for _ in range(20):
            assert await pool.fetchval("SELECT count(*) FROM trade_intents") == 0
        assert not asked.done()
        await transaction.commit()

        found = await asked

    assert [(trade.status, trade.agent_id) for trade in found.values()] == [("settled", story.agent_id)]


async def test_failures_and_expiries_fail_the_execution(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    story = Story()
    await add_owners(connection, [story])
    first, second = await add_signal(connection), await add_signal(connection)
    entries = [story.deposit(), story.intend(first)]
    entries.append(story.failed(entries[-1]))
    entries.append(story.intend(second))
    entries.append(story.submit(entries[-1]))
    await journal.append(entries)
    await projector.project_all()
    await journal.append([story.expired(entries[3])])
    await projector.project_all()

    executions = {
        r["signal_id"]: (r["status"], r["error"])
        for r in await connection.fetch("SELECT * FROM signal_executions")
    }
    intents = {r["signal_id"]: r for r in await connection.fetch("SELECT * FROM trade_intents")}

    assert executions == {first: ("FAILED", "No route"), second: ("FAILED", "Block height exceeded")}
    assert (intents[first]["status"], intents[first]["code"]) == ("failed", "NO_ROUTE")
    assert intents[second]["status"] == "expired"
    assert json.loads(intents[second]["submission"])["request_id"] == "r"


async def test_attempts_of_a_sale_a_signal_asked_for_are_one_execution(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    """All of them come in one batch here; of the two the one that sold counts."""
    story = Story()
    await add_owners(connection, [story])
    signal_id = await add_signal(connection)
    await journal.append([story.deposit(), *story.buy(None)])
    (position,) = story.state.positions.values()
    asked = replace(position, version=2, pending_exit=PendingExit(CloseReason.SIGNAL, 0, story.now))
    first = story.intend(position=asked, sell_signal_id=signal_id)
    refused = story.failed(first)
    (held,) = story.state.positions.values()
    second = story.intend(position=held, sell_signal_id=signal_id)
    await journal.append([first, refused, second, story.sold(second)])

    await projector.project_all()

    (execution,) = await connection.fetch("SELECT * FROM signal_executions")
    assert (execution["signal_id"], execution["status"]) == (signal_id, "EXECUTED")
    assert execution["transaction_id"] is not None
    intents = await connection.fetch(
        "SELECT sell_signal_id, status FROM trade_intents ORDER BY generation, status"
    )
    assert sorted(tuple(row) for row in intents if row["sell_signal_id"] is not None) == [
        (signal_id, "failed"),
        (signal_id, "settled"),
    ]


async def test_a_failed_intent_tried_again_under_its_id_is_open_again(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story = Story()
    await add_owners(connection, [story])
    signal_id = await add_signal(connection)
    first = story.intend
    entries = [story.deposit(), first(signal_id)]
    entries.append(story.failed(entries[-1]))
    entries.append(first(signal_id))
    entries.append(story.failed(entries[-1]))
    entries.append(first(signal_id))
    # In the batch it failed in, and in a later one, where its row is there already.
    await journal.append(entries)
    assert await projector.project(4) == 4
    assert await connection.fetchval("SELECT status FROM trade_intents") == "intended"
    await projector.project(1)
    assert await projector.project_all() == 1

    assert await connection.fetchval("SELECT status FROM trade_intents") == "intended"
    assert await connection.fetchval("SELECT count(*) FROM projection_failures") == 0
    assert (await journal.load([story.wallet])) == [story.state]
    assert (await verify(database_url)).is_clean


async def test_a_reset_leaves_nothing_but_history(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story, other = Story(), Story()
    await add_owners(connection, [story, other])
    await journal.append([story.deposit(), *story.buy(), other.deposit()])
    await projector.project_all()
    await journal.append([*story.sell(), *story.buy(), story.reset(), story.deposit(5)])
    await projector.project_all()

    for table in ("agent_positions", "agent_historical_swaps"):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
    rows = await connection.fetch("SELECT balance_raw FROM agent_balances ORDER BY balance_raw")
    assert [row["balance_raw"] for row in rows] == [5, 10_000_000_000]
    assert (
        await connection.fetchval(
            "SELECT count(*) FROM agent_transactions WHERE wallet_address = $1", story.wallet
        )
        == 1
    )
    assert (await journal.load([story.wallet]))[0] == story.state
    assert (await verify(database_url)).is_clean


async def test_a_wallet_whose_agent_goes_holds_nothing_and_keeps_its_history(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    story, other = Story(), Story()
    await add_owners(connection, [story, other])
    await journal.append([story.deposit(), *story.buy(), *story.sell(), *story.buy()])
    await journal.append([other.deposit(), *other.buy()])
    await projector.project_all()
    (held,) = story.state.positions
    await connection.execute(
        "INSERT INTO position_marks (position_id, position_version, peak_price_sol, lowest_price_sol, updated_at)"
        " VALUES ($1, 1, 1, 1, now())",
        held,
    )

    await journal.append([story.reset(keep_history=True)])
    await projector.project_all()

    async def count(table: str) -> int:
        rows: int = await connection.fetchval(
            f"SELECT count(*) FROM {table} WHERE wallet_address = $1", story.wallet
        )
        return rows

    assert [await count(table) for table in ("agent_positions", "agent_balances")] == [0, 0]
    assert [await count(table) for table in ("agent_transactions", "agent_historical_swaps")] == [4, 1]
    assert await connection.fetchval("SELECT count(*) FROM position_marks") == 0
    assert await connection.fetchval("SELECT wallet_address FROM agent_positions") == other.wallet
    assert await connection.fetchval("SELECT count(*) FROM agent_balances") == 2


async def test_what_was_read_ahead_is_not_applied_when_somebody_else_has_applied_it(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    story = Story()
    await add_owners(connection, [story])
    await journal.append([story.deposit(3), story.deposit(4)])
    ahead = await projector._read_ahead(None, 10)
    assert await projector.project(1) == 1

    assert await projector.project(10, ahead) == 1

    assert await connection.fetchval("SELECT balance_raw FROM agent_balances") == 7
    assert await projector.project(10, ahead) == 0
    assert await connection.fetchval("SELECT balance_raw FROM agent_balances") == 7


async def test_a_closed_projector_leaves_no_session(
    journal: PostgresJournal, connection: Connection, database_url: str
) -> None:
    projector = Projector(database_url)
    story = Story()
    await add_owners(connection, [story])
    await journal.append([story.deposit()])

    async def sessions() -> int:
        own: int = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1",
            PROJECTOR.application_name,
        )
        return own

    tasks = asyncio.all_tasks()
    assert await projector.project_all() == 1
    # Nor a task: the batch it was reading ahead has been let go of.
    assert asyncio.all_tasks() == tasks
    assert await sessions() > 0

    await projector.close()

    async def gone() -> bool:
        return await sessions() == 0

    await until(gone, "its sessions are gone")


async def test_a_wallet_is_rebuilt_when_nobody_projects_and_from_its_journal_alone(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story, other = Story(), Story()
    await add_owners(connection, [story, other])
    await journal.append([story.deposit(), *story.buy(), other.deposit(), *other.buy()])
    await projector.project_all()
    (held,) = story.state.positions
    await connection.execute("UPDATE agent_positions SET id = gen_random_uuid() WHERE id = $1", held)
    await connection.execute(
        "UPDATE agent_balances SET token_address = 'nothing of it' WHERE wallet_address = $1 AND token_address = $2",
        story.wallet,
        TOKEN,
    )
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT pg_advisory_xact_lock($1)", PROJECTOR_LOCK)

    rebuilt = asyncio.create_task(projector.rebuild(story.wallet))

    async def waits() -> bool:
        waiting: bool = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database"
            " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database())"
        )
        return waiting or rebuilt.done()

    await until(waits, "it waits for who projects")
    assert not rebuilt.done()
    await transaction.commit()
    assert await rebuilt == 3
    positions = await connection.fetch("SELECT id FROM agent_positions")
    assert {row["id"] for row in positions} == {held, *other.state.positions}
    assert (await verify(database_url)).is_clean


async def test_figures_since_a_reset_survive_rebuilding(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story = Story()
    await add_owners(connection, [story])
    before = [story.deposit(), *story.buy(), *story.sell(), story.reset()]
    await journal.append([*before, story.deposit(), *story.buy(), *story.sell(), *story.buy()])
    await projector.project_all()
    await connection.execute(
        "INSERT INTO agent_balance_snapshots (id, agent_id, wallet_address, snapshot_timestamp, portfolio_balance_sol,"
        " sol_balance, positions_value_sol, unrealized_pnl_sol, updated_at)"
        " VALUES (gen_random_uuid(), $1, $2, now(), 9, 8, 1, 0, now())",
        story.agent_id,
        story.wallet,
    )
    await connection.execute(
        "INSERT INTO wallet_reconciliations (wallet_address, agent_id, genesis, slot, checked_at, findings)"
        " VALUES ($1, $2, 'G', 7, now(), '[]')",
        story.wallet,
        story.agent_id,
    )
    (position,) = story.state.positions
    await connection.execute(
        "INSERT INTO position_marks (position_id, position_version, peak_price_sol, lowest_price_sol)"
        " VALUES ($1, 1, 2, 1)",
        position,
    )
    tables = (
        "agent_balance_snapshots",
        "wallet_reconciliations",
        "position_marks",
        "closed_trade_totals",
        "closed_trade_days",
    )
    kept = [await connection.fetch(f"SELECT * FROM {table}") for table in tables]
    assert all(kept)

    await projector.rebuild(story.wallet)

    assert [await connection.fetch(f"SELECT * FROM {table}") for table in tables] == kept
    assert (await verify(database_url)).is_clean


async def test_deleted_agents_and_signals_hold_nothing_up(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    gone, story = Story(), Story()
    await add_owners(connection, [gone, story])
    signal_id = await add_signal(connection)
    await journal.append([gone.deposit(), *gone.buy(signal_id), story.deposit(), *story.buy(signal_id)])
    await connection.execute("DELETE FROM agents WHERE id = $1", gone.agent_id)
    await connection.execute("DELETE FROM trading_signals")

    await projector.project_all()

    rows = await connection.fetch("SELECT wallet_address, signal_id FROM agent_transactions")
    assert {(row["wallet_address"], row["signal_id"]) for row in rows} == {(story.wallet, None)}
    assert await connection.fetchval("SELECT count(*) FROM projection_failures") == 0
    assert (
        await connection.fetchval("SELECT seq FROM journal_streams WHERE wallet_address = $1", gone.wallet)
        == 3
    )
    assert (await verify(database_url)).is_clean


async def test_an_address_added_again_starts_from_nothing(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    address = WalletAddress("A" * 44)
    first = Story(wallet=address)
    await add_owners(connection, [first])
    await journal.append([first.deposit(), *first.buy()])
    await connection.execute("DELETE FROM agents WHERE id = $1", first.agent_id)
    second = Story(wallet=address, seq=3)
    await add_owners(connection, [second])
    unprojected = await journal.load([address])
    await journal.append([second.deposit(7)])

    assert [(state.seq, state.balances) for state in unprojected] == [(3, {})]
    assert (await journal.load([address]))[0] == second.state
    await projector.project_all()
    assert (await journal.load([address]))[0] == second.state
    assert (await verify(database_url)).is_clean


async def test_a_poison_entry_is_set_aside_and_its_wallet_is_read_from_the_journal(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    poisoned, story = Story(), Story()
    await add_owners(connection, [poisoned, story])
    await connection.execute(
        f"ALTER TABLE agent_historical_swaps ADD CONSTRAINT poison CHECK (agent_id <> '{poisoned.agent_id}')"
    )
    await journal.append(
        [poisoned.deposit(), *poisoned.buy(), *poisoned.sell(), story.deposit(), *story.buy(), *story.sell()]
    )

    assert await projector.project_all() == 10

    (failure,) = await connection.fetch("SELECT * FROM projection_failures")
    assert (failure["wallet_address"], failure["seq"], failure["kind"]) == (poisoned.wallet, 5, "settled")
    assert await connection.fetchval("SELECT count(*) FROM agent_historical_swaps") == 1
    states = {state.wallet_address: state for state in await journal.load()}
    assert states == {poisoned.wallet: poisoned.state, story.wallet: story.state}
    report = await verify(database_url)
    assert not report.is_clean
    assert report.repairable == [poisoned.wallet]

    (refused,) = await repair(database_url, report.repairable)
    assert refused.problem is not None
    assert "poison" in refused.problem
    await connection.execute("ALTER TABLE agent_historical_swaps DROP CONSTRAINT poison")
    assert await projector.rebuild(poisoned.wallet) == 5
    assert await connection.fetchval("SELECT count(*) FROM agent_historical_swaps") == 2
    assert (await projector.backlog()).failures == 0
    assert (await verify(database_url)).is_clean


async def test_an_unreadable_entry_does_not_stop_the_others(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    broken, story = Story(), Story()
    await add_owners(connection, [broken, story])
    await connection.execute(
        "INSERT INTO journal (entry_id, wallet_address, agent_id, seq, at, kind, postings, body)"
        " VALUES (gen_random_uuid(), $1, $2, 1, now(), 'unheard of', '[]', '{}')",
        broken.wallet,
        broken.agent_id,
    )
    await journal.append([story.deposit()])

    assert await projector.project_all() == 2

    assert await connection.fetchval("SELECT balance_raw FROM agent_balances") == 10_000_000_000
    assert [state.wallet_address for state in await journal.load()] == [story.wallet]
    assert "unheard of" in await connection.fetchval("SELECT error FROM projection_failures")


@pytest.mark.parametrize("document", ["{}", "[1, 2]"], ids=["empty", "list"])
@pytest.mark.parametrize("what", ["position", "intent", "submission"])
async def test_rows_that_cannot_be_read_keep_no_wallet_from_trading(
    journal: PostgresJournal,
    projector: Projector,
    connection: Connection,
    database_url: str,
    what: str,
    document: str,
) -> None:
    odd, story = Story(), Story()
    await add_owners(connection, [odd, story])
    await journal.append([odd.deposit(), *odd.buy(), odd.intend(token=MINT), story.deposit(), *story.buy()])
    await projector.project_all()
    change = {
        "position": "UPDATE agent_positions SET state = $2 WHERE wallet_address = $1",
        "intent": "UPDATE trade_intents SET intent = $2 WHERE wallet_address = $1",
        "submission": "UPDATE trade_intents SET submission = $2 WHERE wallet_address = $1",
    }
    await connection.execute(change[what], odd.wallet, document)

    states = {state.wallet_address: state for state in await journal.load()}

    assert states == {odd.wallet: odd.state, story.wallet: story.state}
    backlog = await projector.backlog()
    assert (backlog.failures, backlog.failed) == (1, (odd.wallet,))
    # It stays one, however often it is read, and the wallet goes on.
    await journal.append([odd.deposit()])
    assert {state.wallet_address: state for state in await journal.load()}[odd.wallet] == odd.state
    assert (await projector.backlog()).failures == 1
    report = await verify(database_url)
    assert not report.is_clean
    assert report.repairable == [odd.wallet]
    (mended,) = await repair(database_url, report.repairable)
    assert mended.problem is None
    assert (await projector.backlog()).failed == ()
    assert (await verify(database_url)).is_clean


async def test_a_wallet_whose_entries_cannot_be_read_either_is_set_apart(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    odd, story = Story(), Story()
    await add_owners(connection, [odd, story])
    await journal.append([odd.deposit(), *odd.buy(), story.deposit()])
    await projector.project_all()
    await connection.execute(
        "INSERT INTO journal (entry_id, wallet_address, agent_id, seq, at, kind, postings, body)"
        " VALUES (gen_random_uuid(), $1, $2, 4, now(), 'settled', '[]', '{}')",
        odd.wallet,
        odd.agent_id,
    )

    assert [state.wallet_address for state in await journal.load()] == [story.wallet]

    assert (await projector.backlog()).failed == (odd.wallet,)


async def test_a_batch_that_breaks_sets_aside_what_broke_it_and_what_cannot_be_read(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    broken, poisoned, story = Story(), Story(), Story()
    await add_owners(connection, [broken, poisoned, story])
    await connection.execute(
        f"ALTER TABLE agent_transactions ADD CONSTRAINT poison CHECK (agent_id <> '{poisoned.agent_id}')"
    )
    await connection.execute(
        "INSERT INTO journal (entry_id, wallet_address, agent_id, seq, at, kind, postings, body)"
        " VALUES (gen_random_uuid(), $1, $2, 1, now(), 'unheard of', '[]', '{}')",
        broken.wallet,
        broken.agent_id,
    )
    await journal.append([poisoned.deposit(), story.deposit()])

    assert await projector.project_all() == 3

    failures = await connection.fetch(
        "SELECT wallet_address, error FROM projection_failures ORDER BY journal_id"
    )
    assert [row["wallet_address"] for row in failures] == [broken.wallet, poisoned.wallet]
    assert all(row["error"] for row in failures)
    assert await connection.fetchval("SELECT wallet_address FROM agent_balances") == story.wallet


async def test_a_round_that_has_had_its_time_ends_with_the_batch_it_is_at(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    story = Story()
    await add_owners(connection, [story])
    entries = [story.deposit() for _ in range(5)]
    head = await journal.append(entries)
    before = await projector.backlog()
    assert (before.position, before.head, before.oldest_at) == (0, head, entries[0].at)

    assert await projector.project_all(2, within_seconds=0) == 2

    behind = await projector.backlog()
    assert (behind.position, behind.head, behind.oldest_at) == (head - 3, head, entries[2].at)
    assert await projector.project_all(2, within_seconds=60) == 3
    done = await projector.backlog()
    assert (done.position, done.oldest_at, done.failures) == (head, None, 0)
    assert await projector.project_all(2, within_seconds=0) == 0


async def test_foreign_text_cannot_break_a_row(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    """A NUL in a token symbol, and routes that are no JSON."""
    story = Story()
    await add_owners(connection, [story])
    entry = story.deposit()
    assert isinstance(entry.body, Recorded)
    record = replace(
        entry.body.transaction,
        input_symbol="TK\x00N\x00",
        routes_json="{not json \\u0000",
        swap_payload_json='{"a": "x\\u0000y", "b": "\\\\u0000"}',
    )
    await journal.append([replace(entry, body=Recorded(record))])
    await projector.project_all()

    row = await connection.fetchrow("SELECT input_symbol, routes, swap_payload FROM agent_transactions")

    assert row is not None
    assert row["input_symbol"] == "TKN"
    assert json.loads(row["routes"]) == "{not json \\u0000"
    assert json.loads(row["swap_payload"]) == {"a": "xy", "b": "\\u0000"}
    assert await connection.fetchval("SELECT count(*) FROM projection_failures") == 0


ODD_TEXTS = (
    "",
    "null",
    "true",
    "0x1,2",
    'a "quote", ""two"" and a \\ or \\\\ and \\"',
    "\\.",
    "lines\nand\r\nlines\r\t\b\f\x1b\x7f",
    "]\n[",
    "\\n is no line, \\\n is, and \\u0041 is no A",
    "Ünïcødé 🚀 \u2028 \ufeff",
    " around ",
)


async def test_any_text_arrives_as_it_is(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    """In a column of its own, in one that is JSON, and in one that is JSON and text of somebody else."""
    stories = {text: Story() for text in ODD_TEXTS}
    await add_owners(connection, list(stories.values()))
    entries = []
    for text, story in stories.items():
        deposit = story.deposit()
        assert isinstance(deposit.body, Recorded)
        record = replace(
            deposit.body.transaction, destination_address=text, routes_json=json.dumps({"a": text}, indent=1)
        )
        intended = story.intend(await add_signal(connection))
        assert isinstance(intended.body, TradeIntended)
        intent = replace(intended.body.intent, token_symbol=text)
        entries += [
            replace(deposit, body=Recorded(record)),
            replace(intended, body=TradeIntended(intent)),
            story.add(TradeFailed(intent.id, text, text)),
        ]
    await journal.append(entries)

    with capture_logs() as logs:
        assert await projector.project() == len(entries)

    assert logs == [], "copied at once"
    for text, story in stories.items():
        transaction = await connection.fetchrow(
            "SELECT destination_address, routes FROM agent_transactions WHERE agent_id = $1", story.agent_id
        )
        intent_row = await connection.fetchrow(
            "SELECT token_symbol, code, reason, intent, submission FROM trade_intents WHERE agent_id = $1",
            story.agent_id,
        )
        assert transaction is not None
        assert intent_row is not None
        assert (transaction["destination_address"], json.loads(transaction["routes"])) == (text, {"a": text})
        assert (intent_row["token_symbol"], intent_row["code"], intent_row["reason"]) == (text, text, text)
        assert json.loads(intent_row["intent"])["token_symbol"] == text
        assert intent_row["submission"] is None
    assert await connection.fetchval("SELECT count(*) FROM projection_failures") == 0


async def test_a_trade_whose_transaction_was_removed_before_it_was_in_the_tables_does_without(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story, other = Story(), Story()
    await add_owners(connection, [story, other])
    entries = [story.deposit(), *story.buy()]
    (position,) = story.state.positions.values()
    entries += story.sell()
    entries.append(story.add(TransactionRemoved(position.purchase_transaction_id)))
    await journal.append([*entries, other.deposit()])

    with capture_logs() as logs:
        assert await projector.project() == len(entries) + 1

    assert [line["event"] for line in logs] == ["projector.batch_not_new"]
    trade = await connection.fetchrow("SELECT * FROM agent_historical_swaps")
    assert trade is not None
    assert trade["purchase_transaction_id"] is None
    assert trade["sale_transaction_id"] is not None
    assert await connection.fetchval("SELECT count(*) FROM projection_failures") == 0
    assert await connection.fetchval("SELECT count(*) FROM agent_transactions") == 3
    assert (await verify(database_url)).is_clean


async def test_deleting_an_agent_while_projecting_does_not_deadlock(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    stories = [Story() for _ in range(20)]
    await add_owners(connection, stories)
    for story in stories:
        await journal.append([story.deposit(), *story.buy(), *story.sell()])

    async def delete(agent_id: AgentId) -> None:
        other = await asyncpg.connect(database_url)
        try:
            await other.execute("DELETE FROM agents WHERE id = $1", agent_id)
        finally:
            await other.close()

    deletions = [asyncio.create_task(delete(story.agent_id)) for story in stories[::4]]
    while await projector.project(9):
        pass
    await asyncio.gather(*deletions)

    assert (await projector.backlog()).failures == 0
    assert (await verify(database_url)).is_clean


async def test_only_one_purchase_per_agent_and_signal_can_be_open(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    story = Story()
    await add_owners(connection, [story])
    signal_id = await add_signal(connection)
    await journal.append([story.deposit(), story.intend(signal_id)])
    await projector.project_all()

    duplicate = (
        "INSERT INTO trade_intents SELECT (json_populate_record(i, json_build_object('id', gen_random_uuid()))).*"
        " FROM trade_intents i"
    )
    with pytest.raises(asyncpg.UniqueViolationError, match="trade_intents_purchase_key"):
        await connection.execute(duplicate)


async def test_purchases_by_hand_that_refer_to_a_signal_are_not_its_one_trade(
    journal: PostgresJournal, projector: Projector, connection: Connection, database_url: str
) -> None:
    story = Story()
    await add_owners(connection, [story])
    signal_id = await add_signal(connection)
    await journal.append([story.deposit(), *story.buy(signal_id)])
    for token in (MINT, OTHER_MINT):
        intended = story.intend(signal_id, token=token, by_hand=True)
        await journal.append([intended, story.bought(intended, signal_id)])

    await projector.project_all()

    assert (await projector.backlog()).failures == 0
    assert (
        await connection.fetchval("SELECT count(*) FROM agent_transactions WHERE signal_id = $1", signal_id)
        == 3
    )
    # The agent's own trade of the signal is the one that counts as its execution.
    assert await connection.fetchval("SELECT count(*) FROM signal_executions") == 1
    assert (await verify(database_url)).is_clean


async def test_only_a_trade_bases_the_figures_of_a_position_anew(
    journal: PostgresJournal, projector: Projector, connection: Connection
) -> None:
    story = Story()
    await add_owners(connection, [story])
    await journal.append([story.deposit(), *story.buy()])
    await projector.project_all()
    figures = "SELECT peak_price, lowest_price, current_stop_loss_percentage, version FROM agent_positions"
    moved = (Decimal("9E-11"), Decimal("1E-12"), Decimal("40.5"))
    await connection.execute(
        "UPDATE agent_positions SET peak_price = $1, lowest_price = $2, current_stop_loss_percentage = $3",
        *moved,
    )

    # An exit that is asked for carries the trail of the last trade, which the market has left behind since.
    (position,) = story.state.positions.values()
    asked = replace(position, version=2, pending_exit=PendingExit(CloseReason.STALE_TRADE, 0, story.now))
    await journal.append([story.add(ExitAsked(asked))])
    await projector.project_all()
    assert tuple((await connection.fetch(figures))[0]) == (*moved, 2)

    trail = replace(position.base_trail, position_version=3)
    await journal.append([story.add(ExitAsked(replace(asked, version=3, base_trail=trail)))])
    await projector.project_all()
    assert tuple((await connection.fetch(figures))[0]) == (
        trail.peak_price_sol,
        trail.lowest_price_sol,
        trail.stop_loss_pct,
        3,
    )
