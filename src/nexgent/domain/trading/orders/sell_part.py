"""Sell a part of a position because its owner, or a signal, says so."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.domain.ledger.models import Intent, TradeKind
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import CloseReason, PendingTakeProfit, Position
from nexgent.domain.trading.errors import ZeroBalanceError
from nexgent.domain.trading.models import Quote
from nexgent.domain.trading.orders.errors import ExitPendingError
from nexgent.domain.trading.orders.position_booking import PositionOrderDone
from nexgent.domain.trading.orders.position_orders import Plan, PositionOrders, SalePreview
from nexgent.domain.trading.orders.quotes import sale_quote
from nexgent.domain.trading.rules.dust import part_raw
from nexgent.domain.trading.venues import Venue
from nexgent.shared.money import plain
from nexgent.shared.types import PositionId, SignalId, WalletAddress

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class SellPartRequest:
    """What to sell a part of. `percent` is of what is held now, above 0 and below 100."""

    wallet_address: WalletAddress
    position_id: PositionId
    percent: Decimal
    signal_id: SignalId | None = None
    """The signal that asks for it; left out, its owner does."""


class SellPart:
    """One sale of a part. It is booked as take profit that reaches no level: the levels still to come stay as they are."""

    def __init__(self, *, operations: PositionOrders) -> None:
        self._operations = operations

    async def execute(self, request: SellPartRequest) -> PositionOrderDone:
        """Sell and book; the position stays open.

        Raises `ValueError` for a percentage that is no part, `PositionNotFoundError`, `PositionLockedError`,
        `ExitPendingError` (the position is being left), `ZeroBalanceError` (the part is less than one base unit),
        `SwapInDoubtError`, or the gateway's errors.
        """
        return await self._operations.run(
            request.wallet_address, request.position_id, _Part(request.percent, request.signal_id)
        )

    async def preview(self, request: SellPartRequest) -> SalePreview:
        """Return what `execute` would bring. Nothing is recorded, signed or sent.

        Raises what `execute` raises before it sends anything.
        """
        return await self._operations.preview_sale(
            request.wallet_address, request.position_id, _Part(request.percent)
        )


class _Part:
    def __init__(self, percent: Decimal, signal_id: SignalId | None = None) -> None:
        if not 0 < percent < _HUNDRED:
            raise ValueError(f"a part is above 0 and below 100 percent, got {plain(percent)}")
        self._percent = percent
        self._signal_id = signal_id

    def plan(self, state: WalletState, position: Position, venue: Venue) -> Plan:
        del venue
        if position.pending_exit is not None:
            raise ExitPendingError(position.id)
        held_raw = min(position.quantity_raw, state.available_raw(position.token_address))
        sell_raw = part_raw(held_raw, self._percent)
        if sell_raw <= 0:
            raise ZeroBalanceError(position.id)
        return Plan(
            kind=TradeKind.TAKE_PROFIT,
            cause=(CloseReason.TAKE_PROFIT if self._signal_id is None else CloseReason.SIGNAL).value,
            input_mint=position.token_address,
            amount_raw=sell_raw,
            reserved_raw=sell_raw,
            pending_exit=position.pending_exit,
            pending_take_profit=PendingTakeProfit(0, None),
            evidence=None,
            sell_signal_id=self._signal_id,
        )

    async def quote(self, position: Position, intent: Intent, venue: Venue) -> Quote:
        del position
        return await sale_quote(venue, intent, urgent=True)
