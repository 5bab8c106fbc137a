"""Trades that exist for a signal, read from the projected intents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import asyncpg

from nexgent.domain.signals.models import SignalTrade
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.shared.ids import derived_id
from nexgent.shared.types import AgentId, IntentId, PositionId, SignalId, TransactionId

_OF_SIGNAL = """
SELECT id, agent_id, status, code, reason, transaction_id FROM trade_intents
WHERE signal_id = $1 AND position_id IS NULL
"""


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
            rows = await self._pool.fetch(_OF_SIGNAL, int(signal_id))
        return {
            AgentId(row["agent_id"]): SignalTrade(
                agent_id=AgentId(row["agent_id"]),
                intent_id=IntentId(row["id"]),
                status=row["status"],
                transaction_id=TransactionId(row["transaction_id"]) if row["transaction_id"] else None,
                position_id=PositionId(derived_id("opened", row["id"]))
                if row["status"] == "settled"
                else None,
                code=row["code"],
                reason=row["reason"],
            )
            for row in rows
        }
