"""Remove a closed trade from the history; figures about past trades no longer count it."""

from __future__ import annotations

import structlog

from nexgent.domain.agents.models import Agent
from nexgent.domain.bookkeeping.booking import book
from nexgent.domain.bookkeeping.trade_checks import stream_of
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import ClosedTradeRemoved
from nexgent.shared.types import ClosedTradeId, WalletAddress

log = structlog.get_logger(__name__)


class RemoveClosedTrade:
    """Balances and transactions stay as they are. The caller has found the trade and knows whose it is."""

    def __init__(self, *, ledger: Ledger) -> None:
        self._ledger = ledger

    async def execute(
        self, agent: Agent, wallet: WalletAddress | None, closed_trade_id: ClosedTradeId
    ) -> None:
        """Return when the removal is durable. Raises `ConflictError`, `UnavailableError`."""
        body = ClosedTradeRemoved(closed_trade_id)
        await book(self._ledger, stream_of(agent, wallet), lambda _: (body, ()))
        log.info("closed_trade.removed", closed_trade_id=str(closed_trade_id), agent_id=str(agent.id))
