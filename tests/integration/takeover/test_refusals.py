"""What is not a reference's database, or no place to move into, is said and left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import asyncpg
import pytest

from nexgent.infrastructure.takeover.decimals import TokenScales
from nexgent.infrastructure.takeover.errors import (
    DoesNotFitError,
    EngineRunsError,
    NotAReferenceError,
    SameDatabaseError,
    SourceAddressError,
    SourceUnreachableError,
)
from nexgent.infrastructure.takeover.report import Thing
from nexgent.infrastructure.takeover.take_over import Outcome, Wishes, require_apart, take_over
from tests.conftest import with_database
from tests.reference.databases import fingerprint, reference_database, run_sql

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


async def tried(address: str, database_url: str) -> Outcome:
    return await take_over(address, database_url, Wishes(carry_out=True), TokenScales({}, None), NOW)


async def test_while_a_service_trades_nothing_is_written(postgres_url: str, database_url: str) -> None:
    async with reference_database(postgres_url, "model", "story") as reference:
        await run_sql(
            database_url,
            "UPDATE engine_lease SET epoch = 1, owner = 'host:7', expires_at = now() + interval '1 hour'",
        )
        before = await fingerprint(database_url)
        with pytest.raises(EngineRunsError, match="host:7"):
            await tried(reference, database_url)
        assert await fingerprint(database_url) == before

        await run_sql(database_url, "UPDATE engine_lease SET expires_at = now()")
        assert (await tried(reference, database_url)).written


async def test_what_the_database_refuses_leaves_nothing_half_done(
    postgres_url: str, database_url: str
) -> None:
    async with reference_database(postgres_url, "model", "story") as reference:
        await run_sql(
            database_url,
            "ALTER TABLE agent_historical_swaps ADD CONSTRAINT poison CHECK (profit_loss_sol > 0)",
        )
        before = await fingerprint(database_url)
        with pytest.raises(DoesNotFitError, match=r"agent_historical_swaps .*poison"):
            await tried(reference, database_url)
        assert await fingerprint(database_url) == before

        await run_sql(database_url, "ALTER TABLE agent_historical_swaps DROP CONSTRAINT poison")
        assert (await tried(reference, database_url)).written


async def test_other_databases_are_refused(postgres_url: str, database_url: str) -> None:
    with pytest.raises(NotAReferenceError, match="there is no table"):
        await tried(with_database(postgres_url, "postgres"), database_url)
    with pytest.raises(NotAReferenceError, match="a database of nexgent"):
        await tried(database_url, database_url)


async def test_both_in_one_place(postgres_url: str, database_url: str) -> None:
    async with reference_database(postgres_url, "model", "story") as reference:
        with pytest.raises(SameDatabaseError):
            await require_apart(reference, reference)
        await require_apart(reference, database_url)
        # One database may hold both.
        await run_sql(reference, "CREATE SCHEMA elsewhere")
        await require_apart(reference, f"{reference}&schema=elsewhere")


async def test_tables_that_are_too_old(postgres_url: str, database_url: str) -> None:
    async with reference_database(postgres_url, "migrations", "story") as reference:
        await run_sql(reference, "ALTER TABLE agents DROP COLUMN automated_trading_live")
        with pytest.raises(NotAReferenceError, match=r"agents\.automated_trading_live.*migrate:deploy"):
            await tried(reference, database_url)


async def test_columns_of_the_last_migrations_may_be_missing(postgres_url: str, database_url: str) -> None:
    async with reference_database(postgres_url, "migrations", "story") as reference:
        await run_sql(
            reference,
            "DROP TABLE api_keys",
            "ALTER TABLE trading_signals DROP COLUMN user_id",
            "ALTER TABLE agent_transactions DROP COLUMN is_take_profit, DROP COLUMN protocol_fee_sol, "
            "DROP COLUMN network_fee_sol",
            "ALTER TABLE agent_positions DROP COLUMN tp_batch_start_level, DROP COLUMN total_take_profit_levels",
            "ALTER TABLE agent_historical_swaps DROP COLUMN close_reason",
        )
        outcome = await tried(reference, database_url)

        assert outcome.written
        assert outcome.report.tallies[Thing.API_KEYS].there == 0
        assert outcome.report.tallies[Thing.TRANSACTIONS].taken == 7


async def test_addresses_that_lead_nowhere_keep_their_password(postgres_url: str, database_url: str) -> None:
    with pytest.raises(SourceAddressError, match="The reference's address") as refused:
        await tried("mysql://me:hunter2@here/x", database_url)
    with pytest.raises(SourceUnreachableError, match=r"127\.0\.0\.1:1, database 'x'") as away:
        await tried("postgresql://me:hunter2@127.0.0.1:1/x?schema=public", database_url)
    with pytest.raises(SourceUnreachableError, match="cannot be used"):
        await tried(with_database(postgres_url, "no_such_database"), database_url)
    assert "hunter2" not in f"{refused.value}{away.value}"


async def test_a_user_who_may_only_read_is_enough(postgres_url: str, database_url: str) -> None:
    async with reference_database(postgres_url, "model", "story") as reference:
        name = urlsplit(reference).path.lstrip("/")
        await run_sql(
            reference,
            f"CREATE ROLE reader_of_{name}",
            f"GRANT SELECT ON users, agents, trading_signals, agent_transactions TO reader_of_{name}",
            # Whoever connects is that user.
            f"ALTER DATABASE {name} SET role TO reader_of_{name}",
        )
        try:
            with pytest.raises(NotAReferenceError, match=r"may not read it.*agent_wallets"):
                await tried(reference, database_url)
            await run_sql(
                reference, f"SET ROLE NONE; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_of_{name}"
            )
            assert (await tried(reference, database_url)).written
        finally:
            await run_sql(
                reference,
                f"SET ROLE NONE; DROP OWNED BY reader_of_{name}; ALTER DATABASE {name} RESET role",
                f"DROP ROLE reader_of_{name}",
            )


async def test_a_reference_that_runs_is_noticed(postgres_url: str, database_url: str) -> None:
    async with reference_database(postgres_url, "model", "story") as reference:
        connection = await asyncpg.connect(reference)
        try:
            outcome = await tried(reference, database_url)
        finally:
            await connection.close()
        told = " ".join(outcome.report.notes)
        assert "1 other sessions" in told
        assert "GmaDrppBC7P5ARKV8g3djiwP89vz1jLK23V2GBjuAEGB" in told, "no key of it is in the settings"
