"""Keys of repeatable requests in the real PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr

from nexgent.domain.requests.models import First, StoredAnswer
from nexgent.infrastructure.database.idempotency import (
    KEPT_FOR,
    LONGEST_REQUEST,
    PostgresAnswerStore,
    forget_old_answers,
)
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.types import UserId
from tests.fakes.clock import FakeClock
from tests.integration.repositories.conftest import Pool, add_user

SEALER = Sealer(SecretStr("a secret of tests, 32 characters long"), "idempotency")
PRINT, OTHER = b"a" * 32, b"b" * 32
ANSWER = StoredAnswer(201, ((b"content-type", b"application/json"),), b'{"key":"nex_canary-of-a-key"}')


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
    clock.advance(LONGEST_REQUEST.total_seconds())
    assert await after_restart.begin(user_id, "k", PRINT) is First.UNKNOWN
    # Nor can somebody else end it.
    await after_restart.release(user_id, "k")
    assert await after_restart.begin(user_id, "k", PRINT) is First.UNKNOWN


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
