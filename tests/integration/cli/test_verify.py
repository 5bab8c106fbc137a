"""`nexgent verify --repair`: what differs from the journal is written anew, and looked at again."""

from __future__ import annotations

import argparse
import json

import asyncpg
import pytest
from redis.asyncio import Redis

from nexgent.cli import exit_codes
from nexgent.cli.verify import configure, verify_command
from nexgent.config.settings import Settings
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.shared.money import from_raw, plain
from tests.integration.database.story import Story, add_owners


async def run(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    configure(parser)
    capsys.readouterr()
    code = await verify_command(parser.parse_args(options), Settings.load())
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def settings(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("COLUMNS", "400")


@pytest.mark.usefixtures("settings", "redis")
async def test_a_row_that_was_altered_by_hand(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    story, other = Story(), Story()
    connection = await asyncpg.connect(database_url)
    journal = PostgresJournal(database_url)
    try:
        await add_owners(connection, [story, other])
        await journal.append([story.deposit(), *story.buy(), other.deposit()])
        code, said, _ = await run(capsys)
        assert (code, "The books balance" in said) == (exit_codes.OK, True)
        await connection.execute(
            "UPDATE agent_balances SET balance_raw = balance_raw + 1 WHERE wallet_address = $1", story.wallet
        )

        code, said, _ = await run(capsys)
        assert code == exit_codes.FAILURE
        assert "nexgent verify --repair" in said
        assert (await run(capsys))[0] == exit_codes.FAILURE, "looking alone repairs nothing"

        code, said, told = await run(capsys, "--repair")
        assert (code, "The books balance" in said) == (exit_codes.OK, True)
        assert "1 wallet " in told
        assert f"{story.wallet} is rebuilt from 3 entries." in told
        assert other.wallet not in told

        code, said, told = await run(capsys, "--repair", "--json")
        assert (code, json.loads(said.splitlines()[-1])["repaired"]) == (exit_codes.OK, [])
        assert "nothing is repaired" in told
    finally:
        await journal.close()
        await connection.close()


@pytest.mark.usefixtures("settings")
async def test_copies_are_found_where_they_are_written(
    database_url: str, redis: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    story = Story()
    connection = await asyncpg.connect(database_url)
    journal = PostgresJournal(database_url)
    keys = CacheKeys(Settings.load().storage.redis_key_prefix)
    try:
        await add_owners(connection, [story])
        await journal.append([story.deposit(), *story.buy()])
        for mint, held in story.state.balances.items():
            copy = json.dumps({"balance": plain(from_raw(held.amount_raw, held.decimals))})
            await redis.set(keys.balance(story.agent_id, story.wallet, mint), copy)

        code, said, _ = await run(capsys, "--all", "--json")
    finally:
        await journal.close()
        await connection.close()

    assert (code, json.loads(said)["cached"]) == (exit_codes.OK, len(story.state.balances))


@pytest.mark.usefixtures("settings", "redis")
async def test_an_entry_the_tables_still_do_not_take(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    story = Story()
    connection = await asyncpg.connect(database_url)
    journal = PostgresJournal(database_url)
    try:
        await add_owners(connection, [story])
        await connection.execute(
            "ALTER TABLE agent_transactions ADD CONSTRAINT poison CHECK (transaction_type <> 'DEPOSIT')"
        )
        await journal.append([story.deposit()])

        code, said, told = await run(capsys, "--repair")
        assert code == exit_codes.FAILURE
        assert f"{story.wallet} could not be rebuilt and is left as it was" in told
        assert "1 entries of the journal are not in the tables" in said

        await connection.execute("ALTER TABLE agent_transactions DROP CONSTRAINT poison")
        code, said, _ = await run(capsys, "--repair", "--json")
        assert code == exit_codes.OK
        assert json.loads(said.splitlines()[-1])["repaired"] == [
            {"wallet_address": story.wallet, "entries": 1, "problem": None}
        ]
    finally:
        await journal.close()
        await connection.close()
