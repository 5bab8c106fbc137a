"""Balances that are set by hand: what the parts of it share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from heapq import merge
from itertools import islice
from uuid import UUID

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent
from nexgent.domain.bookkeeping.errors import UnknownBalanceError
from nexgent.domain.bookkeeping.ports import EmptyBalances, ListedBalance, OwnedBalance
from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.shared.errors import InvalidInputError, UnavailableError
from nexgent.shared.money import MAX_RAW, from_raw, to_raw
from nexgent.shared.types import TokenAddress, UserId, WalletAddress

BY_HAND = "set by hand"
PART_ROWS = 500
"""So many of a long list are gone through before others have their turn."""


class BalanceFinder:
    """Finds balances of agents: what the ledger holds, and beside that the empty ones that only the read tables list."""

    def __init__(self, *, directory: AgentDirectory, ledger: Ledger, empty: EmptyBalances) -> None:
        self._directory = directory
        self._ledger = ledger
        self._empty = empty

    async def held_by(self, agent: Agent, only: WalletAddress | None = None) -> list[OwnedBalance]:
        """Return what an agent's wallets hold, or one of them, last changed first. Raises `JournalUnavailableError`."""
        known = [owned for wallet in _wallets(agent, only) for owned in await self._held(wallet)]
        return sorted(
            (owned for owned in known if owned.balance.amount_raw), key=_last_changed_first, reverse=True
        )

    async def of_agent(
        self, agent: Agent, only: WalletAddress | None = None
    ) -> list[OwnedBalance | ListedBalance]:
        """Return all balances of an agent's wallets, or of one of them, last changed first.

        After a year there are tens of thousands, so others have their turn in between. While the tables cannot be read, empty
        ones may be missing. Raises `JournalUnavailableError`.
        """
        wallets = _wallets(agent, only)
        empty: dict[WalletAddress, Sequence[ListedBalance]] = {}
        with suppress(UnavailableError):
            # Before the ledger is asked: what it knows then is as new, and goes before.
            empty = {wallet: await self._empty.of_wallet(wallet) for wallet in wallets}
        known = {wallet: await self._held(wallet) for wallet in wallets}
        lists: list[Iterable[OwnedBalance | ListedBalance]] = [
            sorted((owned for one in known.values() for owned in one), key=_last_changed_first, reverse=True)
        ]
        lists += [_unknown(listed, known[wallet]) for wallet, listed in empty.items()]
        found: list[OwnedBalance | ListedBalance] = []
        merged = merge(*lists, key=_last_changed_first, reverse=True)
        while part := list(islice(merged, PART_ROWS)):
            found += part
            await asyncio.sleep(0)
        return found

    async def owned(self, wanted: UUID, user_id: UserId) -> OwnedBalance:
        """Return a balance of one of the user's agents by its id; a foreign one looks like a missing one.

        Raises `UnknownBalanceError`, `UnavailableError`.
        """
        wallets = [wallet.address for agent in self._directory.of_user(user_id) for wallet in agent.wallets]
        await self._ledger.refresh(wallets)
        for wallet in wallets:
            for owned in await self._held(wallet):
                if owned.id == wanted:
                    return owned
        empty = await self._empty.find(wanted)
        if empty is None or empty.wallet_address not in wallets:
            raise UnknownBalanceError
        return empty

    async def _held(self, wallet: WalletAddress) -> list[OwnedBalance]:
        """Return what the ledger knows of a wallet; one without any entry holds nothing."""
        try:
            state = await self._ledger.fresh(wallet)
        except UnknownWalletError:
            return []
        return [OwnedBalance(state.agent_id, wallet, balance) for balance in state.balances.values()]


def _wallets(agent: Agent, only: WalletAddress | None) -> list[WalletAddress]:
    return [wallet.address for wallet in agent.wallets if only is None or wallet.address == only]


def _unknown(listed: Iterable[ListedBalance], known: Iterable[OwnedBalance]) -> Iterator[ListedBalance]:
    mints = {owned.mint for owned in known}
    return (one for one in listed if one.mint not in mints)


def _last_changed_first(one: OwnedBalance | ListedBalance) -> tuple[datetime, TokenAddress]:
    return one.updated_at, one.mint


def balance_now(state: WalletState, found: OwnedBalance) -> Balance:
    """Return a balance as the newest state has it; one that was found empty may have left the state.

    Raises `UnknownBalanceError` when it was struck off the books meanwhile.
    """
    held = state.balances.get(found.balance.mint)
    if held is not None:
        return held
    if found.balance.amount_raw:
        raise UnknownBalanceError
    return found.balance


def raw_amount(amount: Decimal, decimals: int) -> int:
    """Return tokens as base units; what is finer is cut off. Raises `InvalidInputError` for more than there can be."""
    if amount < 0:
        raise InvalidInputError("Invalid balance: it must not be negative")
    if amount > from_raw(MAX_RAW, decimals):
        raise InvalidInputError("Invalid balance: it is larger than any amount of this token can be")
    return to_raw(amount, decimals)
