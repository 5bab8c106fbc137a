"""The engine lease and what it fences, against a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
import pytest

from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.infrastructure.database import lease as lease_module
from nexgent.infrastructure.database.connection import DatabaseUnavailableError
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.parts import APPEND_LOCK
from nexgent.infrastructure.database.lease import EngineLease
from tests.integration.database.story import Story
from tests.patience import PATIENCE_SECONDS, until

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
LONG = 600.0
"""A lease that does not end during a test, however slow the machine is."""
SHORT = 0.5
EXPIRE = "UPDATE engine_lease SET expires_at = clock_timestamp()"
LATER = """
UPDATE engine_lease SET renewed_at = renewed_at - make_interval(secs => $1), expires_at = expires_at - make_interval(secs => $1)
"""
"""Let so many seconds of the lease go by."""


HERE = socket.gethostname()


@pytest.fixture
async def first(database_url: str) -> AsyncIterator[EngineLease]:
    lease = EngineLease(database_url, owner="first", seconds=LONG)
    yield lease
    await lease.release()


@pytest.fixture
async def second(database_url: str) -> AsyncIterator[EngineLease]:
    lease = EngineLease(database_url, owner="second", seconds=LONG)
    yield lease
    await lease.release()


@pytest.fixture
async def fenced(database_url: str, first: EngineLease) -> AsyncIterator[PostgresJournal]:
    """The journal of the first process."""
    journal = PostgresJournal(database_url, lease=first)
    yield journal
    await journal.close()


async def test_one_holds_it_and_epochs_grow(first: EngineLease, second: EngineLease) -> None:
    assert await first.try_acquire() == 1
    assert await first.try_acquire() == 1
    assert await second.try_acquire() is None
    assert (first.is_held, second.is_held) == (True, False)
    assert (second.status.holder, second.status.epoch, second.status.held) == ("first", 1, False)
    assert second.status.age_seconds is not None

    await first.release()

    assert not first.is_held
    assert await second.try_acquire() == 2
    second.enable()
    assert (first.epoch, second.epoch) == (0, 2)


async def test_a_waiting_engine_takes_over_what_is_released(first: EngineLease, second: EngineLease) -> None:
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done

    await first.release()

    assert await asyncio.wait_for(waiting, PATIENCE_SECONDS) == 2


async def test_an_engine_whose_session_is_gone_is_followed_halfway_and_not_before(
    first: EngineLease, second: EngineLease, connection: Connection
) -> None:
    await first.acquire()
    first.enable()
    await _cut(connection)
    # It may have lost no more than a connection, and has the time to renew over another one.
    assert await second.try_acquire() is None
    await connection.execute(LATER, LONG / 2)

    assert await second.try_acquire() == 2

    # The first one believes in it until it asks.
    with pytest.raises(NotTheEngineError):
        await first.confirm()
    assert not first.is_held
    await first.wait_lost()


@pytest.mark.parametrize(
    ("host", "alive", "session_ends", "followed"),
    [
        (HERE, False, True, True),
        (HERE, False, False, False),
        (HERE, True, True, False),
        ("elsewhere.example", False, True, False),
    ],
)
async def test_an_engine_that_was_killed_here_is_followed_at_once(
    database_url: str,
    second: EngineLease,
    connection: Connection,
    *,
    host: str,
    alive: bool,
    session_ends: bool,
    followed: bool,
) -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    lease = EngineLease(database_url, owner=f"{host}:{os.getpid() if alive else process.pid}", seconds=LONG)
    try:
        await lease.acquire()
        if session_ends:
            await _cut(connection)

        assert await second.try_acquire() == (2 if followed else None)
    finally:
        await lease.release()


async def test_an_engine_whose_session_lives_is_not_followed_halfway(
    first: EngineLease, second: EngineLease, connection: Connection
) -> None:
    await first.acquire()
    await connection.execute(LATER, LONG - 60)

    assert await second.try_acquire() is None


async def test_a_renewal_that_fails_is_tried_again_at_once(
    database_url: str, second: EngineLease, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = EngineLease(database_url, owner="cut", seconds=LONG)
    await lease.acquire()
    await connection.execute(LATER, 1)
    before = lease._renewed
    monkeypatch.setattr(lease_module, "_REPLY_TIMEOUT_SECONDS", 0.5)
    session = lease._session.name
    async with _holding_the_row(database_url):
        # One round, and no second one that would do.
        lease.alive()
        await until(lambda: lease._session.name != session, "another session is tried")
    monkeypatch.undo()

    # What only the server knows of may still be tried over a third session, when the answer comes too late on a busy machine.
    await until(lambda: lease._renewed > before, "the lease knows that it is renewed over another session")
    await connection.execute(LATER, LONG / 2)
    assert await second.try_acquire() is None, "the new session is known"
    await lease.release()


async def test_a_renewal_that_was_given_up_does_not_undo_a_newer_one(
    database_url: str, first: EngineLease, connection: Connection
) -> None:
    """The server goes on waiting for the row with what nobody waits for any more, and may get it last."""
    epoch = await first.acquire()
    given_up = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM engine_lease FOR UPDATE")
            late = asyncio.create_task(given_up.fetchval(lease_module._RENEW, 1, epoch, "given up", LONG / 2))
            await until(lambda: _somebody_waits(connection), "the older renewal waits for the row")
            assert await connection.fetchval(lease_module._RENEW, 1, epoch, "newer", LONG) == epoch
            newer = await connection.fetchrow("SELECT session, renewed_at, expires_at FROM engine_lease")
        await late
    finally:
        await given_up.close()

    assert await connection.fetchrow("SELECT session, renewed_at, expires_at FROM engine_lease") == newer


async def test_a_renewal_that_had_to_wait_lasts_no_longer_for_that(
    database_url: str, connection: Connection
) -> None:
    lease = EngineLease(database_url, owner="late", seconds=LONG)
    await lease.acquire()
    async with _holding_the_row(database_url):
        lease.alive()
        await until(lambda: _somebody_waits(connection), "the renewal waits for the row")
        waited_until = await connection.fetchval("SELECT clock_timestamp()")

    async def renewed() -> bool:
        return bool(await connection.fetchval("SELECT renewed_at > acquired_at FROM engine_lease"))

    await until(renewed, "the lease is renewed")
    ends = await connection.fetchval("SELECT expires_at FROM engine_lease")
    assert (ends - waited_until).total_seconds() < LONG
    await lease.release()


async def test_a_lease_that_is_renewed_while_it_is_being_taken_stays_where_it_is(
    database_url: str, first: EngineLease, second: EngineLease, connection: Connection
) -> None:
    await first.acquire()
    await connection.execute(EXPIRE)
    renewal = "SET renewed_at = clock_timestamp(), expires_at = clock_timestamp() + interval '1 h'"
    async with _holding_the_row(database_url, renewal):
        taking = asyncio.create_task(second.try_acquire())
        await until(
            lambda: _somebody_waits(connection), "it has seen a lease that has expired, and waits for the row"
        )

    assert await taking is None
    assert await connection.fetchval("SELECT epoch FROM engine_lease") == 1


async def test_a_lease_that_was_taken_without_an_answer_is_free_for_the_one_who_took_it(
    first: EngineLease, second: EngineLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = first._take

    async def unanswered(connection: Connection) -> int | None:
        await take(connection)
        raise TimeoutError

    with monkeypatch.context() as patched:
        patched.setattr(first, "_take", unanswered)
        with pytest.raises(DatabaseUnavailableError):
            await first.try_acquire()

    assert await second.try_acquire() is None
    assert await first.try_acquire() == 2
    assert await second.try_acquire() is None


async def test_an_engine_older_than_this_kind_of_lease_is_waited_for(
    database_url: str, first: EngineLease, second: EngineLease, connection: Connection
) -> None:
    older = await asyncpg.connect(database_url)
    await older.execute("SELECT pg_advisory_lock(6271830004)")

    assert await first.try_acquire() is None
    seen = first.status
    assert seen.older_engine
    # One that starts beside an engine of today bumps the epoch: that one stops, and waits as well.
    await older.execute("SELECT pg_advisory_unlock(6271830004)")
    assert await first.try_acquire() is not None
    first.enable()
    seen = first.status
    assert not seen.older_engine
    await older.execute("SELECT pg_advisory_lock(6271830004)")
    await older.execute("UPDATE engine_lease SET epoch = epoch + 1, owner = 'older'")
    with pytest.raises(NotTheEngineError):
        await first.confirm()
    await connection.execute(EXPIRE)
    for lease in (first, second):
        assert await lease.try_acquire() is None
        assert (lease.status.older_engine, lease.status.holder) == (True, "older")

    await older.close()

    assert await asyncio.wait_for(second.acquire(), PATIENCE_SECONDS) is not None
    assert not second.status.older_engine


async def test_rounds_of_the_loop_keep_it(database_url: str, second: EngineLease) -> None:
    lease = EngineLease(database_url, owner="living", seconds=SHORT)
    await lease.acquire()
    lease.enable()
    stop = asyncio.get_running_loop().time() + 3 * SHORT

    while asyncio.get_running_loop().time() < stop and lease.is_held:
        lease.alive()
        await asyncio.sleep(0.01)
    # A machine that stood still for longer than the lease has rightly lost it.
    assert lease.epoch in (0, 1)
    if lease.is_held:
        assert await second.try_acquire() is None
    await lease.release()


async def test_without_rounds_of_the_loop_it_is_lost(database_url: str, second: EngineLease) -> None:
    stuck = EngineLease(database_url, owner="stuck", seconds=SHORT)
    await stuck.acquire()

    # Nobody else wants it: it ends all the same.
    await asyncio.wait_for(stuck.wait_lost(), PATIENCE_SECONDS)

    assert await asyncio.wait_for(second.acquire(), PATIENCE_SECONDS) == 2
    assert not stuck.is_held
    assert await stuck.try_acquire() is None
    assert stuck.taken.is_set()
    await stuck.release()


async def test_by_its_own_clock_a_lease_is_over_before_it_is_known_to_be_lost(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = EngineLease(database_url, owner="first", seconds=LONG)
    found = [lease.in_time]
    await lease.acquire()
    # Nothing has been read yet.
    found.append(lease.in_time)
    lease.enable()
    found.append(lease.in_time)
    later = time.monotonic() + LONG
    monkeypatch.setattr(time, "monotonic", lambda: later)
    found.append(lease.in_time)
    assert lease.is_held
    monkeypatch.undo()
    found.append(lease.in_time)
    await lease.release()
    found.append(lease.in_time)

    assert found == [False, False, True, False, True, False]


async def test_a_holder_that_was_taken_over_notices_when_it_renews(
    database_url: str, second: EngineLease, connection: Connection
) -> None:
    lease = EngineLease(database_url, owner="woken", seconds=30.0)
    await lease.acquire()
    lost = asyncio.create_task(lease.wait_lost())
    await connection.execute(EXPIRE)
    assert await second.try_acquire() == 2

    lease.alive()
    await asyncio.wait_for(lost, PATIENCE_SECONDS)

    assert lease.taken.is_set()
    await lease.release()
    assert second.is_held
    assert await connection.fetchval("SELECT epoch FROM engine_lease") == 2


async def test_a_renewal_outlives_its_session(database_url: str, connection: Connection) -> None:
    lease = EngineLease(database_url, owner="cut", seconds=30.0)
    await lease.acquire()
    lease.enable()
    await _cut(connection)
    before = await connection.fetchval("SELECT renewed_at FROM engine_lease")

    async def renewed() -> bool:
        lease.alive()
        return bool(await connection.fetchval("SELECT renewed_at > $1 FROM engine_lease", before))

    await until(renewed, "the lease is renewed over a new session")
    assert lease.epoch == 1
    await lease.release()


async def test_no_server_is_unavailable() -> None:
    lease = EngineLease("postgresql://nobody@127.0.0.1:1/nothing", owner="x", seconds=LONG)

    with pytest.raises(DatabaseUnavailableError):
        await lease.try_acquire()
    assert not lease.is_held
    with pytest.raises(NotTheEngineError):
        await lease.confirm()


async def test_the_holder_appends_under_its_epoch(
    first: EngineLease, fenced: PostgresJournal, connection: Connection
) -> None:
    story = Story()
    await first.acquire()
    first.enable()

    await fenced.append([story.deposit(), *story.buy()])

    assert [row["epoch"] for row in await connection.fetch("SELECT DISTINCT epoch FROM journal")] == [1]


async def test_an_engine_that_was_taken_over_appends_nothing(
    first: EngineLease, second: EngineLease, fenced: PostgresJournal, connection: Connection
) -> None:
    story = Story()
    await first.acquire()
    first.enable()
    await fenced.append([story.deposit()])
    await connection.execute(EXPIRE)
    await second.acquire()

    with pytest.raises(NotTheEngineError):
        await fenced.append(story.buy())

    assert not first.is_held
    assert await connection.fetchval("SELECT count(*) FROM journal") == 1


async def test_an_expired_lease_appends_nothing_although_nobody_has_taken_it(
    first: EngineLease, fenced: PostgresJournal, connection: Connection
) -> None:
    story = Story()
    await first.acquire()
    first.enable()
    await connection.execute(EXPIRE)

    entries = [story.deposit(), *story.buy()]

    with pytest.raises(NotTheEngineError):
        await fenced.append(entries)

    assert await connection.fetchval("SELECT count(*) FROM journal") == 0
    assert await first.try_acquire() == 2
    assert await fenced.append(entries[:1]) > 0


async def test_an_append_that_waits_while_the_lease_is_taken_writes_nothing(
    first: EngineLease,
    second: EngineLease,
    fenced: PostgresJournal,
    connection: Connection,
    database_url: str,
) -> None:
    """Its statement began before the takeover and sees the table as it was then: only the row's lock tells it otherwise."""
    story = Story()
    await first.acquire()
    first.enable()
    other = await asyncpg.connect(database_url)
    try:
        await other.execute("SELECT pg_advisory_lock($1)", APPEND_LOCK)
        append = asyncio.create_task(fenced.append([story.deposit()]))
        await _until_waiting(connection)
        await connection.execute(EXPIRE)
        await second.acquire()
        await other.execute("SELECT pg_advisory_unlock($1)", APPEND_LOCK)

        with pytest.raises(NotTheEngineError):
            await append
        assert await connection.fetchval("SELECT count(*) FROM journal") == 0
    finally:
        await other.close()


