"""Trades that exist for a signal, read from the projected intents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import asyncpg

from nexgent.domain.signals.models import SignalTrade
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.signal_rows import read_trade, telling_most
from nexgent.infrastructure.database.stores.sql import queries as sql
from nexgent.shared.types import AgentId, SignalId


class PostgresSignalTrades:
    """Implements `SignalTrades`."""

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], caught_up: Callable[[], Awaitable[object]]
    ) -> None:
        self._pool = pool
        self._caught_up = caught_up

    async def of_signal(self, signal_id: SignalId) -> Mapping[AgentId, SignalTrade]:
        """Return the trade of every agent that has an intent for the signal, everything recorded so far included."""
        await self._caught_up()
        with translated_errors("read the trades of a signal"):
            rows = await self._pool.fetch(sql.TRADES_OF_SIGNAL, int(signal_id))
        return telling_most(map(read_trade, rows))
