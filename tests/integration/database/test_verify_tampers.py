"""Whatever is done to the journal: what is found in a hurry, of many wallets at once or of one after the other, is what the
ledger's own rules find.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

import asyncpg
import pytest

from nexgent.domain.ledger.models import Account, Adjusted
from nexgent.infrastructure.database.journal import stream_fold, table_order, wallet_check
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.lines import Line
from nexgent.infrastructure.database.journal.parts import keep_parts
from nexgent.infrastructure.database.journal.quick_fold import DoubtfulError, QuickFold
from nexgent.infrastructure.database.journal.table_order import TablePart
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.database.journal.wallet_check import Found, check_streams
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.integration.database.story import Story, add_owners

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

TIMES = 120
OTHER = TokenAddress("B" * 44)


class Doubting(QuickFold):
    """One that vouches for nothing."""

    def add(self, lines: Sequence[Line]) -> None:
        raise DoubtfulError

    def add_one(self, line: Line) -> None:
        raise DoubtfulError


async def told(journal: PostgresJournal, story: Story) -> None:
    """Have everything happen to a wallet, in two parts of the journal."""
    await journal.append([story.deposit(), *story.buy(), *story.buy(token=OTHER)])
    story.wait(minutes=3)
    await journal.append([*story.sell(), failed := story.intend(token=OTHER), story.failed(failed)])


async def told_on(journal: PostgresJournal, story: Story) -> None:
    story.wait(minutes=3)
    expired = story.intend(token=OTHER)
    entries = [expired, story.submit(expired), story.expired(expired)]
    legs = (Account.WALLET, SOL_MINT, 5), (Account.ADJUSTMENT, SOL_MINT, -5)
    await journal.append([*entries, story.add(Adjusted(SOL_MINT, "counted"), *legs)])
    await journal.append([*story.buy(), story.intend(token=TokenAddress("C" * 44))])


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_is_found_in_a_hurry_is_what_is_found_at_leisure(
    journal: PostgresJournal,
    connection: Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    stories = [Story(), Story()]
    await add_owners(connection, stories)
    for story in stories:
        await told(journal, story)
    await keep_parts(database_url, datetime(2041, 5, 1, tzinfo=UTC))
    assert (await verify(database_url)).is_clean
    for story in stories:
        await told_on(journal, story)
    assert (await verify(database_url, everything=True)).is_clean
    chance, wallets, found = random.Random(seed), [story.wallet for story in stories], 0
    for number in range(TIMES):
        changes = connection.transaction()
        await changes.start()
        try:
            # No trigger refuses anything.
            await connection.execute("SET LOCAL session_replication_role = 'replica'")
            if number % 2:
                await connection.execute("DELETE FROM verified_wallets")
            what = await tampered(connection, chance, wallets)
            for everything in (False, True):
                at_once = await checked(connection, wallets, everything=everything)
                with monkeypatch.context() as patched:
                    patched.setattr(wallet_check, "pays", lambda *_: False)
                    hurried = await checked(connection, wallets, everything=everything)
                    patched.setattr(stream_fold, "QuickFold", Doubting)
                    patched.setattr(wallet_check, "QuickFold", Doubting)
                    thorough = await checked(connection, wallets, everything=everything)
                assert at_once == hurried == thorough, what
                found += bool(hurried.report.differences)
        finally:
            await changes.rollback()
    assert found > TIMES / 2


async def test_what_is_in_order_is_read_at_once(
    journal: PostgresJournal,
    connection: Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From its first line, and from where it was in order last: then nothing of what is before is read. Whatever its name is."""
    stories = [Story(), Story(), Story(wallet=WalletAddress("it's \\' a 'wallet\\\\'; \\x41 ü"))]
    await add_owners(connection, stories)
    for story in stories:
        await told(journal, story)
    await keep_parts(database_url, datetime(2041, 5, 1, tzinfo=UTC))
    read: list[list[str]] = []

    async def noted(connection: Connection, parts: Sequence[TablePart], *rest: Any) -> None:
        read.append([part.name for part in parts])
        await table_order.read_in_table_order(connection, parts, *rest)

    async def none(*_: object) -> None:
        raise AssertionError("a wallet was read by itself")

    monkeypatch.setattr(wallet_check, "read_in_table_order", noted)
    monkeypatch.setattr(wallet_check, "read_lines", none)
    assert (await verify(database_url)).is_clean
    for story in stories:
        await told_on(journal, story)
    # Each is elsewhere in its page than it was, behind others that are behind it.
    await connection.execute("SET nexgent.allow_journal_changes = 'on'")
    await connection.execute("UPDATE journal SET epoch = epoch WHERE seq % 3 = 1")

    went_on = await verify(database_url)
    whole = await verify(database_url, everything=True)

    assert (went_on.is_clean, went_on.entries, went_on.entries_checked_before) == (True, 21, 27)
    assert (whole.is_clean, whole.entries) == (True, 48)
    assert [len(parts) for parts in read] == [1, 1, 2]
    assert read[2] == [*read[0], *read[1]]


