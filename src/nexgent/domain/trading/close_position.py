"""Sell a whole position, record the trade, tell the world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.errors import StaleWalletError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import (
    Entry,
    Intent,
    PriceEvidence,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSettled,
)
from nexgent.domain.positions.errors import PositionLockedError, PositionNotFoundError
from nexgent.domain.positions.events import PositionClosed
from nexgent.domain.positions.models import CloseReason, PendingExit, Position
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.trading.errors import SwapInDoubtError, TradeRejectedError, ZeroBalanceError
from nexgent.domain.trading.events import TradeFinished
from nexgent.domain.trading.in_flight import IntentsInFlight
from nexgent.domain.trading.models import Fill, Quote, QuoteRequest
from nexgent.domain.trading.ports import SwapGateway
from nexgent.domain.trading.settlement import SettlementContext, settle_sale
from nexgent.domain.trading.swap_execution import Refusal, SwapExecution
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.ids import position_intent_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import PositionId, WalletAddress

DECISION_ATTEMPTS = 4
NO_POSITION = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePositionRequest:
    """What to sell and how hard to try. `persistent` exits are remembered until the position is flat."""

    wallet_address: WalletAddress
    position_id: PositionId
    reason: CloseReason
    persistent: bool = False
    evidence: PriceEvidence | None = None
    slippage_bps: int | None = None
    priority_fee_lamports: int | None = None


@dataclass(frozen=True, slots=True)
class ClosedPosition:
    """A position that is flat, with the trade that closed it."""

    position: Position
    settled: TradeSettled
    fill: Fill


class ClosePosition:
    """One sale of everything a position holds."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        directory: AgentDirectory,
        gateways: dict[TradingMode, SwapGateway],
        sol_price: SolPriceFeed,
        clock: Clock,
        publish: Callable[[object], None],
        in_flight: IntentsInFlight,
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._gateways = gateways
        self._sol_price = sol_price
        self._clock = clock
        self._publish = publish
        self._in_flight = in_flight

    async def execute(self, request: ClosePositionRequest) -> ClosedPosition:
        """Sell, book and announce.

        Raises `PositionNotFoundError`, `PositionLockedError` (another operation is under way), `ZeroBalanceError`,
        `SwapInDoubtError` (sent, outcome not known yet; recovery books it), or the gateway's errors. After an error the
        position is as it was, and a persistent exit is still pending.
        """
        started = self._clock.monotonic()
        for attempt in range(DECISION_ATTEMPTS):
            try:
                return await self._attempt(request, started)
            except StaleWalletError:
                if attempt == DECISION_ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def _attempt(self, request: ClosePositionRequest, started: float) -> ClosedPosition:
        state = await self._ledger.fresh(request.wallet_address)
        position = state.positions.get(request.position_id)
        if position is None:
            raise PositionNotFoundError(request.position_id)
        if state.intent_on(position.id) is not None:
            raise PositionLockedError(position.id)
        amount_raw = min(position.quantity_raw, state.available_raw(position.token_address))
        if amount_raw <= 0:
            raise ZeroBalanceError(position.id)
        wallet = self._directory.wallet(request.wallet_address)
        mode = wallet.mode if wallet is not None else TradingMode.SIMULATION
        gateway = self._gateways[mode]
        intent = self._intent(request, position, amount_raw)
        entry = self._ledger.stage(
            request.wallet_address, TradeIntended(intent, self._operated(request, position))
        )
        quote = await self._commit_and_quote(entry, gateway, intent, request, live=mode is TradingMode.LIVE)
        if isinstance(quote, NexgentError):
            await self._fail(intent, quote, started)
            raise quote
        outcome = await SwapExecution(self._ledger, gateway).run(intent, quote)
        if isinstance(outcome, Refusal):
            if outcome.in_doubt:
                raise SwapInDoubtError(position.id)
            error = TradeRejectedError(outcome.code, outcome.reason)
            if outcome.recorded:
                self._finished(position, started, outcome.code)
            else:
                await self._fail(intent, error, started)
            raise error
        return await self._book(intent, outcome, position, request.reason, started)

    async def book_landed(self, intent: Intent, fill: Fill) -> ClosedPosition:
        """Book a sale that turned out to have landed."""
        position = self._ledger.head(intent.wallet_address).positions.get(
            intent.position_id or PositionId(NO_POSITION)
        )
        if position is None:
            raise PositionNotFoundError(intent.position_id or PositionId(NO_POSITION))
        with self._in_flight.hold([intent.id]):
            started = self._clock.monotonic()
            return await self._book(intent, fill, position, CloseReason(intent.cause), started)

    def _operated(self, request: ClosePositionRequest, position: Position) -> Position:
        pending = position.pending_exit
        if request.persistent:
            since = pending.since if pending is not None else self._clock.now()
            attempts = pending.attempts + 1 if pending is not None else 1
            pending = PendingExit(request.reason, attempts, since)
        return replace(
            position, version=position.version + 1, operations=position.operations + 1, pending_exit=pending
        )

    def _intent(self, request: ClosePositionRequest, position: Position, amount_raw: int) -> Intent:
        return Intent(
            id=position_intent_id(position.id, request.reason.value, position.operations),
            kind=TradeKind.SALE,
            agent_id=position.agent_id,
            wallet_address=position.wallet_address,
            token_address=position.token_address,
            token_symbol=position.token_symbol,
            input_mint=position.token_address,
            amount_raw=amount_raw,
            reserved_raw=amount_raw,
            cause=request.reason.value,
            signal_id=position.signal_id,
            position_id=position.id,
            generation=position.operations,
            created_at=self._clock.now(),
            evidence=request.evidence,
        )

    async def _commit_and_quote(
        self, entry: Entry, gateway: SwapGateway, intent: Intent, request: ClosePositionRequest, *, live: bool
    ) -> Quote | NexgentError:
        """Make the intent durable while the quote is fetched: asking a price moves no money."""
        ask = QuoteRequest(
            input_mint=intent.input_mint,
            output_mint=SOL_MINT,
            amount_raw=intent.amount_raw,
            taker=intent.wallet_address if live else None,
            slippage_bps=request.slippage_bps if live else None,
            priority_fee_lamports=request.priority_fee_lamports if live else None,
        )
        quoting = asyncio.ensure_future(gateway.quote(ask, urgent=True))
        try:
            await self._ledger.commit(entry)
        except BaseException:
            quoting.cancel()
            raise
        try:
            quote = await quoting
        except NexgentError as error:
            return error
        if quote.out_amount_raw <= 0:
            return TradeRejectedError("INVALID_SALE_PRICE", "The swap provider offers nothing for the token")
        return quote

    async def _book(
        self, intent: Intent, fill: Fill, position: Position, reason: CloseReason, started: float
    ) -> ClosedPosition:
        now = self._clock.now()
        price = self._sol_price.current(now) or self._sol_price.latest()
        context = SettlementContext(
            now=now,
            sol_usd=price.price_usd if price is not None else None,
            token_symbol=position.token_symbol,
            token_decimals=position.decimals,
        )
        held = self._ledger.head(position.wallet_address).positions[position.id]
        # A balance below the recorded quantity (a burn entered by hand) is all there is to sell: the position closes with it.
        sold_all = replace(held, quantity_raw=min(held.quantity_raw, intent.amount_raw))
        settlement = settle_sale(intent, fill, context, sold_all, reason=reason)
        entry = self._ledger.stage(position.wallet_address, settlement.body, settlement.postings)
        await self._ledger.commit(entry)
        self._publish(
            PositionClosed(
                position.id,
                position.agent_id,
                position.wallet_address,
                position.token_address,
                reason,
            )
        )
        self._finished(position, started, None)
        return ClosedPosition(position, settlement.body, fill)

    async def _fail(self, intent: Intent, error: NexgentError, started: float) -> None:
        """Release the reservation; should that fail as well, recovery does it when the journal is back."""
        body = TradeFailed(intent.id, error.code, error.message)
        try:
            await self._ledger.commit(self._ledger.stage(intent.wallet_address, body))
        except NexgentError:
            return
        finally:
            seconds = self._clock.monotonic() - started
            self._publish(TradeFinished(TradeKind.SALE, False, error.code, seconds, intent.agent_id))

    def _finished(self, position: Position, started: float, code: str | None) -> None:
        seconds = self._clock.monotonic() - started
        self._publish(TradeFinished(TradeKind.SALE, code is None, code, seconds, position.agent_id))
