"""Wallets of agents in PostgreSQL: given, replaced, counted, removed."""

from __future__ import annotations

import asyncpg

from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import Wallet
from nexgent.domain.wallets.errors import UnknownWalletAddressError, WalletInUseError
from nexgent.domain.wallets.ports import WalletRows
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import agents as of_agents
from nexgent.infrastructure.database.stores.sql import wallets as sql
from nexgent.shared.types import WalletAddress

_DETACH = (sql.LOCK, sql.DETACH_TRANSACTIONS, sql.DETACH_CLOSED_TRADES)


class PostgresWalletRepository:
    """Implements `WalletRepository`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def count(self, wallet: WalletAddress) -> WalletRows:
        """Count what the read tables hold about a wallet."""
        with translated_errors("count the records of a wallet"):
            row = await self._pool.fetchrow(sql.COUNT, wallet)
        return WalletRows(**dict(row or {}))

    async def add_wallet(self, wallet: Wallet) -> None:
        """Give an agent a wallet. Raises `WalletInUseError`, `AgentNotFoundError`."""
        with translated_errors("store a wallet"):
            try:
                await self._pool.execute(of_agents.ADD_WALLET, *_columns(wallet))
            except asyncpg.UniqueViolationError as error:
                raise WalletInUseError(wallet.address) from error
            except asyncpg.ForeignKeyViolationError as error:
                raise AgentNotFoundError(wallet.agent_id) from error

    async def replace_wallet(self, old: WalletAddress, new: Wallet) -> None:
        """Put another wallet in the place of one. Raises `WalletInUseError`, `UnknownWalletAddressError`."""
        with translated_errors("replace a wallet"):
            async with self._pool.acquire() as connection, connection.transaction():
                for statement in _DETACH:
                    await connection.execute(statement, old)
                if await connection.execute(of_agents.DELETE_WALLET, old) == "DELETE 0":
                    raise UnknownWalletAddressError
                try:
                    await connection.execute(of_agents.ADD_WALLET, *_columns(new))
                except asyncpg.UniqueViolationError as error:
                    raise WalletInUseError(new.address) from error

    async def remove_wallet(self, address: WalletAddress) -> bool:
        """Remove a wallet and everything recorded about it; tell whether it was there."""
        with translated_errors("remove a wallet"):
            return await self._pool.execute(of_agents.DELETE_WALLET, address) != "DELETE 0"


def _columns(wallet: Wallet) -> tuple[object, ...]:
    return wallet.address, wallet.agent_id, wallet.mode.value, wallet.created_at, wallet.updated_at
