"""Whose the wallets of `WALLET_1`, `WALLET_2`, … are: the administrator's, who may give them to anybody's agent."""

from __future__ import annotations

from typing import Protocol

from nexgent.domain.wallets.ports import LoadedWallets
from nexgent.shared.types import UserId, WalletAddress


class Administration(Protocol):
    """Who the administrator is."""

    async def user_id(self) -> UserId | None:
        """Return the administrator's id, if there is one. Raises `UnavailableError`."""


class EnvironmentWallets:
    """`shared` lets every user take them for agents of their own, as the settings may say."""

    def __init__(self, *, keys: LoadedWallets, administrator: Administration, shared: bool) -> None:
        self._keys = keys
        self._administrator = administrator
        self._shared = shared

    def __contains__(self, address: WalletAddress) -> bool:
        return address in self._keys.addresses

    async def may_take(self, user_id: UserId) -> bool:
        """Tell whether a user may give them to an agent of the user's own. Raises `UnavailableError`."""
        return self._shared or await self.belong_to(user_id)

    async def belong_to(self, user_id: UserId) -> bool:
        """Tell whether they are the user's: only then may they be given to others, and taken back. Raises `UnavailableError`."""
        return await self._administrator.user_id() == user_id
