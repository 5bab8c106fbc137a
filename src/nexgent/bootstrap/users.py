"""Users, their sessions and keys: stored, cached and in memory, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import structlog
from pydantic import SecretStr

from nexgent.config.sections import AuthSettings
from nexgent.domain.audit.models import SYSTEM, AuditEntry, Outcome
from nexgent.domain.audit.trail import AuditTrail
from nexgent.domain.users.authenticate import Authenticator, RevokedTokens
from nexgent.domain.users.seed_admin import SeedAdmin, SeedOutcome
from nexgent.domain.users.socket_tickets import SocketTickets
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.sessions import RedisSessionStore
from nexgent.infrastructure.cache.web_links import RedisLinkStore
from nexgent.infrastructure.database.stores.sessions import PostgresSessionRecords
from nexgent.infrastructure.database.stores.users import PostgresApiKeyStore, PostgresUserRepository
from nexgent.infrastructure.security.passwords import BcryptHasher
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.infrastructure.websocket.hub import WebSocketHub
from nexgent.infrastructure.websocket.tickets import RedisTicketStore
from nexgent.shared.clock import Clock

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserParts:
    """Everything that knows who somebody is."""

    accounts: PostgresUserRepository
    passwords: BcryptHasher
    tokens: JwtCodec
    session_store: RedisSessionStore
    session_records: PostgresSessionRecords
    revoked: RevokedTokens
    authenticator: Authenticator
    socket_tickets: SocketTickets
    web_links: RedisLinkStore
    clock: Clock

    async def load_ended(self) -> None:
        """Read which sessions were ended before their time, from where nothing is lost. Raises `UnavailableError`."""
        self.revoked.load_sessions(await self.accounts.sessions_from())
        self.revoked.load(await self.session_records.ended(self.clock.now()))

    async def load_revoked(self, hub: WebSocketHub) -> None:
        """Read which sessions are over: at the start, and again and again for news of other processes that got lost."""
        while True:
            try:
                await self.load_ended()
                self.revoked.load_gone(await self.accounts.gone(hub.user_ids()))
                self.revoked.load(await self.session_store.revoked_access(self.clock.now()))
                self.revoked.forget_expired(self.clock.now().timestamp())
                return
            except Exception as error:
                log.warning("sessions.not_loaded", error=type(error).__name__)
                await asyncio.sleep(1.0)

    async def seed_admin(self, auth: AuthSettings, audit_trail: AuditTrail) -> None:
        """Make sure the administrator of the settings exists and can log in."""
        if auth.admin_email is None or auth.admin_password is None:
            await self._warn_without_users(auth)
            return
        seed = SeedAdmin(users=self.accounts, passwords=self.passwords, clock=self.clock)
        outcome, user_id = await seed.execute(auth.admin_email, auth.admin_password.get_secret_value())
        # Before the first request: a session that was ended must not be taken while this is read in the background.
        await self.load_ended()
        log.info("admin.seeded", outcome=outcome.value)
        if outcome is not SeedOutcome.UNCHANGED:
            await audit_trail.record(
                AuditEntry(
                    at=self.clock.now(),
                    action="admin.seed",
                    outcome=Outcome.OK,
                    actor=SYSTEM,
                    user_id=user_id,
                    target=auth.admin_email.strip().lower(),
                    details={"done": outcome.value},
                )
            )

    async def _warn_without_users(self, auth: AuthSettings) -> None:
        """Say so when nobody at all could log in."""
        if auth.allow_registration or await self.accounts.any():
            return
        log.warning(
            "admin.missing",
            hint="nobody can log in: set ADMIN_EMAIL and ADMIN_PASSWORD (in .env or the environment) and start again, "
            "or let people register with ALLOW_REGISTRATION=true",
        )


def build_users(
    pool: asyncpg.Pool[asyncpg.Record],
    redis: ImpatientRedis,
    *,
    key_prefix: str,
    jwt_secret: SecretStr,
    clock: Clock,
    publish: Callable[[object], None],
) -> UserParts:
    """Return the parts; nothing is read yet."""
    revoked = RevokedTokens(publish)
    tokens = JwtCodec(jwt_secret)
    return UserParts(
        accounts=PostgresUserRepository(pool),
        passwords=BcryptHasher(),
        tokens=tokens,
        session_store=RedisSessionStore(redis, key_prefix),
        session_records=PostgresSessionRecords(pool),
        revoked=revoked,
        authenticator=Authenticator(
            tokens=tokens, keys=PostgresApiKeyStore(pool), revoked=revoked, clock=clock
        ),
        socket_tickets=SocketTickets(store=RedisTicketStore(redis, key_prefix), revoked=revoked, clock=clock),
        web_links=RedisLinkStore(redis, key_prefix),
        clock=clock,
    )
