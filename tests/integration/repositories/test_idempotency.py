"""Keys of repeatable requests in the real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from nexgent.domain.idempotency.models import First, StoredAnswer
from nexgent.infrastructure.database.stores.idempotency import (
    KEPT_FOR,
    SILENT_FOR,
    PostgresAnswerStore,
    forget_old_answers,
)
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.types import UserId
from tests.fakes.clock import FakeClock
from tests.integration.repositories.conftest import Pool, add_user
from tests.patience import PATIENCE_SECONDS

SEALER = Sealer(SecretStr("a secret of tests, 32 characters long"), "idempotency")
PRINT, OTHER = b"a" * 32, b"b" * 32
ANSWER = StoredAnswer(201, ((b"content-type", b"application/json"),), b'{"key":"nex_canary-of-a-key"}')


class HeldPool:
    """A pool that withholds the result of one statement, which has been carried out, until it is told to go on."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._method = ""
        self._holding, self._go_on = asyncio.Event(), asyncio.Event()

    def hold(self, method: str) -> None:
        self._method = method

    async def holding(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._holding.wait()

    def go_on(self) -> None:
        self._go_on.set()

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._pool, name)
        if name != self._method:
            return call

        async def held(*arguments: Any) -> Any:
            self._method = ""
            result = await call(*arguments)
            self._holding.set()
            await self._go_on.wait()
            return result

        return held


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(pool: Pool, clock: FakeClock) -> PostgresAnswerStore:
    return PostgresAnswerStore(pool, SEALER, clock)


async def test_a_key_from_its_first_request_to_its_end(
    store: PostgresAnswerStore, pool: Pool, user_id: UserId, clock: FakeClock
) -> None:
    stranger = await add_user(pool)

    assert await store.begin(user_id, "k", PRINT) is First.NONE
    assert await store.begin(user_id, "k", PRINT) is First.RUNNING
    assert await store.begin(user_id, "k", OTHER) is First.OTHER_REQUEST
    await store.finish(user_id, "k", ANSWER)
    assert await store.begin(user_id, "k", PRINT) == ANSWER
    assert await store.begin(user_id, "k", OTHER) is First.OTHER_REQUEST
    # The same text is another key for somebody else.
    assert await store.begin(stranger, "k", PRINT) is First.NONE
    await store.release(stranger, "k")
    assert await store.begin(stranger, "k", OTHER) is First.NONE

    clock.advance(KEPT_FOR.total_seconds() + 1)
    assert await store.begin(user_id, "k", OTHER) is First.NONE


async def test_of_twenty_at_the_same_moment_one_begins(store: PostgresAnswerStore, user_id: UserId) -> None:
    begun = await asyncio.gather(*(store.begin(user_id, "k", PRINT) for _ in range(20)))

    assert sorted(one.value for one in begun if isinstance(one, First)) == ["none"] + ["running"] * 19


async def test_what_a_process_left_behind_is_unknown_for_ever(
    store: PostgresAnswerStore, pool: Pool, user_id: UserId, clock: FakeClock
) -> None:
    await store.begin(user_id, "k", PRINT)
    after_restart = PostgresAnswerStore(pool, SEALER, clock)

    # It might be a replica that is still at it.
    assert await after_restart.begin(user_id, "k", PRINT) is First.RUNNING
    clock.advance(SILENT_FOR.total_seconds())
    assert await after_restart.begin(user_id, "k", PRINT) is First.UNKNOWN
    # Nor can somebody else end it.
    await after_restart.release(user_id, "k")
    assert await after_restart.begin(user_id, "k", PRINT) is First.UNKNOWN


async def test_who_comes_between_the_row_and_the_note_of_it_is_told_that_it_runs(
    pool: Pool, user_id: UserId, clock: FakeClock
) -> None:
    held = HeldPool(pool)
    store = PostgresAnswerStore(held, SEALER, clock)  # type: ignore[arg-type]
    held.hold("fetchval")

    first = asyncio.create_task(store.begin(user_id, "k", PRINT))
    await held.holding()

    # The row is there; the first one's coroutine does not know it yet.
    assert await pool.fetchval("SELECT count(*) FROM idempotency_keys") == 1
    assert await store.begin(user_id, "k", PRINT) is First.RUNNING
    held.go_on()
    assert await first is First.NONE


async def test_who_reads_the_row_before_the_answer_and_decides_after_it_gets_the_answer(
    pool: Pool, user_id: UserId, clock: FakeClock
) -> None:
    held = HeldPool(pool)
    store = PostgresAnswerStore(held, SEALER, clock)  # type: ignore[arg-type]
    await store.begin(user_id, "k", PRINT)
    held.hold("fetchrow")

    second = asyncio.create_task(store.begin(user_id, "k", PRINT))
    await held.holding()
    await store.finish(user_id, "k", ANSWER)
    held.go_on()

    assert await second == ANSWER


