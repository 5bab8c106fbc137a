"""Finish what a crash, a lost connection or an outage left open. Runs at start and every few seconds after.

An intent without a submission never left the process: a purchase is carried on while its signal is fresh, everything else is
recorded as failed (an exit goes on by itself, its position remembers it). A submitted swap is asked about until the chain or
its expiry decides. Nothing ambiguous is ever called failed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import assert_never

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Intent, Submission, TradeExpired, TradeFailed, TradeKind
from nexgent.domain.ledger.state import OpenIntent
from nexgent.domain.trading.close_position import ClosePosition
from nexgent.domain.trading.exits import ExitTasks
from nexgent.domain.trading.in_flight import IntentsInFlight
from nexgent.domain.trading.models import Landed, NeverLanded, QuoteRequest, Reverted, StillUnknown
from nexgent.domain.trading.open_positions import OpenPositions
from nexgent.domain.trading.ports import SwapGateway
from nexgent.domain.trading.position_book import PositionBook
from nexgent.domain.trading.purchases import Buyer
from nexgent.domain.trading.swap_execution import SwapExecution
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)


class Recovery:
    """Look for intents nobody works on and bring each to an end."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        directory: AgentDirectory,
        book: PositionBook,
        purchases: OpenPositions,
        sales: ClosePosition,
        exits: ExitTasks,
        gateways: dict[TradingMode, SwapGateway],
        in_flight: IntentsInFlight,
        clock: Clock,
        max_purchase_age_seconds: float,
        publish: Callable[[object], None],
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._book = book
        self._purchases = purchases
        self._sales = sales
        self._exits = exits
        self._gateways = gateways
        self._in_flight = in_flight
        self._clock = clock
        self._max_purchase_age = timedelta(seconds=max_purchase_age_seconds)
        self._publish = publish

    async def run_once(self) -> int:
        """Resolve what is open and not worked on; start pending exits nobody runs. Return how many intents were ended."""
        ended = 0
        for state in self._ledger.states():
            for open_intent in list(state.intents.values()):
                if open_intent.intent.id in self._in_flight:
                    continue
                try:
                    ended += await self._finish(state.wallet_address, open_intent)
                except NexgentError as error:
                    log.warning("recovery.postponed", intent_id=str(open_intent.intent.id), code=error.code)
        for held in list(self._book.all()):
            state_now = self._ledger.head(held.position.wallet_address)
            position = state_now.positions.get(held.position.id)
            if position is not None and position.pending_exit is not None:
                self._exits.start(position, position.pending_exit.reason, None)
        return ended

    async def _finish(self, wallet: WalletAddress, open_intent: OpenIntent) -> bool:
        # The wallet may have been read again since: only what is still open counts.
        current = (await self._ledger.fresh(wallet)).intents.get(open_intent.intent.id)
        if current is None or current.intent.id in self._in_flight:
            return False
        intent = current.intent
        log.info(
            "recovery.intent",
            intent_id=str(intent.id),
            kind=intent.kind.value,
            sent=current.submission is not None,
        )
        if current.submission is None:
            return await self._finish_unsent(intent)
        return await self._finish_sent(intent, current.submission)

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
        gateway = self._gateways[TradingMode.LIVE]
        buying = intent.input_mint == SOL_MINT
        request = QuoteRequest(
            input_mint=intent.input_mint,
            output_mint=intent.token_address if buying else SOL_MINT,
            amount_raw=intent.amount_raw,
            taker=intent.wallet_address,
        )
        outcome = await gateway.resolve(submission, intent.wallet_address, request)
        match outcome:
            case StillUnknown():
                return False
            case Landed():
                if intent.kind is TradeKind.PURCHASE:
                    buyer = self._buyer(intent)
                    if buyer is None:
                        log.error("recovery.agent_gone", intent_id=str(intent.id))
                        return False
                    await self._purchases.book_landed(buyer, intent, outcome.fill)
                else:
                    await self._sales.book_landed(intent, outcome.fill)
            case NeverLanded():
                body = TradeExpired(intent.id, outcome.reason)
                await self._ledger.commit(self._ledger.stage(intent.wallet_address, body))
            case Reverted():
                await SwapExecution(self._ledger, gateway).conclude(intent, outcome)
            case _:
                assert_never(outcome)
        return True

    def _buyer(self, intent: Intent) -> Buyer | None:
        agent = self._directory.find(intent.agent_id)
        wallet = agent.wallet(intent.wallet_address) if agent is not None else None
        return Buyer(agent, wallet, intent.id) if agent is not None and wallet is not None else None
