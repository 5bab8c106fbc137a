"""A user's own new password: it ends every other session."""

from __future__ import annotations

import structlog

from nexgent.domain.users.errors import UserNotFoundError, WeakPasswordError, WrongPasswordError
from nexgent.domain.users.login_guard import LoginGuard
from nexgent.domain.users.models import Claims, Session
from nexgent.domain.users.origin import Origin
from nexgent.domain.users.ports import PasswordHasher, UserRepository
from nexgent.domain.users.register import weaknesses
from nexgent.domain.users.sessions import Sessions
from nexgent.shared.clock import Clock

log = structlog.get_logger(__name__)


class ChangePassword:
    """Whoever holds a session alone does not get the account: the present password is asked, and counted like a login."""

    def __init__(
        self,
        *,
        users: UserRepository,
        passwords: PasswordHasher,
        guard: LoginGuard,
        sessions: Sessions,
        clock: Clock,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._guard = guard
        self._sessions = sessions
        self._clock = clock

    async def execute(self, claims: Claims, current: str, new: str, origin: Origin) -> Session:
        """Return the session that takes the place of all others, with the end of the one that asked.

        Raises `WeakPasswordError`, `WrongPasswordError`, `AccountLockedError`, `UserNotFoundError`, `UnavailableError`.
        """
        problems = weaknesses(new)
        if problems:
            raise WeakPasswordError(problems)
        user = await self._users.get(claims.user_id)
        if user is None:
            raise UserNotFoundError
        async with self._guard.attempt(user.email, user.id, origin) as attempt:
            fits = await self._passwords.verify(current, user.password_hash, known=True)
            if fits:
                await self._guard.succeeded(attempt, user.id)
        if not fits:
            self._guard.failed(origin)
            raise WrongPasswordError
        await self._users.change_password(user.id, await self._passwords.hash(new), self._clock.now())
        await self._sessions.end_all(user.id)
        log.info("user.password_changed", user_id=str(user.id))
        return await self._sessions.begin(user, origin=origin, ends_at=claims.session_ends_at)
