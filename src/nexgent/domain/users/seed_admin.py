"""Keep the administrator of the settings able to log in."""

from __future__ import annotations

import re
from enum import StrEnum

from nexgent.domain.users.errors import InvalidAdminError
from nexgent.domain.users.models import User
from nexgent.domain.users.ports import PasswordHasher, UserRepository
from nexgent.shared.clock import Clock
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId

EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
MAX_EMAIL_LENGTH = 255


class SeedOutcome(StrEnum):
    """What had to be done."""

    CREATED = "created"
    PASSWORD_REPLACED = "password_replaced"  # noqa: S105 -- a word, not a password
    UNCHANGED = "unchanged"


def is_email(text: str) -> bool:
    """Tell whether a text looks like an e-mail address. The one rule for logging in and for seeding."""
    return len(text) <= MAX_EMAIL_LENGTH and EMAIL.fullmatch(text) is not None


class SeedAdmin:
    """Match by address, else create. Nobody else's account is ever taken over, and a new password ends old sessions."""

    def __init__(self, *, users: UserRepository, passwords: PasswordHasher, clock: Clock) -> None:
        self._users = users
        self._passwords = passwords
        self._clock = clock

    async def execute(self, email: str, password: str) -> tuple[SeedOutcome, UserId]:
        """Return what was done and the administrator's id. Raises `InvalidAdminError`, `UnavailableError`."""
        address, secret = email.strip().lower(), password.strip()
        if not is_email(address):
            raise InvalidAdminError("ADMIN_EMAIL must be an e-mail address")
        if not secret or "\0" in secret:
            raise InvalidAdminError("ADMIN_PASSWORD must be some text without NUL characters")
        user = await self._users.find_by_email(address)
        if user is None:
            created = User(
                id=UserId(new_id()),
                email=address,
                password_hash=await self._passwords.hash(secret),
                created_at=self._clock.now(),
                seeded=True,
            )
            if await self._users.add(created):
                return SeedOutcome.CREATED, created.id
            # Another process that started at the same moment was faster.
            user = await self._users.find_by_email(address)
            assert user is not None
        # A password that was changed since stays until the setting changes as well.
        of_settings = user.seeded_password_hash or user.password_hash
        if user.seeded and await self._passwords.verify(secret, of_settings):
            return SeedOutcome.UNCHANGED, user.id
        # Somebody may have registered with the address before it became the administrator's: nothing they hold stays good.
        await self._users.set_password(user.id, await self._passwords.hash(secret), self._clock.now())
        if not user.seeded:
            await self._users.adopt(user.id, self._clock.now())
        return SeedOutcome.PASSWORD_REPLACED, user.id
