"""Record a trade that was closed elsewhere: history only, no balance moves."""

from __future__ import annotations

from datetime import datetime

import structlog

from nexgent.domain.agents.models import Agent
from nexgent.domain.bookkeeping.booking import book
from nexgent.domain.bookkeeping.trade_checks import TradeReferences, check_times, stream_of
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import ClosedTradeRecorded
from nexgent.domain.transactions.models import ClosedTradeRecord

log = structlog.get_logger(__name__)


class RecordClosedTrade:
    """Check what it refers to and make it durable."""

    def __init__(self, *, ledger: Ledger, references: TradeReferences) -> None:
        self._ledger = ledger
        self._references = references

    async def execute(self, agent: Agent, trade: ClosedTradeRecord) -> datetime:
        """Return when the trade was recorded.

        Raises `UnknownTransactionError`, `InvalidInputError` (a foreign reference, times in the wrong order),
        `ConflictError`, `UnavailableError`.
        """
        check_times(trade)
        await self._references.check(agent, trade)
        entry = await book(
            self._ledger, stream_of(agent, trade.wallet_address), lambda _: (ClosedTradeRecorded(trade), ())
        )
        log.info("closed_trade.recorded", closed_trade_id=str(trade.id), agent_id=str(agent.id))
        return entry.at
