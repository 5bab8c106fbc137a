"""Who the administrator of this installation is."""

from __future__ import annotations

from nexgent.domain.users.ports import UserRepository
from nexgent.shared.types import UserId


class Administrator:
    """The user of `ADMIN_EMAIL`; without that setting, the only user there is.

    With several users and no setting there is nobody: which of them it should be cannot be known.
    """

    def __init__(self, *, accounts: UserRepository, email: str) -> None:
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
