"""Users, what they prove themselves with, and who a request comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from nexgent.shared.types import UserId

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(hours=24)
REMEMBERED_REFRESH_LIFETIME = timedelta(days=30)
MAX_FAILED_LOGINS = 5
LOCK_DURATION = timedelta(minutes=15)


class TokenType(StrEnum):
    """What a token is for."""

    ACCESS = "access"
    REFRESH = "refresh"


class Scope(StrEnum):
    """What an API key may do; `full_access` implies all others but those that are `ASKED_FOR`."""

    SIGNALS = "signals"
    SIGNALS_READ = "signals_read"
    """Reading what `signals` may read and write."""
    AGENTS = "agents"
    POSITIONS = "positions"
    BALANCES = "balances"
    TRANSACTIONS = "transactions"
    HISTORY = "history"
    TRADING = "trading"
    """Buying and selling by hand, and seeing before what that would bring. Never wallets, keys or settings."""
    OVERVIEW = "overview"
    """Reading how all agents stand together, what needs attention, the price of SOL, and whether entries are stopped."""
    KILL_SWITCH = "kill_switch"
    """Stopping all entries of the user's agents, and allowing them again. Never everybody's."""
    FULL_ACCESS = "full_access"


ASKED_FOR = frozenset({Scope.TRADING, Scope.KILL_SWITCH})
"""Scopes a key has only when they are named: keys with `full_access` were made when none of them could do that."""
READERS = {Scope.SIGNALS: Scope.SIGNALS_READ, Scope.KILL_SWITCH: Scope.OVERVIEW}
"""Scopes that let a key read, and nothing else, where another scope is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who can log in. The e-mail address is stored lower-case."""

    id: UserId
    email: str
    password_hash: str | None
    created_at: datetime
    failed_login_attempts: int = 0
    locked_until: datetime | None = None
    seeded: bool = False
    """Made or taken over by the settings; others have registered."""
    sessions_from: datetime | None = None
    """Sessions that began earlier are over."""
    seeded_password_hash: str | None = None
    """The password of the settings, when the user has changed theirs since. Until the setting changes it counts no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserOverview:
    """A user as the administrator sees them. `last_used_at` is the last login or refresh that is still known of."""

    id: UserId
    email: str
    created_at: datetime
    active: bool
    """False without a password: nobody can log in, until there is a new one."""
    agents: int
    api_keys: int
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says. Times are seconds since 1970.

    `session_id` is the same in all tokens of one session, and `session_ends_at` is the end of its refresh token's life. A token
    that names no session (they did not always) is a session of its own.
    """

    user_id: UserId
    email: str
    type: TokenType
    token_id: str
    issued_at: int
    expires_at: int
    session_id: str = ""
    session_ends_at: int = 0

    def __post_init__(self) -> None:
        """Fill in what a token of before sessions had names does not say."""
        if not self.session_id:
            object.__setattr__(self, "session_id", self.token_id)
        if self.session_ends_at < self.expires_at:
            object.__setattr__(self, "session_ends_at", self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A stored key; the key itself is known only to its holder."""

    id: UUID
    user_id: UserId
    scopes: frozenset[str]
    expires_at: datetime | None = None

    def allows(self, scope: Scope, *, reading: bool = False) -> bool:
        """Tell whether the key may do what takes that scope."""
        if scope in self.scopes or (Scope.FULL_ACCESS in self.scopes and scope not in ASKED_FOR):
            return True
        return reading and READERS.get(scope) in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who a request comes from: a user with a session, or a key acting for its owner."""

    user_id: UserId
    claims: Claims | None = None
    key: ApiKey | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What a successful login gives."""

    access_token: str
    refresh_token: str
    user: User