async def test_who_reads_the_row_before_it_is_released_may_begin(
    pool: Pool, user_id: UserId, clock: FakeClock
) -> None:
    held = HeldPool(pool)
    store = PostgresAnswerStore(held, SEALER, clock)  # type: ignore[arg-type]
    await store.begin(user_id, "k", PRINT)
    held.hold("fetchrow")

    second = asyncio.create_task(store.begin(user_id, "k", PRINT))
    await held.holding()
    await store.release(user_id, "k")
    held.go_on()

    assert await second is First.NONE


async def test_a_note_whose_confirmation_was_lost_keeps_nobody_from_trying_again(
    pool: Pool, user_id: UserId, clock: FakeClock
) -> None:
    held = HeldPool(pool)
    store = PostgresAnswerStore(held, SEALER, clock)  # type: ignore[arg-type]
    held.hold("fetchval")
    first = asyncio.create_task(store.begin(user_id, "k", PRINT))
    await held.holding()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert await pool.fetchval("SELECT count(*) FROM idempotency_keys") == 1
    begun = await asyncio.gather(*(store.begin(user_id, "k", PRINT) for _ in range(5)))
    assert sorted(one.value for one in begun if isinstance(one, First)) == ["none"] + ["running"] * 4


async def test_a_request_that_takes_long_in_another_process_runs_until_that_process_falls_silent(
    store: PostgresAnswerStore, pool: Pool, user_id: UserId, clock: FakeClock
) -> None:
    replica = PostgresAnswerStore(pool, SEALER, clock)
    await store.begin(user_id, "k", PRINT)
    await store.begin(user_id, "abandoned", PRINT)
    store.abandon(user_id, "abandoned")
    for _ in range(4):
        clock.advance(SILENT_FOR.total_seconds() - 1)
        await store.renew()
        assert await replica.begin(user_id, "k", PRINT) is First.RUNNING
    assert await replica.begin(user_id, "abandoned", PRINT) is First.UNKNOWN
    # As after a crash.
    clock.advance(SILENT_FOR.total_seconds())
    assert await replica.begin(user_id, "k", PRINT) is First.UNKNOWN
    assert await store.begin(user_id, "k", PRINT) is First.RUNNING
    await store.finish(user_id, "k", ANSWER)
    assert await replica.begin(user_id, "k", PRINT) == ANSWER


async def test_answers_are_not_readable_in_the_database_and_not_with_another_secret(
    store: PostgresAnswerStore, pool: Pool, user_id: UserId, clock: FakeClock
) -> None:
    await store.begin(user_id, "a-key-of-a-client", PRINT)
    await store.finish(user_id, "a-key-of-a-client", ANSWER)

    row = await pool.fetchrow("SELECT * FROM idempotency_keys")
    assert row is not None
    stored = b"".join(value for value in row.values() if isinstance(value, bytes))
    assert b"canary" not in stored
    assert b"a-key-of-a-client" not in stored
    other = PostgresAnswerStore(
        pool, Sealer(SecretStr("another secret, long enough for it"), "idempotency"), clock
    )
    # It can no longer be told whether it is the same request.
    assert await other.begin(user_id, "a-key-of-a-client", PRINT) is First.OTHER_REQUEST


async def test_what_was_sent_cannot_be_guessed_from_what_is_stored(
    store: PostgresAnswerStore, pool: Pool, user_id: UserId
) -> None:
    stranger = await add_user(pool)
    for user in (user_id, stranger):
        await store.begin(user, "k", PRINT)

    stored = [row["fingerprint"] for row in await pool.fetch("SELECT fingerprint FROM idempotency_keys")]

    assert len({PRINT, *stored}) == 3
    assert await store.begin(user_id, "k", PRINT) is First.RUNNING


async def test_what_was_abandoned_is_unknown(
    store: PostgresAnswerStore, pool: Pool, user_id: UserId, clock: FakeClock
) -> None:
    await store.begin(user_id, "k", PRINT)

    store.abandon(user_id, "k")

    assert await store.begin(user_id, "k", PRINT) is First.UNKNOWN
    assert await store.begin(user_id, "k", OTHER) is First.OTHER_REQUEST


async def test_an_answer_that_does_not_open_is_not_given(
    store: PostgresAnswerStore, pool: Pool, user_id: UserId
) -> None:
    await store.begin(user_id, "k", PRINT)
    await store.finish(user_id, "k", ANSWER)
    await pool.execute("UPDATE idempotency_keys SET answer = $1", b"x" * 60)

    assert await store.begin(user_id, "k", PRINT) is First.UNKNOWN


async def test_old_keys_are_forgotten(
    store: PostgresAnswerStore, pool: Pool, user_id: UserId, clock: FakeClock
) -> None:
    await store.begin(user_id, "old", PRINT)
    clock.advance(timedelta(hours=12).total_seconds())
    await store.begin(user_id, "new", PRINT)
    clock.advance(timedelta(hours=13).total_seconds())

    assert await forget_old_answers(pool, clock.now()) == 1
    assert await pool.fetchval("SELECT count(*) FROM idempotency_keys") == 1
