"""Users in a real PostgreSQL and sessions in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from nexgent.domain.users.authenticate import Authenticator, RevokedTokens, key_hash
from nexgent.domain.users.errors import AccountLockedError, NotAuthenticatedError
from nexgent.domain.users.log_in import LogIn
from nexgent.domain.users.login_guard import Attempt, LoginGuard, account_key
from nexgent.domain.users.models import Scope, User
from nexgent.domain.users.seed_admin import SeedAdmin, SeedOutcome
from nexgent.domain.users.sessions import Sessions
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.sessions import RedisSessionStore
from nexgent.infrastructure.database.pool import PoolUse, create_pool
from nexgent.infrastructure.database.stores.login_attempts import PostgresLoginAttempts, forget_old_attempts
from nexgent.infrastructure.database.stores.sessions import PostgresSessionRecords
from nexgent.infrastructure.database.stores.users import PostgresApiKeyStore, PostgresUserRepository
from nexgent.infrastructure.security.passwords import BcryptHasher
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.fakes.api import SECRET

EMAIL, PASSWORD = "admin@example.com", "correct horse"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PREFIX = "test:"
ACCOUNT, NETWORK = account_key(EMAIL), "192.0.2.1"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    made = await create_pool(database_url, PoolUse(most=4))
    yield made
    await made.close()


@pytest.fixture
def users(pool: asyncpg.Pool[Any]) -> PostgresUserRepository:
    return PostgresUserRepository(pool)


@pytest.fixture
def attempts(pool: asyncpg.Pool[Any]) -> PostgresLoginAttempts:
    return PostgresLoginAttempts(pool)


def a_user(email: str = EMAIL) -> User:
    return User(id=UserId(new_id()), email=email, password_hash="x", created_at=NOW)


async def test_users_are_kept(users: PostgresUserRepository) -> None:
    user = a_user()

    assert await users.add(user)
    assert not await users.add(a_user())
    assert await users.get(user.id) == user
    assert await users.find_by_email(EMAIL) == user
    assert await users.find_by_email("other@example.com") is None


async def test_wrong_passwords_at_the_same_moment_all_count(attempts: PostgresLoginAttempts) -> None:
    claims = await asyncio.gather(*(attempts.claim(ACCOUNT, NETWORK, None, NOW) for _ in range(60)))

    assert sum(isinstance(claim, Attempt) for claim in claims) == 5
    assert {claim for claim in claims if not isinstance(claim, Attempt)} == {NOW + timedelta(minutes=15)}


async def test_a_lapsed_lock_starts_the_count_again(attempts: PostgresLoginAttempts) -> None:
    for _ in range(5):
        await attempts.claim(ACCOUNT, NETWORK, None, NOW)
    later = NOW + timedelta(minutes=15)

    claims = [await attempts.claim(ACCOUNT, NETWORK, None, later) for _ in range(6)]

    assert [isinstance(claim, Attempt) for claim in claims] == [True] * 5 + [False]


async def test_strangers_share_a_count_whose_lock_grows_and_known_networks_do_not_care(
    users: PostgresUserRepository, attempts: PostgresLoginAttempts
) -> None:
    user, now = a_user(), NOW
    await users.add(user)
    home = await attempts.claim(ACCOUNT, NETWORK, user.id, now)
    assert isinstance(home, Attempt)
    assert not home.known
    await attempts.succeeded(home, user.id, now)
    locks = []
    for round_ in range(9):
        for number in range(20):
            claim = await attempts.claim(ACCOUNT, f"10.{round_}.0.{number}", user.id, now)
            assert isinstance(claim, Attempt)
        stranger = await attempts.claim(ACCOUNT, "10.9.9.9", user.id, now)
        assert isinstance(stranger, datetime)
        again = await attempts.claim(ACCOUNT, NETWORK, user.id, now)
        assert isinstance(again, Attempt)
        assert again.known
        await attempts.succeeded(again, user.id, now)
        locks.append((stranger - now) / timedelta(minutes=1))
        now = stranger

    assert locks == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]
    assert await attempts.unlock(ACCOUNT, now - timedelta(seconds=1))
    assert isinstance(await attempts.claim(ACCOUNT, "10.9.9.9", user.id, now), Attempt)


async def test_an_account_that_does_not_exist_is_locked_in_the_same_way(
    users: PostgresUserRepository, attempts: PostgresLoginAttempts
) -> None:
    user = a_user()
    await users.add(user)

    async def answers(account: bytes, user_id: UserId | None) -> list[bool]:
        networks = [NETWORK] * 7 + [f"10.1.1.{number}" for number in range(20)]
        return [
            isinstance(await attempts.claim(account, network, user_id, NOW), Attempt) for network in networks
        ]

    assert await answers(ACCOUNT, user.id) == await answers(account_key("nobody@example.com"), None)


async def test_an_attempt_that_was_none_takes_its_lock_back(attempts: PostgresLoginAttempts) -> None:
    claims = [await attempts.claim(ACCOUNT, NETWORK, None, NOW) for _ in range(5)]
    last = claims[-1]
    assert isinstance(last, Attempt)

    await attempts.withdraw(last)

    assert isinstance(await attempts.claim(ACCOUNT, NETWORK, None, NOW), Attempt)
    assert isinstance(await attempts.claim(ACCOUNT, NETWORK, None, NOW), datetime)


async def test_old_counts_are_deleted_and_locks_are_kept(
    attempts: PostgresLoginAttempts, pool: asyncpg.Pool[Any]
) -> None:
    for _ in range(5):
        await attempts.claim(ACCOUNT, NETWORK, None, NOW)

    assert await forget_old_attempts(pool, NOW + timedelta(hours=47)) == 0
    assert await forget_old_attempts(pool, NOW + timedelta(hours=49)) == 2


async def test_sessions_end_to_end(
    users: PostgresUserRepository, pool: asyncpg.Pool[Any], redis: Redis, request_redis: ImpatientRedis
) -> None:
    clock, passwords, revoked = SystemClock(), BcryptHasher(cost=4), RevokedTokens()
    store, tokens = RedisSessionStore(request_redis, PREFIX), JwtCodec(SECRET)
    sessions = Sessions(
        users=users,
        tokens=tokens,
        store=store,
        revoked=revoked,
        records=PostgresSessionRecords(pool),
        clock=clock,
    )
    guard = LoginGuard(attempts=PostgresLoginAttempts(pool), clock=clock)
    log_in = LogIn(users=users, passwords=passwords, guard=guard, sessions=sessions)
    seed = SeedAdmin(users=users, passwords=passwords, clock=clock)
    outcomes = await asyncio.gather(*(seed.execute(EMAIL, PASSWORD) for _ in range(3)))
    assert len({user_id for _, user_id in outcomes}) == 1
    assert [outcome for outcome, _ in outcomes].count(SeedOutcome.CREATED) == 1

    session = await log_in.execute(EMAIL, PASSWORD)
    claims = tokens.decode(session.refresh_token)
    key = f"{PREFIX}refresh_token:{claims.token_id}"
    assert (await redis.get(key)).decode() == str(session.user.id)
    assert 86_300 < await redis.ttl(key) <= 86_400
    assert (await sessions.refresh(session.refresh_token)).access_token

    access = tokens.decode(session.access_token)
    await sessions.log_out(access, session.refresh_token)
    assert await redis.get(key) is None
    assert 0 < await redis.ttl(f"{PREFIX}blacklist:{access.token_id}") <= 900
    restarted = RevokedTokens()
    restarted.load(await store.revoked_access(clock.now()))
    assert access.token_id in restarted

    for _ in range(5):
        with pytest.raises(NotAuthenticatedError):
            await log_in.execute(EMAIL, "wrong")
    with pytest.raises(AccountLockedError):
        await log_in.execute(EMAIL, PASSWORD)
    assert (await seed.execute(EMAIL, "another"))[0] is SeedOutcome.PASSWORD_REPLACED
    assert (await log_in.execute(EMAIL, "another")).user.email == EMAIL
    passwords.close()


async def test_api_keys_are_found_by_hash(users: PostgresUserRepository, pool: asyncpg.Pool[Any]) -> None:
    user, key, key_id = a_user(), "nex_" + "k" * 32, new_id()
    await users.add(user)
    await pool.execute(
        "INSERT INTO api_keys (id, user_id, name, key_hash, key_prefix, scopes) VALUES ($1, $2, 'n', $3, $4, $5)",
        key_id,
        user.id,
        key_hash(key),
        key[:8],
        ["signals"],
    )
    authenticator = Authenticator(
        tokens=JwtCodec(SECRET), keys=PostgresApiKeyStore(pool), revoked=RevokedTokens(), clock=SystemClock()
    )

    caller = await authenticator.by_token_or_key(None, key, Scope.SIGNALS)

    assert caller.user_id == user.id
    assert caller.key is not None
    assert caller.key.id == key_id


async def test_servers_that_are_away_are_called_so(absent_redis: ImpatientRedis) -> None:
    with pytest.raises(UnavailableError):
        await RedisSessionStore(absent_redis, PREFIX).refresh_owner("x")
    pool = await create_pool("postgresql://nobody@127.0.0.1:1/none", PoolUse(most=4))
    with pytest.raises(UnavailableError):
        await PostgresUserRepository(pool).find_by_email(EMAIL)
    await pool.close()
