"""What the users package needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from nexgent.domain.users.models import ApiKey, Claims, User, UserOverview
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import UserId


class UserRepository(Protocol):
    """The durable record of users. All methods raise `UnavailableError` when it cannot be reached."""

    async def get(self, user_id: UserId) -> User | None:
        """Return a user."""

    async def find_by_email(self, email: str) -> User | None:
        """Return the user with that lower-case address."""

    async def any(self) -> bool:
        """Tell whether there is any user at all."""

    async def only_one(self) -> UserId | None:
        """Return the user when there is exactly one in this installation."""

    async def add(self, user: User) -> bool:
        """Store a new user; False when the address is taken."""

    async def set_password(self, user_id: UserId, password_hash: str, now: datetime) -> None:
        """Replace the password, lift a lock, and end all sessions that began before."""

    async def change_password(self, user_id: UserId, password_hash: str, now: datetime) -> None:
        """Replace the password as its user wants, not the settings, and end all sessions that began before."""

    async def close(self, user_id: UserId, now: datetime) -> None:
        """Take the password away, end all sessions, and delete the API keys and webhooks of a user. Nothing else goes."""

    async def list(
        self, *, limit: int, offset: int = 0, after: PageCursor[UserId] | None = None
    ) -> Sequence[UserOverview]:
        """Return users with what they have, newest first."""

    async def adopt(self, user_id: UserId, now: datetime) -> None:
        """Make a registered user one of the settings; API keys and webhooks of before are deleted, sessions end."""

    async def sessions_from(self) -> Mapping[UserId, datetime]:
        """Return from when on sessions count, for users whose earlier ones were ended."""

    async def gone(self, users: Collection[UserId]) -> Collection[UserId]:
        """Return which of them are no users any more."""


class ApiKeyStore(Protocol):
    """Stored API keys."""

    async def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with that SHA-256 (lower-case hex). Raises `UnavailableError`."""


class PasswordHasher(Protocol):
    """Slow hashing that never blocks the event loop. Methods raise `LoginBusyError` when too many wait."""

    async def hash(self, password: str) -> str:
        """Return a new hash."""

    async def verify(self, password: str, password_hash: str | None, *, known: bool = False) -> bool:
        """Tell whether the password fits. No hash takes as long as a wrong password and is False.

        Who is `known` does not wait behind strangers.
        """


class TokenCodec(Protocol):
    """Signed tokens."""

    def encode(self, claims: Claims) -> str:
        """Return the claims as a signed token."""

    def decode(self, token: str) -> Claims:
        """Return what a genuine token says. Raises `InvalidTokenError`."""


class SessionStore(Protocol):
    """Refresh tokens that are valid and access tokens that are not any more. Raises `UnavailableError`."""

    async def add_refresh(self, token_id: str, user_id: UserId, lifetime: timedelta) -> None:
        """Make a refresh token valid."""

    async def refresh_owner(self, token_id: str) -> UserId | None:
        """Return whose valid refresh token this is."""

    async def remove_refresh(self, token_id: str) -> None:
        """Make a refresh token invalid."""

    async def revoke_access(self, token_id: str, expires_at: int, now: datetime) -> None:
        """Remember until its expiry (seconds since 1970) that an access token is void."""

    async def revoked_access(self, now: datetime) -> Mapping[str, int]:
        """Return all void access tokens with their expiry."""
