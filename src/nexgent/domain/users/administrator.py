"""Who the administrator of this installation is."""

from __future__ import annotations

from typing import Protocol

from nexgent.domain.users.models import User
from nexgent.shared.types import UserId


class Accounts(Protocol):
    """The part of the users' record that is asked. Both raise `UnavailableError`."""

    async def find_by_email(self, email: str) -> User | None:
        """Return the user with that lower-case address."""
        ...

    async def only_one(self) -> UserId | None:
        """Return the user when there is exactly one in this installation."""
        ...


class Administrator:
    """The user of `ADMIN_EMAIL`; without that setting, the only user there is.

    With several users and no setting there is nobody: which of them it should be cannot be known.
    """

    def __init__(self, *, accounts: Accounts, email: str) -> None:
        """`email` is empty when no administrator is set."""
        self._accounts = accounts
        self._email = email.strip().lower()

    async def user_id(self) -> UserId | None:
        """Return the administrator's id. Raises `UnavailableError`."""
        if not self._email:
            return await self._accounts.only_one()
        user = await self._accounts.find_by_email(self._email)
        # An account that somebody registered with the address is not the administrator's before the start has adopted it.
        return user.id if user is not None and user.seeded else None
