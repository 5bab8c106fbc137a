"""Making an account in a real PostgreSQL, with its session in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from nexgent.domain.users.api_keys import CreateApiKey
from nexgent.domain.users.authenticate import Authenticator, RevokedTokens
from nexgent.domain.users.errors import (
    EmailTakenError,
    NotAuthenticatedError,
    RegistrationDisabledError,
    WeakPasswordError,
)
from nexgent.domain.users.log_in import LogIn
from nexgent.domain.users.login_guard import LoginGuard
from nexgent.domain.users.models import Scope, Session
from nexgent.domain.users.register import Register
from nexgent.domain.users.seed_admin import SeedAdmin, SeedOutcome
from nexgent.domain.users.sessions import Sessions
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.sessions import RedisSessionStore
from nexgent.infrastructure.database.pool import PoolUse, create_pool
from nexgent.infrastructure.database.stores.api_keys import PostgresApiKeyRepository
from nexgent.infrastructure.database.stores.login_attempts import PostgresLoginAttempts
from nexgent.infrastructure.database.stores.sessions import PostgresSessionRecords
from nexgent.infrastructure.database.stores.users import PostgresApiKeyStore, PostgresUserRepository
from nexgent.infrastructure.security.passwords import BcryptHasher
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import InvalidInputError
from tests.fakes.api import SECRET

EMAIL, PASSWORD = "new@example.com", "Correct-horse-1"


@dataclass
class Site:
    pool: asyncpg.Pool[Any]
    users: PostgresUserRepository
    passwords: BcryptHasher
    sessions: Sessions
    log_in: LogIn

    def register(self, *, allowed: bool = True) -> Register:
        return Register(
            allowed=allowed,
            users=self.users,
            passwords=self.passwords,
            sessions=self.sessions,
            clock=SystemClock(),
        )

    async def emails(self) -> list[str]:
        return [row["email"] for row in await self.pool.fetch("SELECT email FROM users ORDER BY email")]


@pytest.fixture
async def site(database_url: str, request_redis: ImpatientRedis) -> AsyncIterator[Site]:
    pool, passwords = await create_pool(database_url, PoolUse(most=4)), BcryptHasher(cost=4)
    users = PostgresUserRepository(pool)
    sessions = Sessions(
        users=users,
        tokens=JwtCodec(SECRET),
        store=RedisSessionStore(request_redis, "test:"),
        revoked=RevokedTokens(),
        records=PostgresSessionRecords(pool),
        clock=SystemClock(),
    )
    guard = LoginGuard(attempts=PostgresLoginAttempts(pool), clock=SystemClock())
    log_in = LogIn(users=users, passwords=passwords, guard=guard, sessions=sessions)
    yield Site(pool, users, passwords, sessions, log_in)
    passwords.close()
    await pool.close()


async def test_whoever_registers_can_log_in_and_stay(site: Site, redis: Redis) -> None:
    session = await site.register().execute(" New@Example.com ", PASSWORD)

    assert await site.emails() == [EMAIL]
    assert (await site.sessions.refresh(session.refresh_token)).access_token
    assert (await site.log_in.execute(EMAIL, PASSWORD)).user.id == session.user.id
    key = f"test:refresh_token:{JwtCodec(SECRET).decode(session.refresh_token).token_id}"
    assert 86_300 < await redis.ttl(key) <= 86_400
    stored = await site.pool.fetchval("SELECT password_hash FROM users")
    assert PASSWORD not in stored


async def test_an_address_is_had_once_however_many_ask_for_it(site: Site) -> None:
    outcomes = await asyncio.gather(
        *(site.register().execute(EMAIL, f"{PASSWORD}{number}") for number in range(4)),
        return_exceptions=True,
    )

    (won,) = [one for one in outcomes if isinstance(one, Session)]
    assert [type(one) for one in outcomes if one is not won] == [EmailTakenError] * 3
    number = outcomes.index(won)
    assert (await site.log_in.execute(EMAIL, f"{PASSWORD}{number}")).user.id == won.user.id


async def test_what_is_refused_leaves_nothing(site: Site) -> None:
    with pytest.raises(RegistrationDisabledError):
        await site.register(allowed=False).execute(EMAIL, PASSWORD)
    with pytest.raises(WeakPasswordError):
        await site.register().execute(EMAIL, "too-weak")

    assert await site.emails() == []


async def test_the_administrator_of_the_settings_takes_over_nobodys_account(site: Site) -> None:
    first = await site.register().execute(EMAIL, PASSWORD)
    seed = SeedAdmin(users=site.users, passwords=site.passwords, clock=SystemClock())

    outcome, admin_id = await seed.execute("admin@example.com", "Admin-password-1")

    assert outcome is SeedOutcome.CREATED
    assert admin_id != first.user.id
    assert await site.emails() == ["admin@example.com", EMAIL]
    assert (await site.log_in.execute(EMAIL, PASSWORD)).user.id == first.user.id


class Later(SystemClock):
    """Ten seconds ahead: times in tokens are whole seconds."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=10)


async def test_whoever_had_the_administrators_address_before_keeps_nothing(site: Site) -> None:
    clock = Later()
    early = await site.register().execute(EMAIL, PASSWORD)
    keys = PostgresApiKeyRepository(site.pool)
    await CreateApiKey(keys=keys, clock=clock).execute(early.user.id, "theirs", [Scope.SIGNALS])

    # The address becomes the administrator's, by chance with the same password.
    outcome, admin_id = await SeedAdmin(users=site.users, passwords=site.passwords, clock=clock).execute(
        EMAIL, PASSWORD
    )

    assert (outcome, admin_id) == (SeedOutcome.PASSWORD_REPLACED, early.user.id)
    assert await keys.of_user(admin_id) == []
    with pytest.raises(NotAuthenticatedError, match="revoked"):
        await site.sessions.refresh(early.refresh_token)
    revoked = RevokedTokens()
    revoked.load_sessions(await site.users.sessions_from())
    authenticator = Authenticator(
        tokens=JwtCodec(SECRET), keys=PostgresApiKeyStore(site.pool), revoked=revoked, clock=SystemClock()
    )
    with pytest.raises(NotAuthenticatedError, match="revoked"):
        authenticator.by_token(f"Bearer {early.access_token}")
    # From the second start on, nothing happens any more.
    seed = SeedAdmin(users=site.users, passwords=site.passwords, clock=clock)
    assert (await seed.execute(EMAIL, PASSWORD))[0] is SeedOutcome.UNCHANGED


async def test_a_longer_lower_case_is_measured(site: Site) -> None:
    address = "İ" * 200 + "@a.bc"

    assert len(address) <= 255 < len(address.lower())
    with pytest.raises(InvalidInputError):
        await site.register().execute(address, PASSWORD)