async def test_a_replica_writes_what_people_enter_and_no_trade(
    first: EngineLease, second: EngineLease, fenced: PostgresJournal, connection: Connection
) -> None:
    story = Story()
    await second.acquire()
    assert await first.try_acquire() is None

    await fenced.append([story.deposit()])
    with pytest.raises(NotTheEngineError, match="second is the engine"):
        await fenced.append(story.buy())

    (line,) = await connection.fetch("SELECT kind, epoch FROM journal")
    assert dict(line) == {"kind": "recorded", "epoch": 0}


async def test_a_holder_that_still_reads_trades_nothing(
    first: EngineLease, fenced: PostgresJournal, connection: Connection
) -> None:
    """What it traded now would be missing from what it reads, and nobody would watch it."""
    story = Story()
    assert await first.try_acquire() == 1

    await fenced.append([story.deposit()])
    purchase = story.buy()
    with pytest.raises(NotTheEngineError):
        await fenced.append(purchase)
    with pytest.raises(NotTheEngineError):
        await first.confirm()
    assert (first.is_held, first.epoch) == (True, 0)

    first.enable()
    await first.confirm()
    await fenced.append(purchase)

    await connection.execute(EXPIRE)
    with pytest.raises(NotTheEngineError):
        await first.confirm()
    first.enable()
    assert first.epoch == 0
    assert await first.try_acquire() == 2
    with pytest.raises(NotTheEngineError):
        await fenced.append(story.buy())
    assert [
        row["epoch"] for row in await connection.fetch("SELECT DISTINCT epoch FROM journal ORDER BY 1")
    ] == [0, 1]


async def test_confirming_asks_the_database(
    first: EngineLease, connection: Connection, database_url: str
) -> None:
    await first.acquire()
    first.enable()
    await first.confirm()

    await connection.execute(EXPIRE)

    with pytest.raises(NotTheEngineError):
        await first.confirm()
    assert not first.is_held


async def _cut(connection: Connection) -> None:
    """End the sessions of leases, as a network or an administrator would."""
    await connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name ~ '^nexgent-lease-[0-9a-f]+$'"
    )


@asynccontextmanager
async def _holding_the_row(database_url: str, change: str = "SET owner = owner") -> AsyncIterator[None]:
    """Have a change of the lease's row under way, that is committed at the end."""
    other: Connection = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute(f"UPDATE engine_lease {change}")
            yield
    finally:
        await other.close()


async def _somebody_waits(connection: Connection) -> bool:
    return bool(await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))


async def _until_waiting(connection: Connection) -> None:
    async def waiting() -> bool:
        return bool(
            await connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            )
        )

    await until(waiting, "the append waits for its turn")
