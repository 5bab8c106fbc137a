"""Log in, stay logged in, log out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from nexgent.domain.users.authenticate import RevokedTokens
from nexgent.domain.users.errors import (
    InvalidTokenError,
    NotAuthenticatedError,
    UserNotFoundError,
)
from nexgent.domain.users.events import LoggedIn
from nexgent.domain.users.login_guard import LoginGuard
from nexgent.domain.users.models import (
    ACCESS_LIFETIME,
    REFRESH_LIFETIME,
    REMEMBERED_REFRESH_LIFETIME,
    Claims,
    Session,
    TokenType,
    User,
)
from nexgent.domain.users.origin import UNKNOWN_ORIGIN, Origin
from nexgent.domain.users.ports import PasswordHasher, SessionStore, TokenCodec, UserRepository
from nexgent.shared.clock import Clock
from nexgent.shared.types import UserId


def _nobody_listens(_event: object) -> None:
    pass


class Sessions:
    """The life of a session: it begins with a password and lives from its refresh token."""

    def __init__(
        self,
        *,
        users: UserRepository,
        passwords: PasswordHasher,
        tokens: TokenCodec,
        store: SessionStore,
        revoked: RevokedTokens,
        guard: LoginGuard,
        clock: Clock,
        publish: Callable[[object], None] = _nobody_listens,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._tokens = tokens
        self._store = store
        self._revoked = revoked
        self._guard = guard
        self._clock = clock
        self._publish = publish

    async def log_in(
        self, email: str, password: str, *, remember: bool = False, origin: Origin = UNKNOWN_ORIGIN
    ) -> Session:
        """Return a new session.

        Raises `NotAuthenticatedError` (unknown user and wrong password alike), `AccountLockedError`, `UnavailableError`
        when users or sessions cannot be read or written: a store that is away never looks like a wrong password.
        """
        address = email.strip().lower()
        user = await self._users.find_by_email(address) if _storable(address) else None
        user_id = user.id if user is not None else None
        # Nothing below depends on whether there is a user before the answer is decided: neither its words nor its time.
        async with self._guard.attempt(address, user_id, origin) as attempt:
            known_hash = user.password_hash if user is not None else None
            fits = await self._passwords.verify(password, known_hash, known=attempt.known)
        if user is None or not fits:
            self._guard.failed(user_id, origin)
            raise NotAuthenticatedError("Invalid email or password")
        await self._guard.succeeded(attempt, user.id)
        return await self.begin(user, REMEMBERED_REFRESH_LIFETIME if remember else REFRESH_LIFETIME, origin)

    async def begin(
        self, user: User, lifetime: timedelta = REFRESH_LIFETIME, origin: Origin = UNKNOWN_ORIGIN
    ) -> Session:
        """Return a new session of somebody who has proved who they are. Raises `UnavailableError`."""
        refresh = self._claims(user, TokenType.REFRESH, lifetime)
        await self._store.add_refresh(refresh.token_id, user.id, lifetime)
        self._publish(LoggedIn(user.id, refresh.session_id, origin.address, origin.user_agent))
        return Session(self._access_token(user, refresh), self._tokens.encode(refresh), user)

    async def refresh(self, refresh_token: str) -> str:
        """Return a new access token for a valid refresh token. Raises `NotAuthenticatedError`, `UnavailableError`."""
        try:
            claims = self._tokens.decode(refresh_token)
        except InvalidTokenError:
            raise NotAuthenticatedError("Invalid or expired refresh token") from None
        if claims.type is not TokenType.REFRESH:
            raise NotAuthenticatedError("Invalid token type")
        if not claims.token_id:
            raise NotAuthenticatedError("Invalid refresh token; please log in again")
        if claims.expires_at <= self._clock.now().timestamp():
            raise NotAuthenticatedError("Invalid or expired refresh token")
        if claims.session_id in self._revoked:
            raise NotAuthenticatedError("Refresh token has been revoked")
        if await self._store.refresh_owner(claims.token_id) != claims.user_id:
            raise NotAuthenticatedError("Refresh token has been revoked")
        user = await self._users.get(claims.user_id)
        if user is None:
            raise NotAuthenticatedError("User not found")
        if user.sessions_from is not None and claims.issued_at < int(user.sessions_from.timestamp()):
            raise NotAuthenticatedError("Refresh token has been revoked")
        return self._access_token(user, claims)

    async def log_out(self, claims: Claims, refresh_token: str | None) -> None:
        """End the session: all its tokens are void, and also a refresh token that is named, if it is one of the same user.

        Raises `UnavailableError`.
        """
        now = self._clock.now()
        ends = {claims.token_id: claims.expires_at, claims.session_id: claims.session_ends_at}
        for name, end in ends.items():
            self._revoked.add(name, end, now.timestamp())
        for name, end in ends.items():
            await self._store.revoke_access(name, end, now)
        await self._store.remove_refresh(claims.session_id)
        if refresh_token is None:
            return
        try:
            refresh = self._tokens.decode(refresh_token)
        except InvalidTokenError:
            return
        if refresh.type is TokenType.REFRESH and refresh.user_id == claims.user_id:
            await self._store.remove_refresh(refresh.token_id)

    async def user(self, user_id: UserId) -> User:
        """Return the user of a session. Raises `UserNotFoundError`, `UnavailableError`."""
        user = await self._users.get(user_id)
        if user is None:
            raise UserNotFoundError
        return user

    def _access_token(self, user: User, refresh: Claims) -> str:
        return self._tokens.encode(self._claims(user, TokenType.ACCESS, ACCESS_LIFETIME, refresh))

    def _claims(
        self, user: User, kind: TokenType, lifetime: timedelta, refresh: Claims | None = None
    ) -> Claims:
        """Return what a new token says: one of the session of `refresh`, or the first one of a session, which gets its name."""
        now = int(self._clock.now().timestamp())
        return Claims(
            user_id=user.id,
            email=user.email,
            type=kind,
            token_id=str(uuid4()),
            issued_at=now,
            expires_at=now + int(lifetime.total_seconds()),
            session_id=refresh.session_id if refresh is not None else "",
            session_ends_at=refresh.session_ends_at if refresh is not None else 0,
        )


def _storable(text: str) -> bool:
    """Tell whether a text can be asked for in the database: JSON can hold what no text there does."""
    return "\0" not in text and all(not "\ud800" <= letter <= "\udfff" for letter in text)
