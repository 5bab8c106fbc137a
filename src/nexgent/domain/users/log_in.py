"""Begin a session with a password."""

from __future__ import annotations

from nexgent.domain.users.errors import NotAuthenticatedError
from nexgent.domain.users.login_guard import LoginGuard
from nexgent.domain.users.models import REFRESH_LIFETIME, REMEMBERED_REFRESH_LIFETIME, Session
from nexgent.domain.users.origin import UNKNOWN_ORIGIN, Origin
from nexgent.domain.users.ports import PasswordHasher, UserRepository
from nexgent.domain.users.sessions import Sessions
from nexgent.shared.texts import is_clean_text


class LogIn:
    """Neither words nor time of an answer tell whether there is such a user, and guessing is slowed down."""

    def __init__(
        self, *, users: UserRepository, passwords: PasswordHasher, guard: LoginGuard, sessions: Sessions
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._guard = guard
        self._sessions = sessions

    async def execute(
        self, email: str, password: str, *, remember: bool = False, origin: Origin = UNKNOWN_ORIGIN
    ) -> Session:
        """Return a new session.

        Raises `NotAuthenticatedError` (unknown user and wrong password alike), `AccountLockedError`, `UnavailableError`
        when users or sessions cannot be read or written: a store that is away never looks like a wrong password.
        """
        address = email.strip().lower()
        user = await self._users.find_by_email(address) if is_clean_text(address) else None
        user_id = user.id if user is not None else None
        # Nothing below depends on whether there is a user before the answer is decided: neither its words nor its time.
        async with self._guard.attempt(address, user_id, origin) as attempt:
            known_hash = user.password_hash if user is not None else None
            fits = await self._passwords.verify(password, known_hash, known=attempt.known)
            if user is not None and fits:
                await self._guard.succeeded(attempt, user.id)
        if user is None or not fits:
            self._guard.failed(origin)
            raise NotAuthenticatedError("Invalid email or password")
        return await self._sessions.begin(
            user, REMEMBERED_REFRESH_LIFETIME if remember else REFRESH_LIFETIME, origin
        )
