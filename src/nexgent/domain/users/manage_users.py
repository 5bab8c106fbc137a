"""Other people's accounts, for the administrator: make one, give it a new password, close it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import structlog

from nexgent.domain.users.api_keys import ApiKeyRepository
from nexgent.domain.users.errors import EmailInUseError, OwnAccountError, UserNotFoundError, WeakPasswordError
from nexgent.domain.users.login_guard import LoginAttempts, account_key
from nexgent.domain.users.models import User
from nexgent.domain.users.ports import PasswordHasher, UserRepository
from nexgent.domain.users.register import weaknesses
from nexgent.domain.users.seed_admin import MAX_EMAIL_LENGTH, is_email
from nexgent.domain.users.sessions import Sessions
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)


class ManageUsers:
    """Whoever may log in is decided here; what a user owns (agents, wallets, positions) is never touched."""

    def __init__(
        self,
        *,
        users: UserRepository,
        passwords: PasswordHasher,
        sessions: Sessions,
        attempts: LoginAttempts,
        keys: ApiKeyRepository,
        clock: Clock,
        forget_key: Callable[[UUID], None],
    ) -> None:
        """`forget_key` is told of each key that was deleted with its account."""
        self._users = users
        self._passwords = passwords
        self._sessions = sessions
        self._attempts = attempts
        self._keys = keys
        self._clock = clock
        self._forget_key = forget_key

    async def create(self, email: str, password: str) -> User:
        """Return a new user. Raises `WeakPasswordError`, `InvalidInputError`, `EmailInUseError`, `UnavailableError`."""
        _require_strength(password)
        address = email.strip().lower()
        if not is_email(address):
            raise InvalidInputError(
                f"Invalid email: an address of at most {MAX_EMAIL_LENGTH} characters is required"
            )
        user = User(
            id=UserId(new_id()),
            email=address,
            password_hash=await self._passwords.hash(password),
            created_at=self._clock.now(),
        )
        if not await self._users.add(user):
            raise EmailInUseError(address)
        log.info("user.created", user_id=str(user.id))
        return user

    async def reset_password(self, administrator: UserId, user_id: UserId, password: str) -> User:
        """Give a user another password; their sessions end and no wrong ones are held against them. It opens a closed account.

        Raises `WeakPasswordError`, `OwnAccountError`, `UserNotFoundError`, `UnavailableError`.
        """
        _require_strength(password)
        if user_id == administrator:
            raise OwnAccountError("This is your own account: change its password where you change your own")
        user = await self._user(user_id)
        await self._users.change_password(user.id, await self._passwords.hash(password), self._clock.now())
        await self._sessions.end_all(user.id)
        await self._attempts.unlock(account_key(user.email), self._clock.now())
        log.info("user.password_reset", user_id=str(user.id))
        return user

    async def close(self, administrator: UserId, user_id: UserId) -> User:
        """Let nobody act as a user any more: no password, no session, no API key, no webhook. Closing twice does no harm.

        Positions stay open and are watched as before. Raises `OwnAccountError`, `UserNotFoundError`, `UnavailableError`.
        """
        if user_id == administrator:
            raise OwnAccountError("This is your own account: it cannot be deactivated")
        user = await self._user(user_id)
        keys = await self._keys.of_user(user.id)
        await self._users.close(user.id, self._clock.now())
        for key in keys:
            self._forget_key(key.id)
        await self._sessions.end_all(user.id)
        log.info("user.closed", user_id=str(user.id))
        return user

    async def _user(self, user_id: UserId) -> User:
        user = await self._users.get(user_id)
        if user is None:
            raise UserNotFoundError
        return user


def _require_strength(password: str) -> None:
    problems = weaknesses(password)
    if problems:
        raise WeakPasswordError(problems)
