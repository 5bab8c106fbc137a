"""Sell a part of a winning position, as its take-profit levels say."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.models import Intent, PriceEvidence, TradeKind
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import CloseReason, PendingTakeProfit, Position
from nexgent.domain.trading.models import Quote
from nexgent.domain.trading.orders.errors import ExitPendingError, NotDueError
from nexgent.domain.trading.orders.position_booking import PositionOrderDone
from nexgent.domain.trading.orders.position_orders import Plan, PositionOrders
from nexgent.domain.trading.orders.quotes import check_decided_price, sale_quote
from nexgent.domain.trading.rules.take_profit import (
    TakeProfitDecision,
    evaluate_take_profit,
    take_profit_plan,
    take_profit_state,
)
from nexgent.domain.trading.venues import Venue
from nexgent.shared.money import to_raw
from nexgent.shared.types import PositionId, WalletAddress

FULLY_SOLD_BELOW = Decimal("1e-9")
"""Tokens left after a sale that count as nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeProfitRequest:
    """Whose profit to take, at the price of `evidence`."""

    wallet_address: WalletAddress
    position_id: PositionId
    evidence: PriceEvidence


@dataclass(frozen=True, slots=True)
class TakeProfitAmounts:
    """A decision in base units."""

    sell_raw: int
    levels: int
    moon_bag_raw: int | None


class TakeProfitSale:
    """One sale for all levels a price has reached. The numbers are computed on the newest state, never before."""

    def __init__(self, *, operations: PositionOrders, directory: AgentDirectory, tolerance: Decimal) -> None:
        """`tolerance` is how far a quote may be from the price of the decision, as a fraction of one; 0 is off."""
        self._operations = operations
        self._directory = directory
        self._tolerance = tolerance

    async def execute(self, request: TakeProfitRequest) -> PositionOrderDone:
        """Sell and book.

        Raises `NotDueError` (no level is reached on the newest state), `ExitPendingError` (the position is being left),
        `PriceMovedError` (it was decided at another price than the quote's), `PositionNotFoundError`, `PositionLockedError`,
        `SwapInDoubtError`, or the gateway's errors.
        """
        operation = _TakeProfit(request, self._directory, self._tolerance)
        return await self._operations.run(request.wallet_address, request.position_id, operation)


def take_profit_amounts(
    position: Position, decision: TakeProfitDecision, config: TradingConfig
) -> TakeProfitAmounts:
    """Return a decision in base units, rounded down.

    When the last level leaves nothing that is meant to stay, everything goes: rounding down once per level may leave a few
    base units, and a position of those would stay open for good.
    """
    sell_raw = min(to_raw(decision.sell_amount, position.decimals), position.quantity_raw)
    activated = to_raw(decision.moon_bag_amount, position.decimals) if decision.activate_moon_bag else None
    hit = position.take_profit_levels_hit + len(decision.levels)
    configured = len(take_profit_plan(config.take_profit).levels)
    total = position.take_profit_levels_total
    is_last = hit >= (configured if total is None else total)
    keeps_bag = decision.activate_moon_bag or position.moon_bag_activated
    left_raw = position.quantity_raw - sell_raw
    if not keeps_bag and (decision.new_remaining_amount < FULLY_SOLD_BELOW or (is_last and left_raw <= hit)):
        sell_raw = position.quantity_raw
    return TakeProfitAmounts(sell_raw, len(decision.levels), activated)


class _TakeProfit:
    def __init__(self, request: TakeProfitRequest, directory: AgentDirectory, tolerance: Decimal) -> None:
        self._request = request
        self._directory = directory
        self._tolerance = tolerance

    def plan(self, state: WalletState, position: Position, venue: Venue) -> Plan:
        del venue
        if position.pending_exit is not None:
            raise ExitPendingError(position.id)
        agent = self._directory.find(position.agent_id)
        if agent is None:
            raise NotDueError(position.id, "AGENT_GONE")
        price_sol = self._request.evidence.price_sol
        decision = evaluate_take_profit(take_profit_state(position), price_sol, agent.config.take_profit)
        if not decision.should_execute:
            raise NotDueError(position.id, decision.reason)
        amounts = take_profit_amounts(position, decision, agent.config)
        sell_raw = min(amounts.sell_raw, state.available_raw(position.token_address))
        if sell_raw <= 0:
            raise NotDueError(position.id, "LESS_THAN_ONE_UNIT")
        return Plan(
            kind=TradeKind.TAKE_PROFIT,
            cause=CloseReason.TAKE_PROFIT.value,
            input_mint=position.token_address,
            amount_raw=sell_raw,
            reserved_raw=sell_raw,
            pending_exit=None,
            pending_take_profit=PendingTakeProfit(amounts.levels, amounts.moon_bag_raw),
            evidence=self._request.evidence,
        )

    async def quote(self, position: Position, intent: Intent, venue: Venue) -> Quote:
        """Return what is offered, unless it is for another price than the levels were reached at."""
        offer = await sale_quote(venue, intent, urgent=True)
        check_decided_price(offer, position, intent.evidence, self._tolerance)
        return offer
