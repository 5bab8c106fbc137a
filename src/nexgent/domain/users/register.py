"""Make an account, where the settings allow it."""

from __future__ import annotations

import re

import structlog

from nexgent.domain.users.errors import EmailTakenError, RegistrationDisabledError, WeakPasswordError
from nexgent.domain.users.models import Session, User
from nexgent.domain.users.origin import UNKNOWN_ORIGIN, Origin
from nexgent.domain.users.ports import PasswordHasher, UserRepository
from nexgent.domain.users.seed_admin import MAX_EMAIL_LENGTH, is_email
from nexgent.domain.users.sessions import Sessions
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 128
_RULES = (
    (re.compile(r"[A-Z]"), "at least one upper-case letter is required"),
    (re.compile(r"[a-z]"), "at least one lower-case letter is required"),
    (re.compile(r"[0-9]"), "at least one digit is required"),
    (re.compile(r"[^A-Za-z0-9]"), "at least one other character is required"),
)


class Register:
    """Closed unless it was opened. Whether an address is known is not told in so many words."""

    def __init__(
        self,
        *,
        allowed: bool,
        users: UserRepository,
        passwords: PasswordHasher,
        sessions: Sessions,
        clock: Clock,
    ) -> None:
        self._allowed = allowed
        self._users = users
        self._passwords = passwords
        self._sessions = sessions
        self._clock = clock

    def require_open(self) -> None:
        """Raise `RegistrationDisabledError` when nobody may register."""
        if not self._allowed:
            raise RegistrationDisabledError

    async def execute(self, email: str, password: str, origin: Origin = UNKNOWN_ORIGIN) -> Session:
        """Return a session of the new user.

        Raises `RegistrationDisabledError`, `WeakPasswordError`, `InvalidInputError`, `EmailTakenError`, `UnavailableError`.
        """
        self.require_open()
        problems = weaknesses(password)
        if problems:
            raise WeakPasswordError(problems)
        address = email.strip().lower()
        # Some letters become longer in lower case.
        if not is_email(address):
            raise InvalidInputError(
                f"Invalid email: an address of at most {MAX_EMAIL_LENGTH} characters is required"
            )
        # Hashed in either case: the time an answer takes says nothing about the address.
        password_hash = await self._passwords.hash(password)
        user = User(
            id=UserId(new_id()), email=address, password_hash=password_hash, created_at=self._clock.now()
        )
        if not await self._users.add(user):
            raise EmailTakenError
        log.info("user.registered", user_id=str(user.id))
        return await self._sessions.begin(user, origin=origin)


def weaknesses(password: str) -> list[str]:
    """Return what a password lacks, for people. Lengths are in characters."""
    problems = [text for rule, text in _RULES if not rule.search(password)]
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        problems.insert(
            0, f"{MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters are required, not {len(password)}"
        )
    return problems
