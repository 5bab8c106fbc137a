"""Balances of zero, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg

from nexgent.domain.bookkeeping.ports import OwnedBalance
from nexgent.domain.ledger.state import Balance
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import balances as sql
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress


class PostgresEmptyBalances:
    """Implements `EmptyBalances`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def of_wallets(self, wallets: Collection[WalletAddress]) -> Sequence[OwnedBalance]:
        """Return those of some wallets, in no order."""
        with translated_errors("read balances"):
            rows = await self._pool.fetch(sql.OF_WALLETS, list(wallets))
        return [_owned(row) for row in rows]

    async def find(self, wanted: UUID) -> OwnedBalance | None:
        """Return the one with an id, whosever it is."""
        with translated_errors("read balances"):
            row = await self._pool.fetchrow(sql.FIND, wanted)
        return _owned(row) if row is not None else None


def _owned(row: asyncpg.Record) -> OwnedBalance:
    balance = Balance(
        TokenAddress(row["token_address"]), row["token_symbol"], row["decimals"], 0, row["last_updated"]
    )
    return OwnedBalance(AgentId(row["agent_id"]), WalletAddress(row["wallet_address"]), balance)