async def checked(connection: Connection, wallets: Sequence[WalletAddress], *, everything: bool) -> Found:
    found = Found()
    async for part in check_streams(connection, wallets, everything=everything, with_holdings=True):
        found.report.include(part.report)
        found.checked += part.checked
        found.holdings += part.holdings
    return found


async def tampered(connection: Connection, chance: random.Random, wallets: Sequence[WalletAddress]) -> str:
    """Change something about the journal; return what."""
    lines = await connection.fetch("SELECT id, wallet_address, seq, postings, body FROM journal ORDER BY id")
    one = chance.choice(lines)
    other = chance.choice([line for line in lines if line["wallet_address"] == one["wallet_address"]])
    statement, values = "", cast("tuple[object, ...]", (one["id"],))
    match chance.randrange(11):
        case 0:
            statement = "DELETE FROM journal WHERE id = $1"
        case 1:
            statement, values = "UPDATE journal SET seq = seq + $2 WHERE id = $1", (one["id"], 100)
        case 2:
            # In each other's place, which one of them has for a moment in nobody's stream.
            await connection.execute("UPDATE journal SET seq = 999 WHERE id = $1", one["id"])
            await connection.execute(
                "UPDATE journal SET seq = $2 WHERE id = $1 AND seq <> 999", other["id"], one["seq"]
            )
            statement, values = "UPDATE journal SET seq = $2 WHERE id = $1", (one["id"], other["seq"])
        case 3:
            to = next(wallet for wallet in wallets if wallet != one["wallet_address"])
            statement = "UPDATE journal SET wallet_address = $2, seq = seq + 50 WHERE id = $1"
            values = (one["id"], to)
        case 4:
            column = chance.choice(["kind", "postings", "body"])
            await connection.execute(f"ALTER TABLE journal ALTER {column} DROP NOT NULL")
            statement = f"UPDATE journal SET {column} = NULL WHERE id = $1"
        case 5:
            at = chance.choice(["infinity", "12000-01-01", "0044-03-15 BC", "2026-01-01"])
            statement = f"UPDATE journal SET at = '{at}' WHERE id = $1"
        case 6:
            column = chance.choice(["entry_id", "agent_id"])
            statement = f"UPDATE journal SET {column} = gen_random_uuid() WHERE id = $1"
        case 7:
            statement, values = (
                "UPDATE journal SET kind = $2 WHERE id = $1",
                (
                    one["id"],
                    chance.choice(["settled", "intended", "submitted", "blessed", "adjusted"]),
                ),
            )
        case 8:
            # Of the newest month, and with that elsewhere in the order of all lines.
            statement = "UPDATE journal SET id = DEFAULT WHERE id = $1"
        case _:
            column = "body" if one["postings"] == "[]" else chance.choice(["postings", "body"])
            statement, values = (
                f"UPDATE journal SET {column} = $2 WHERE id = $1",
                (one["id"], await _another(connection, chance, one[column])),
            )
    await connection.execute(statement, *values)
    return f"{statement} {values}"


async def _another(connection: Connection, chance: random.Random, text: str) -> str:
    """Return a document of which one letter is another one, and that is JSON all the same."""
    digits = [place for place, letter in enumerate(text) if letter.isdigit()] or [0]
    while True:
        at = chance.choice((chance.randrange(len(text)), chance.choice(digits)))
        changed = text[:at] + chance.choice('0123456789abcdefABC-+.Eg" ') + text[at + 1 :]
        if changed != text and await connection.fetchval("SELECT pg_input_is_valid($1, 'json')", changed):
            return changed
