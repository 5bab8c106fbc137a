"""Sell a whole position, record the trade, tell the world."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import structlog

from nexgent.domain.ledger.models import Intent, PriceEvidence, TradeKind
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import CloseReason, PendingExit, Position
from nexgent.domain.trading.errors import NO_MARKET_CODES, ZeroBalanceError
from nexgent.domain.trading.models import Fees, Fill, Quote
from nexgent.domain.trading.orders.errors import PartiallySoldError
from nexgent.domain.trading.orders.fresh_prices import FreshPrices
from nexgent.domain.trading.orders.position_booking import PositionOrderDone
from nexgent.domain.trading.orders.position_orders import Plan, PositionOrders, SalePreview
from nexgent.domain.trading.orders.quotes import sale_quote
from nexgent.domain.trading.rules.dust import is_dust
from nexgent.domain.trading.venues import Venue
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import plain
from nexgent.shared.types import PositionId, SignalId, WalletAddress

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePositionRequest:
    """What to sell and how hard to try. `persistent` exits are remembered until the position is flat.

    `urgent` quotes go before everything else in the rate budget.
    """

    wallet_address: WalletAddress
    position_id: PositionId
    reason: CloseReason
    persistent: bool = False
    attempt: int | None = None
    """Which attempt of a persistent exit this is; left out, the one after the last that was recorded."""
    evidence: PriceEvidence | None = None
    slippage_bps: int | None = None
    priority_fee_lamports: int | None = None
    urgent: bool = True
    signal_id: SignalId | None = None
    """The signal that asks for it. An exit that is pending already keeps its own."""


class ClosePosition:
    """One sale of everything a position holds. No price impact holds it back: what is not sold stays at risk."""

    def __init__(self, *, operations: PositionOrders, prices: FreshPrices, clock: Clock) -> None:
        self.operations = operations
        self._prices = prices
        self._clock = clock

    async def execute(self, request: ClosePositionRequest) -> PositionOrderDone:
        """Sell and book. Dust that the market has just refused is booked as lost instead: it can never be sold.

        Raises `PositionNotFoundError`, `PositionLockedError` (another operation is under way), `ZeroBalanceError`,
        `PartiallySoldError` (the rest has to be sold again), `SwapInDoubtError` (sent, outcome not known yet; recovery books
        it), or the gateway's errors. Unless it was sold, a persistent exit is still pending.
        """
        try:
            done = await self.operations.run(
                request.wallet_address, request.position_id, _Sale(request, self._clock)
            )
        except NexgentError as error:
            if error.code not in NO_MARKET_CODES:
                raise
            return await self._drop_dust(request, error)
        if done.settled.position is not None:
            raise PartiallySoldError(request.position_id)
        return done

    async def _drop_dust(self, request: ClosePositionRequest, refusal: NexgentError) -> PositionOrderDone:
        """Book a position as lost whose sale was refused. Raises that refusal when it is more than dust, or nobody knows."""
        dust: list[Position] = []

        def evidence(position: Position) -> PriceEvidence | None:
            price = self._prices.of(position.token_address)
            if not is_dust(position, position.quantity_raw, price):
                raise refusal
            dust[:] = [position]
            return price

        settled = await self.operations.write_off(request.wallet_address, request.position_id, evidence)
        [position] = dust
        log.warning(
            "position.dust_written_off",
            position_id=str(position.id),
            token=position.token_address,
            quantity=plain(position.quantity),
            refusal=refusal.code,
        )
        return PositionOrderDone(position, settled, _nothing_for(position))

    async def preview(self, request: ClosePositionRequest) -> SalePreview:
        """Return what `execute` would bring. Nothing is recorded, signed or sent.

        Raises what `execute` raises before it sends anything.
        """
        return await self.operations.preview_sale(
            request.wallet_address, request.position_id, _Sale(request, self._clock)
        )

    async def remember(self, request: ClosePositionRequest) -> None:
        """Make durable that the position wants to be left, while another operation on it is under way.

        Raises `PositionNotFoundError`, `JournalUnavailableError`.
        """
        await self.operations.remember_exit(
            request.wallet_address, request.position_id, request.reason, request.signal_id
        )


def _nothing_for(position: Position) -> Fill:
    return Fill(
        in_amount_raw=position.quantity_raw,
        out_amount_raw=0,
        total_in_raw=None,
        total_out_raw=None,
        fees=Fees(protocol_fee_lamports=0, protocol_fee_bps=0, network_fee_lamports=0, rent_lamports=0),
        price_impact_ratio=Decimal(0),
        slippage_bps=0,
        swap_usd_value=None,
        routes_json=None,
        payload_json="{}",
        signature=None,
    )


class _Sale:
    """Everything the wallet holds of the position, for SOL."""

    def __init__(self, request: ClosePositionRequest, clock: Clock) -> None:
        self._request = request
        self._clock = clock

    def plan(self, state: WalletState, position: Position, venue: Venue) -> Plan:
        del venue
        amount_raw = min(position.quantity_raw, state.available_raw(position.token_address))
        if amount_raw <= 0:
            raise ZeroBalanceError(position.id)
        return Plan(
            kind=TradeKind.SALE,
            cause=self._request.reason.value,
            input_mint=position.token_address,
            amount_raw=amount_raw,
            reserved_raw=amount_raw,
            pending_exit=self._pending(position),
            pending_take_profit=None,
            evidence=self._request.evidence,
        )

    async def quote(self, position: Position, intent: Intent, venue: Venue) -> Quote:
        del position
        request = self._request
        return await sale_quote(
            venue,
            intent,
            urgent=request.urgent,
            slippage_bps=request.slippage_bps,
            priority_fee_lamports=request.priority_fee_lamports,
        )

    def _pending(self, position: Position) -> PendingExit | None:
        pending = position.pending_exit
        if not self._request.persistent:
            return pending
        since = pending.since if pending is not None else self._clock.now()
        attempt = self._request.attempt
        if attempt is None:
            attempt = pending.attempts + 1 if pending is not None else 1
        signal_id = pending.signal_id if pending is not None else self._request.signal_id
        return PendingExit(self._request.reason, attempt, since, signal_id)
