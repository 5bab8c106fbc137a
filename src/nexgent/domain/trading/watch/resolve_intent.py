"""Bring one open intent to its end: go on with it, ask what became of it, or record that nothing did.

An intent without a submission never left the process: a purchase is carried on while its signal is fresh, everything else is
recorded as failed (an exit goes on by itself, its position remembers it). A submitted swap is asked about until the chain or
its expiry decides. Nothing ambiguous is ever called failed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Intent, Submission, TradeExpired, TradeFailed, TradeKind
from nexgent.domain.trading.models import Landed, NeverLanded, QuoteRequest, Reverted, StillUnknown
from nexgent.domain.trading.orders.buy import BuyToken
from nexgent.domain.trading.orders.position_orders import PositionOrders
from nexgent.domain.trading.orders.purchases import Buyer
from nexgent.domain.trading.orders.swap_execution import SwapExecution
from nexgent.domain.trading.venues import SwapVenues
from nexgent.shared.clock import Clock

log = structlog.get_logger(__name__)


class ResolveIntent:
    """For intents nobody works on any more."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        directory: AgentDirectory,
        purchases: BuyToken,
        orders: PositionOrders,
        venues: SwapVenues,
        clock: Clock,
        max_purchase_age_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._purchases = purchases
        self._orders = orders
        self._venues = venues
        self._clock = clock
        self._max_purchase_age = timedelta(seconds=max_purchase_age_seconds)

    async def execute(self, intent: Intent, submission: Submission | None) -> bool:
        """Tell whether the intent has been ended. Raises what keeps it from being; it is open as before then."""
        if submission is None:
            return await self._finish_unsent(intent)
        return await self._finish_sent(intent, submission)

    async def _finish_unsent(self, intent: Intent) -> bool:
        buyer = self._buyer(intent)
        fresh = self._clock.now() - intent.created_at <= self._max_purchase_age
        if intent.kind is TradeKind.PURCHASE and fresh and buyer is not None:
            result = await self._purchases.resume(buyer, intent)
            return not result.in_doubt
        body = TradeFailed(intent.id, "INTERRUPTED", "The process stopped before the swap was sent")
        await self._ledger.commit(self._ledger.stage(intent.wallet_address, body))
        return True

    async def _finish_sent(self, intent: Intent, submission: Submission) -> bool:
        venue = self._venues.of(submission)
        request = QuoteRequest.of_intent(intent)
        outcome = await venue.gateway.resolve(submission, intent.wallet_address, request)
        match outcome:
            case StillUnknown():
                return False
            case Landed():
                if intent.kind is TradeKind.PURCHASE:
                    buyer = self._buyer(intent)
                    if buyer is None:
                        log.error("recovery.agent_gone", intent_id=str(intent.id))
                        return False
                    result = await self._purchases.book_landed(buyer, intent, outcome.fill)
                    return not result.in_doubt
                await self._orders.book(intent, outcome.fill)
            case NeverLanded():
                body = TradeExpired(intent.id, outcome.reason)
                await self._ledger.commit(self._ledger.stage(intent.wallet_address, body))
            case Reverted():
                await SwapExecution(self._ledger, venue).conclude(intent, outcome)
            case _:
                assert_never(outcome)
        return True

    def _buyer(self, intent: Intent) -> Buyer | None:
        agent = self._directory.find(intent.agent_id)
        wallet = agent.wallet(intent.wallet_address) if agent is not None else None
        return Buyer(agent, wallet, intent.id) if agent is not None and wallet is not None else None
