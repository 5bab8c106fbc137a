"""Wallets of agents in PostgreSQL: given, replaced, counted, removed."""

from __future__ import annotations

import asyncpg

from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import Wallet
from nexgent.domain.wallets.errors import UnknownWalletAddressError, WalletInUseError
from nexgent.domain.wallets.ports import WalletRows
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.shared.types import WalletAddress

_COUNT = """
SELECT (SELECT count(*) FROM agent_positions WHERE wallet_address = $1) AS positions,
       (SELECT count(*) FROM agent_historical_swaps WHERE wallet_address = $1) AS historical_swaps,
       (SELECT count(*) FROM agent_balances WHERE wallet_address = $1) AS balances,
       (SELECT count(*) FROM agent_transactions WHERE wallet_address = $1) AS transactions,
       (SELECT count(*) FROM agent_balance_snapshots WHERE wallet_address = $1) AS balance_snapshots
"""
_ADD = """
INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)
"""
_REMOVE = "DELETE FROM agent_wallets WHERE wallet_address = $1"
# Records keep their agent; the address they belong to is leaving.
_DETACH = (
    "UPDATE agent_transactions SET wallet_address = NULL, updated_at = CURRENT_TIMESTAMP WHERE wallet_address = $1",
    "UPDATE agent_historical_swaps SET wallet_address = NULL WHERE wallet_address = $1",
)


class PostgresWalletRepository:
    """Implements `WalletRepository`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def count(self, wallet: WalletAddress) -> WalletRows:
        """Count what the read tables hold about a wallet."""
        with translated_errors("count the records of a wallet"):
            row = await self._pool.fetchrow(_COUNT, wallet)
        return WalletRows(**dict(row or {}))

    async def add_wallet(self, wallet: Wallet) -> None:
        """Give an agent a wallet. Raises `WalletInUseError`, `AgentNotFoundError`."""
        with translated_errors("store a wallet"):
            try:
                await self._pool.execute(_ADD, *_columns(wallet))
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
                if await connection.execute(_REMOVE, old) == "DELETE 0":
                    raise UnknownWalletAddressError
                try:
                    await connection.execute(_ADD, *_columns(new))
                except asyncpg.UniqueViolationError as error:
                    raise WalletInUseError(new.address) from error

    async def remove_wallet(self, address: WalletAddress) -> bool:
        """Remove a wallet and everything recorded about it; tell whether it was there."""
        with translated_errors("remove a wallet"):
            return await self._pool.execute(_REMOVE, address) != "DELETE 0"


def _columns(wallet: Wallet) -> tuple[object, ...]:
    return wallet.address, wallet.agent_id, wallet.mode.value, wallet.created_at, wallet.updated_at
