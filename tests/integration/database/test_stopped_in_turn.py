"""A process that stands still in its turn, with a transaction of its own under way: nobody waits for it to wake up."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from nexgent.infrastructure.database.connection import DatabaseUnavailableError
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.parts import first_position, part_of
from nexgent.infrastructure.database.lease import EngineLease
from nexgent.shared.shards import ALL_SHARDS
from tests.integration.database.story import Story
from tests.patience import until

LONG = 600.0
MONTH = datetime(2041, 6, 1, tzinfo=UTC)
# It stops itself as soon as the server has given it the turn.
_STOPPING = """
import asyncio, os, signal, sys
from datetime import datetime
import asyncpg
from asyncpg.pool import PoolConnectionProxy
from nexgent.infrastructure.database.journal.parts import APPEND_LOCK, keep_parts
from nexgent.infrastructure.database.lease import SHARING_LOCK, EngineLease

LOCKS = APPEND_LOCK, SHARING_LOCK

def stopping(execute):
    async def stop(self, query, *arguments, **options):
        done = await execute(self, query, *arguments, **options)
        if "pg_advisory_xact_lock" in query and any(str(lock) in f"{query} {arguments}" for lock in LOCKS):
            os.kill(os.getpid(), signal.SIGSTOP)
        return done
    return stop

async def main(what, url, moment):
    lease = EngineLease(url, owner="stopped", seconds=600.0, shared=True)
    if what == "balance":
        await lease.try_acquire()
        lease.enable()
    for kind in (asyncpg.Connection, PoolConnectionProxy):
        kind.execute = stopping(kind.execute)
    if what == "balance":
        await lease.balance()
    elif what == "sign on":
        await lease.try_acquire()
    else:
        await keep_parts(url, datetime.fromisoformat(moment))

asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def stopped_in(what: str, database_url: str) -> Iterator[None]:
    """Have a process stand still in the middle of something, as long as this is entered."""
    process = subprocess.Popen([sys.executable, "-c", _STOPPING, what, database_url, MONTH.isoformat()])
    try:
        ended = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert ended is not None
        assert ended.si_status == signal.SIGSTOP
        yield
    finally:
        process.kill()
        process.wait()


async def balanced(lease: EngineLease) -> int:
    """Look at the shards until the database gives an answer; return those that are this engine's then."""

    async def answered() -> bool:
        try:
            await lease.balance()
        except DatabaseUnavailableError:
            return False
        return True

    await until(answered, "somebody else gets a turn")
    return lease.shards


async def signed_on(lease: EngineLease) -> None:
    """Be an engine as soon as the database gives an answer."""

    async def answered() -> bool:
        try:
            return await lease.try_acquire() is not None
        except DatabaseUnavailableError:
            return False

    await until(answered, "somebody else gets a turn")
    lease.enable()


async def test_shards_of_an_engine_that_stopped_while_it_looked_at_them_are_taken(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    with stopped_in("balance", database_url):
        lease = EngineLease(database_url, owner="other", seconds=LONG, shared=True)
        await connection.execute(
            "UPDATE engine_lease SET renewed_at = renewed_at - interval '1 h', expires_at = clock_timestamp() - interval '1 min'"
        )
        await signed_on(lease)
        assert await balanced(lease) == ALL_SHARDS
        await lease.release()


async def test_an_engine_begins_while_another_one_stands_still_that_was_about_to(database_url: str) -> None:
    with stopped_in("sign on", database_url):
        lease = EngineLease(database_url, owner="other", seconds=LONG, shared=True)
        await signed_on(lease)
        assert await balanced(lease) == ALL_SHARDS
        await lease.release()


async def test_entries_are_written_while_one_stands_still_that_begins_a_month(
    database_url: str, journal: PostgresJournal
) -> None:
    with stopped_in("parts", database_url):
        story = Story()
        position = await journal.append([story.deposit()])
    assert position > first_position(part_of(MONTH)), "what it had begun was done"


def test_every_lock_of_the_database_has_a_number_of_its_own() -> None:
    source = Path(importlib.import_module("nexgent").__path__[0])
    numbers = [
        number.replace("_", "")
        for path in source.rglob("*.py")
        for number in re.findall(r"^_?[A-Z_]+_LOCK = ([\d_]+)$", path.read_text(), re.MULTILINE)
    ]

    assert len(numbers) >= 5
    assert not [number for number, times in Counter(numbers).items() if times > 1]
