"""What happened to accounts and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from nexgent.shared.types import UserId


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """An access token, or a session with all its tokens, is void from now on.

    `token_id` is the `jti` of the one or the `sid` of the other; `expires_at` (seconds since 1970) is when it would have ended
    anyway.
    """

    token_id: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Somebody proved with a password who they are, and has a new session."""

    user_id: UserId
    session_id: str
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """A password was wrong, or none was looked at because the account is locked for where the caller comes from.

    `user_id` is empty when there is no such account.
    """

    user_id: UserId | None
    address: str
    user_agent: str
    locked: bool


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """A user has set a new password; all their sessions of before have ended."""

    user_id: UserId
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """Sessions were ended before their time. Reasons: `logout`, `request`, `password`, `reuse` (of a refresh token)."""

    user_id: UserId
    session_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ApiKeyCreated:
    """A user has made a key."""

    user_id: UserId
    key_id: UUID
    prefix: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ApiKeyDeleted:
    """A user has revoked a key."""

    user_id: UserId
    key_id: UUID
