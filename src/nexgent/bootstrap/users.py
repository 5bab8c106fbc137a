"""Users, their sessions and keys: stored, cached and in memory, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import structlog
from pydantic import SecretStr

from nexgent.api.deps import UserParts
from nexgent.config.sections import AuthSettings
from nexgent.domain.audit.models import SYSTEM, AuditEntry, Outcome
from nexgent.domain.audit.trail import AuditTrail
from nexgent.domain.users.api_keys import ApiKeyRepository, CreateApiKey, DeleteApiKey, ListApiKeys
from nexgent.domain.users.authenticate import Authenticator, RevokedTokens
from nexgent.domain.users.change_password import ChangePassword
from nexgent.domain.users.log_in import LogIn
from nexgent.domain.users.login_guard import LoginAttempts, LoginGuard
from nexgent.domain.users.manage_users import ManageUsers
from nexgent.domain.users.ports import ApiKeyStore, PasswordHasher, SessionStore, UserRepository
from nexgent.domain.users.register import Register
from nexgent.domain.users.seed_admin import SeedAdmin, SeedOutcome
from nexgent.domain.users.session_records import SessionRecords
from nexgent.domain.users.sessions import Sessions
from nexgent.domain.users.socket_tickets import SocketTickets, TicketStore
from nexgent.domain.users.web_links import LinkStore
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.sessions import RedisSessionStore
from nexgent.infrastructure.cache.web_links import RedisLinkStore
from nexgent.infrastructure.database.stores.api_keys import PostgresApiKeyRepository
from nexgent.infrastructure.database.stores.login_attempts import PostgresLoginAttempts
from nexgent.infrastructure.database.stores.sessions import PostgresSessionRecords
from nexgent.infrastructure.database.stores.users import PostgresApiKeyStore, PostgresUserRepository
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.infrastructure.websocket.hub import WebSocketHub
from nexgent.infrastructure.websocket.tickets import RedisTicketStore
from nexgent.shared.clock import Clock

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPorts:
    """Where users, their sessions and keys are kept, and who hashes their passwords."""

    accounts: UserRepository
    login_attempts: LoginAttempts
    passwords: PasswordHasher
    session_store: SessionStore
    session_records: SessionRecords
    keys: ApiKeyStore
    key_records: ApiKeyRepository
    tickets: TicketStore
    web_links: LinkStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Users(UserParts):
    """Everything that knows who somebody is, with what it stands on."""

    ports: UserPorts
    revoked: RevokedTokens
    clock: Clock

    async def load_ended(self) -> None:
        """Read which sessions were ended before their time, from where nothing is lost. Raises `UnavailableError`."""
        self.revoked.load_sessions(await self.accounts.sessions_from())
        self.revoked.load(await self.ports.session_records.ended(self.clock.now()))

    async def load_revoked(self, hub: WebSocketHub) -> None:
        """Read which sessions are over: at the start, and again and again for news of other processes that got lost."""
        while True:
            try:
                await self.load_ended()
                self.revoked.load_gone(await self.accounts.gone(hub.user_ids()))
                self.revoked.load(await self.ports.session_store.revoked_access(self.clock.now()))
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
        seed = SeedAdmin(users=self.accounts, passwords=self.ports.passwords, clock=self.clock)
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


def user_ports(
    pool: asyncpg.Pool[asyncpg.Record],
    redis: ImpatientRedis,
    *,
    key_prefix: str,
    passwords: PasswordHasher,
    link_sealer: Sealer,
) -> UserPorts:
    """Return the real ones."""
    return UserPorts(
        accounts=PostgresUserRepository(pool),
        login_attempts=PostgresLoginAttempts(pool),
        passwords=passwords,
        session_store=RedisSessionStore(redis, key_prefix),
        session_records=PostgresSessionRecords(pool),
        keys=PostgresApiKeyStore(pool),
        key_records=PostgresApiKeyRepository(pool),
        tickets=RedisTicketStore(redis, key_prefix),
        web_links=RedisLinkStore(redis, key_prefix, link_sealer),
    )


def build_users(
    ports: UserPorts,
    *,
    jwt_secret: SecretStr,
    allow_registration: bool,
    clock: Clock,
    publish: Callable[[object], None],
    on_key_deleted: Callable[[UUID], None],
) -> Users:
    """Return the parts; nothing is read yet."""
    accounts, passwords = ports.accounts, ports.passwords
    revoked = RevokedTokens(publish)
    tokens = JwtCodec(jwt_secret)
    authenticator = Authenticator(tokens=tokens, keys=ports.keys, revoked=revoked, clock=clock)
    guard = LoginGuard(attempts=ports.login_attempts, clock=clock)
    sessions = Sessions(
        users=accounts,
        tokens=tokens,
        store=ports.session_store,
        revoked=revoked,
        records=ports.session_records,
        clock=clock,
    )

    def forget_key(key_id: UUID) -> None:
        authenticator.forget_key(key_id)
        on_key_deleted(key_id)

    return Users(
        ports=ports,
        accounts=accounts,
        revoked=revoked,
        authenticator=authenticator,
        sessions=sessions,
        log_in=LogIn(users=accounts, passwords=passwords, guard=guard, sessions=sessions),
        register=Register(
            allowed=allow_registration, users=accounts, passwords=passwords, sessions=sessions, clock=clock
        ),
        change_password=ChangePassword(
            users=accounts, passwords=passwords, guard=guard, sessions=sessions, clock=clock
        ),
        manage=ManageUsers(
            users=accounts,
            passwords=passwords,
            sessions=sessions,
            attempts=ports.login_attempts,
            keys=ports.key_records,
            clock=clock,
            forget_key=forget_key,
        ),
        create_api_key=CreateApiKey(keys=ports.key_records, clock=clock),
        list_api_keys=ListApiKeys(keys=ports.key_records),
        delete_api_key=DeleteApiKey(keys=ports.key_records, forget=forget_key),
        socket_tickets=SocketTickets(store=ports.tickets, revoked=revoked, clock=clock),
        clock=clock,
    )
