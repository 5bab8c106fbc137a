"""Both generations of the reference's tables are taken over, and the journal alone makes the tables again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from nexgent.domain.trading.errors import TokenUnavailableError
from nexgent.domain.users.seed_admin import SeedAdmin, SeedOutcome
from nexgent.infrastructure.database.journal.repair import repair
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.database.pool import COMMAND, opened_pool
from nexgent.infrastructure.database.stores.users import PostgresUserRepository
from nexgent.infrastructure.security.passwords import BcryptHasher
from nexgent.infrastructure.takeover.decimals import AskChain, TokenScales
from nexgent.infrastructure.takeover.report import Effect, Report, Thing
from nexgent.infrastructure.takeover.take_over import Outcome, Wishes, take_over
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.fakes.clock import FakeClock
from tests.reference.databases import (
    ALICE,
    LIVE_TWIN,
    LIVE_WALLET,
    PAPER_WALLET,
    TWIN,
    WITHOUT_WALLETS,
    Generation,
    fingerprint,
    reference_database,
    run_sql,
)

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
UNKNOWN = TokenAddress("FMUEmtxhU46GzhKF4FW9MLJdQWiLgjiXP9TYRWSrqTpV")
OF_TRANSACTIONS = (
    "id, agent_id, wallet_address, transaction_type::text, transaction_value_usd, transaction_time, destination_address, "
    "signal_id, fees, routes::text, input_mint, output_mint, input_symbol, output_symbol, input_amount, input_price, "
    "output_amount, output_price, slippage, price_impact, is_dca, created_at, updated_at, swap_payload::text, "
    "is_take_profit, protocol_fee_sol, network_fee_sol"
)


@pytest.fixture(params=["migrations", "model"])
async def reference(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[str]:
    generation: Generation = request.param
    async with reference_database(postgres_url, generation, "story") as url:
        yield url


async def moved(
    reference: str,
    database_url: str,
    *,
    carry_out: bool = True,
    leave_out: bool = False,
    decimals: dict[TokenAddress, int] | None = None,
    ask: AskChain | None = None,
) -> Outcome:
    wishes = Wishes(
        carry_out=carry_out,
        leave_out=leave_out,
        admin_email=ALICE[0],
        keys=(WalletAddress(LIVE_WALLET),),
    )
    return await take_over(reference, database_url, wishes, TokenScales(decimals or {}, ask), NOW)


async def rows(url: str, query: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return found
    finally:
        await connection.close()


def figures(report: Report) -> dict[str, tuple[int, int, int, int]]:
    return {
        thing.name: (tally.there, tally.taken, tally.here, tally.left_out)
        for thing, tally in report.tallies.items()
    }


def reasons(report: Report, effect: Effect) -> dict[Thing, set[str]]:
    found: dict[Thing, set[str]] = {}
    for one in report.findings:
        if one.effect is effect:
            found.setdefault(one.thing, set()).add(one.why)
    return found


async def test_everything_comes_along(reference: str, database_url: str) -> None:
    before = await fingerprint(reference)
    outcome = await moved(reference, database_url)

    assert outcome.written
    assert outcome.report.is_complete
    for thing, (there, taken, here, left_out) in figures(outcome.report).items():
        assert (taken, here, left_out) == (there, 0, 0), thing
        assert there > 0, thing
    assert await fingerprint(reference) == before, "nothing is changed there"
    report = await verify(database_url, everything=True)
    assert report.is_clean, report.differences
    # All that the reference said of what happened is the same here.
    for table, columns in (
        (
            "agent_transactions",
            OF_TRANSACTIONS,
        ),
        ("agent_historical_swaps", "*"),
        ("agents", "id, user_id, name, trading_mode, created_at, updated_at"),
        (
            "agent_balance_snapshots",
            "id, agent_id, wallet_address, snapshot_timestamp, portfolio_balance_sol, created_at",
        ),
        ("trading_signals", "id, created_at, token_address, symbol, signal_type, activation_reason, user_id"),
        (
            "api_keys",
            "id, user_id, name, key_hash, key_prefix, coalesce(array_remove(scopes, 'from_the_future'), '{}'), created_at",
        ),
    ):
        query = f"SELECT {columns} FROM {table} ORDER BY id"
        theirs, ours = await rows(reference, query), await rows(database_url, query)
        assert [dict(row) for row in ours] == [dict(row) for row in theirs], table
    wallets = "SELECT wallet_address, agent_id, wallet_type FROM agent_wallets"
    assert set(map(tuple, await rows(reference, wallets))) <= set(
        map(tuple, await rows(database_url, wallets))
    )


async def test_what_wallets_hold(reference: str, database_url: str) -> None:
    await moved(reference, database_url)

    balances = await rows(
        database_url,
        "SELECT wallet_address, token_symbol, balance, balance_raw::text AS raw, decimals FROM agent_balances "
        'ORDER BY wallet_address COLLATE "C", token_symbol COLLATE "C"',
    )
    assert [tuple(row) for row in balances] == [
        (LIVE_WALLET, "CCC", "77.000000001", "77000000001", 9),
        (LIVE_WALLET, "SOL", "1.5", "1500000000", 9),
        (PAPER_WALLET, "AAA", "1000.5", "1000500000", 6),
        (PAPER_WALLET, "SOL", "9.99989", "9999890000", 9),
        (PAPER_WALLET, "aAA", "0.000000001", "1", 9),
        ("sim_2paperWa11etOfTheFirstTwin", "SOL", "0.3", "300000000", 9),
    ]
    half, short = await rows(database_url, "SELECT * FROM agent_positions ORDER BY created_at")
    assert (half["purchase_amount"], half["remaining_amount"]) == (Decimal("2000.25"), Decimal("1000.5"))
    assert half["total_invested_sol"] == Decimal("0.505005")
    assert half["realized_profit_sol"] == Decimal("0.12345678")
    assert (half["peak_price"], half["lowest_price"]) == (Decimal("0.0005"), Decimal("0.0002"))
    assert half["current_stop_loss_percentage"] == Decimal("12.34")
    assert half["take_profit_transaction_ids"] == ["00000000-0000-4000-8000-000000000f03"]
    assert half["created_at"] == datetime(2025, 2, 10, 0, 0, 2, tzinfo=UTC)
    # Of 80 the wallet has 77.000000001, at what they cost.
    assert short["purchase_amount"] == Decimal("77.000000001")
    assert short["total_invested_sol"] == Decimal("0.385000001")
    assert short["remaining_amount"] is None
    assert short["current_stop_loss_percentage"] == -32, "that of the defaults, as it had none"
    assert (short["peak_price"], short["lowest_price"]) == (Decimal("0.0025"), Decimal("0.0025"))


async def test_the_journal_alone_makes_the_tables_again(reference: str, database_url: str) -> None:
    await moved(reference, database_url)
    before = await fingerprint(database_url, besides=frozenset({"verified_wallets"}))
    await run_sql(
        database_url,
        "UPDATE agent_positions SET state = '{}', remaining_amount = 1",
        "UPDATE agent_transactions SET input_amount = 7, created_at = now()",
        "UPDATE agent_historical_swaps SET profit_loss_sol = 7",
        "UPDATE agent_balances SET balance_raw = 7",
    )
    wallets = [
        WalletAddress(row[0])
        for row in await rows(database_url, "SELECT DISTINCT wallet_address FROM journal")
    ]
    done = await repair(database_url, wallets)

    assert all(one.problem is None for one in done), done
    after = await fingerprint(database_url, besides=frozenset({"verified_wallets"}))
    # When a row was first written is not what a repair changes.
    different = {name for name, found in before.items() if after[name] != found}
    assert different <= {"agent_transactions"}
    assert (await verify(database_url, everything=True)).is_clean
    query = "SELECT id, wallet_address, input_amount, updated_at FROM agent_transactions ORDER BY id"
    assert list(map(tuple, await rows(database_url, query))) == list(map(tuple, await rows(reference, query)))


async def test_a_dry_run_writes_nothing(reference: str, database_url: str) -> None:
    before = await fingerprint(database_url)
    outcome = await moved(reference, database_url, carry_out=False)

    assert (outcome.written, outcome.report.is_complete) == (False, True)
    assert await fingerprint(database_url) == before
    done = await moved(reference, database_url)
    assert figures(done.report) == figures(outcome.report), "it says what then happens"


async def test_a_second_run_writes_nothing(reference: str, database_url: str) -> None:
    await moved(reference, database_url)
    # They are theirs to change here: nothing of that comes back.
    await run_sql(
        database_url,
        "DELETE FROM api_keys WHERE name = 'bot'",
        "DELETE FROM trading_signals WHERE id = 12",
        f"UPDATE agents SET name = 'Renamed', deleted_at = now() WHERE id = '{TWIN}'",
    )
    before = await fingerprint(database_url)
    outcome = await moved(reference, database_url)

    assert (outcome.written, outcome.report.is_empty, outcome.report.is_complete) == (False, True, True)
    for thing, (there, taken, here, left_out) in figures(outcome.report).items():
        assert (taken, here, left_out) == (0, there, 0), thing
    assert await fingerprint(database_url) == before


async def test_what_is_new_there_comes_with_a_second_run(reference: str, database_url: str) -> None:
    await moved(reference, database_url)
    await run_sql(
        reference,
        """
        INSERT INTO agents (id, user_id, name, updated_at) VALUES
            ('00000000-0000-4000-8000-0000000000a9', '00000000-0000-4000-8000-00000000000a', 'Late', now());
        INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, updated_at) VALUES
            ('sim_2Late', '00000000-0000-4000-8000-0000000000a9', 'simulation', now());
        INSERT INTO agent_balances VALUES (gen_random_uuid(), '00000000-0000-4000-8000-0000000000a9', 'sim_2Late',
            'So11111111111111111111111111111111111111112', 'SOL', '3', now());
        UPDATE agent_balances SET balance = '1' WHERE wallet_address = 'sim_2PaperWa11etOfTheFirstTwin';
        """,
    )
    outcome = await moved(reference, database_url)

    assert outcome.written
    assert {name: found[1] for name, found in figures(outcome.report).items() if found[1]} == {
        "AGENTS": 1,
        "WALLETS": 1,
        "BALANCES": 1,
    }
    assert (await verify(database_url, everything=True)).is_clean
    kept = await rows(
        database_url,
        "SELECT balance FROM agent_balances WHERE wallet_address = $1 AND token_symbol = 'SOL'",
        PAPER_WALLET,
    )
    assert kept[0]["balance"] == "9.99989"


async def test_what_is_changed_is_said(reference: str, database_url: str) -> None:
    report = (await moved(reference, database_url, carry_out=False)).report

    assert not reasons(report, Effect.LEFT_OUT)
    changed = reasons(report, Effect.CHANGED)
    assert set(changed) == {
        Thing.USERS,
        Thing.API_KEYS,
        Thing.AGENTS,
        Thing.BALANCES,
        Thing.POSITIONS,
        Thing.TRANSACTIONS,
        Thing.EXECUTIONS,
    }
    assert len(changed[Thing.POSITIONS]) == 2
    assert any("moods" in why for why in changed[Thing.AGENTS])
    assert any("stopLoss.defaultPercentage" in why for why in changed[Thing.AGENTS])
    assert any("no paper wallet" in why for why in changed[Thing.AGENTS])
    assert any("small letters" in why for why in changed[Thing.USERS])
    assert report.notes == [], "the key of the live wallet is in the settings, and nobody else is connected"


async def test_history_without_a_wallet_has_none_here(reference: str, database_url: str) -> None:
    await moved(reference, database_url)

    for table in ("agent_transactions", "agent_historical_swaps"):
        (row,) = await rows(
            database_url, f"SELECT wallet_address FROM {table} WHERE agent_id = $1", UUID(WITHOUT_WALLETS)
        )
        assert row["wallet_address"] is None
    (wallet,) = await rows(
        database_url, "SELECT * FROM agent_wallets WHERE agent_id = $1", UUID(WITHOUT_WALLETS)
    )
    assert wallet["wallet_type"] == "simulation"


async def test_signals_are_done_with(reference: str, database_url: str) -> None:
    await moved(reference, database_url)

    signals = await rows(database_url, "SELECT created_at, processed_at FROM trading_signals")
    assert [row["processed_at"] for row in signals] == [row["created_at"] for row in signals]
    (new,) = await rows(
        database_url,
        "INSERT INTO trading_signals (token_address, signal_type, signal_strength, updated_at) "
        "VALUES ('x', 'y', 1, now()) RETURNING id",
    )
    assert new["id"] == 41
    executions = await rows(
        database_url, "SELECT status, error, transaction_id FROM signal_executions ORDER BY executed_at, id"
    )
    assert [row["status"] for row in executions] == ["EXECUTED", "FAILED", "FAILED"]
    assert str(executions[0]["transaction_id"]).endswith("f02")
    assert "not finished" in executions[1]["error"]


async def test_a_landed_transaction_is_there_once(reference: str, database_url: str) -> None:
    await moved(reference, database_url)

    hashes = await rows(
        database_url,
        "SELECT transaction_hash FROM agent_transactions WHERE agent_id = $1 ORDER BY created_at",
        UUID(LIVE_TWIN),
    )
    assert [row["transaction_hash"] for row in hashes] == ["SignatureOfTheLiveSwap1", None]


async def test_what_cannot_be_taken_over_is_refused_first(postgres_url: str, database_url: str) -> None:
    async with reference_database(postgres_url, "migrations", "story", "awkward") as reference:
        before = await fingerprint(database_url)
        outcome = await moved(reference, database_url)

        assert (outcome.written, outcome.report.is_complete) == (False, False)
        assert await fingerprint(database_url) == before, "nothing half done"
        left_out = reasons(outcome.report, Effect.LEFT_OUT)
        for thing, word in {
            Thing.USERS: "other letters",
            Thing.AGENTS: "its user is left out",
            Thing.API_KEYS: "SHA-256",
            Thing.TRANSACTIONS: "transaction_value_usd",
            Thing.EXECUTIONS: "PERHAPS",
            Thing.POSITIONS: "holds nothing",
        }.items():
            assert [word in why for why in left_out[thing]] == [True], thing
        assert {why.partition(":")[0][:12] for why in left_out[Thing.BALANCES]} == {
            "it is negati",
            "it is no num",
            "how many dec",
        }
        assert any("--decimals" in why for why in left_out[Thing.BALANCES])
        assert any("on paper" in why for why in left_out[Thing.WALLETS])

        outcome = await moved(reference, database_url, leave_out=True, decimals={UNKNOWN: 5})
        assert outcome.written
        report = await verify(database_url, everything=True)
        assert report.is_clean, report.differences
        for name, (there, taken, here, gone) in figures(outcome.report).items():
            assert taken + here + gone == there, name
        (told,) = await rows(
            database_url, "SELECT balance FROM agent_balances WHERE token_address = $1", UNKNOWN
        )
        assert told["balance"] == "5.00001"
        assert not await rows(
            database_url, "SELECT 1 FROM agent_balances WHERE token_symbol IN ('NEG', 'NAN')"
        )


async def test_the_chain_is_asked_for_what_no_swap_tells(postgres_url: str, database_url: str) -> None:
    asked: list[TokenAddress] = []

    async def ask(mint: TokenAddress) -> int:
        asked.append(mint)
        if len(asked) == 1:
            raise TokenUnavailableError("The node is away", token=mint)
        return 5

    async with reference_database(postgres_url, "model", "story", "awkward") as reference:
        report = (await moved(reference, database_url, carry_out=False, ask=ask)).report
        assert any("The node is away" in why for why in reasons(report, Effect.LEFT_OUT)[Thing.BALANCES])
        report = (await moved(reference, database_url, carry_out=False, ask=ask)).report
        assert asked == [UNKNOWN, UNKNOWN]
        assert not any("decimals" in why for why in reasons(report, Effect.LEFT_OUT)[Thing.BALANCES])


async def test_a_withdrawal_is_a_burn_here(postgres_url: str, database_url: str) -> None:
    async with reference_database(postgres_url, "migrations", "story") as reference:
        await run_sql(
            reference,
            "UPDATE agent_transactions SET transaction_type = 'WITHDRAWAL' WHERE transaction_type = 'DEPOSIT'",
        )
        outcome = await moved(reference, database_url)

        assert outcome.generation == "migrations"
        assert any("withdrawal" in why for why in reasons(outcome.report, Effect.CHANGED)[Thing.TRANSACTIONS])
        kinds = await rows(
            database_url, "SELECT DISTINCT transaction_type::text AS kind FROM agent_transactions ORDER BY 1"
        )
        assert [row["kind"] for row in kinds] == ["BURN", "SWAP"]


async def test_an_account_that_is_here_keeps_its_password(reference: str, database_url: str) -> None:
    mine = "11111111-0000-4000-8000-000000000001"
    await run_sql(
        database_url,
        f"INSERT INTO users (id, email, password_hash) VALUES ('{mine}', '{ALICE[0]}', '$2b$04$mine')",
    )
    outcome = await moved(reference, database_url)

    assert outcome.written
    (alice,) = await rows(database_url, "SELECT id, password_hash FROM users WHERE email = $1", ALICE[0])
    assert (str(alice["id"]), alice["password_hash"]) == (mine, "$2b$04$mine")
    agents = await rows(database_url, "SELECT name FROM agents WHERE user_id = $1", UUID(mine))
    assert [row["name"] for row in agents] == ["Twin", "Twin"]
    keys = await rows(database_url, "SELECT name FROM api_keys WHERE user_id = $1", UUID(mine))
    assert len(keys) == 2
    assert (await moved(reference, database_url)).report.is_empty


async def test_numbers_of_signals_that_are_taken(reference: str, database_url: str) -> None:
    await run_sql(
        database_url,
        "INSERT INTO trading_signals (id, token_address, signal_type, signal_strength, updated_at, processed_at) "
        "VALUES (11, 'another', 'VOLUME', 1, now(), now())",
    )
    outcome = await moved(reference, database_url, leave_out=True)

    assert outcome.written
    assert figures(outcome.report)["SIGNALS"] == (3, 2, 0, 1)
    (kept,) = await rows(database_url, "SELECT token_address FROM trading_signals WHERE id = 11")
    assert kept["token_address"] == "another"
    assert not await rows(database_url, "SELECT 1 FROM agent_transactions WHERE signal_id = 11")
    assert not await rows(database_url, "SELECT 1 FROM signal_executions WHERE signal_id = 11")
    assert (await verify(database_url, everything=True)).is_clean


async def test_the_administrator_of_both_keeps_the_api_keys(reference: str, database_url: str) -> None:
    await moved(reference, database_url)
    passwords = BcryptHasher(cost=4)
    try:
        async with opened_pool(database_url, COMMAND) as pool:
            seed = SeedAdmin(
                users=PostgresUserRepository(pool), passwords=passwords, clock=FakeClock(datetime.now(UTC))
            )
            assert (await seed.execute(*ALICE))[0] is SeedOutcome.UNCHANGED
            assert (await seed.execute(ALICE[0], "another password"))[0] is SeedOutcome.PASSWORD_REPLACED
    finally:
        passwords.close()
    keys = await rows(database_url, "SELECT scopes FROM api_keys ORDER BY name")
    assert [row["scopes"] for row in keys] == [["signals", "positions"], []]
    # Whoever is not the administrator of the settings is a user like others.
    seeded = await rows(database_url, "SELECT email FROM users WHERE seeded")
    assert [row["email"] for row in seeded] == [ALICE[0]]


async def test_until_it_is_done_nobody_trades_or_sees_anything(postgres_url: str, database_url: str) -> None:
    seen: list[int] = []

    async def ask(mint: TokenAddress) -> int:
        """Look at the database in the middle of it."""
        connection = await asyncpg.connect(database_url)
        try:
            seen.append(await connection.fetchval("SELECT count(*) FROM agents"))
            await connection.execute("SET lock_timeout = '50ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await connection.execute("UPDATE engine_lease SET epoch = epoch + 1")
        finally:
            await connection.close()
        if len(seen) == 1:
            raise asyncio.CancelledError
        return 6

    async with reference_database(postgres_url, "model", "story") as reference:
        await run_sql(reference, "UPDATE agent_transactions SET swap_payload = NULL")
        before = await fingerprint(database_url)
        with pytest.raises(asyncio.CancelledError):
            await moved(reference, database_url, ask=ask)
        assert await fingerprint(database_url) == before, "cut off in the middle, nothing was done"
        assert (await moved(reference, database_url, ask=ask)).written
        assert set(seen) == {0}
        assert (await verify(database_url, everything=True)).is_clean
