"""Average down: buy more of a position that fell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.errors import InsufficientBalanceError
from nexgent.domain.ledger.models import Intent, PriceEvidence, TradeKind
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import Position
from nexgent.domain.trading.errors import TradeRejectedError
from nexgent.domain.trading.models import Quote
from nexgent.domain.trading.orders.errors import ExitPendingError, NotDueError
from nexgent.domain.trading.orders.position_booking import PositionOrderDone
from nexgent.domain.trading.orders.position_orders import Plan, PositionOrders
from nexgent.domain.trading.orders.purchases import EntryGuard
from nexgent.domain.trading.orders.quotes import PurchaseQuotes, check_decided_price
from nexgent.domain.trading.rules.dca import dca_state, evaluate_dca
from nexgent.domain.trading.venues import Venue
from nexgent.shared.clock import Clock
from nexgent.shared.money import SOL_MINT, SOL_SYMBOL, lamports, sol
from nexgent.shared.types import PositionId, WalletAddress

CAUSE = "dca"


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageDownRequest:
    """What to buy more of. Without `amount_sol` the agent's DCA rule decides, at the price of `evidence`."""

    wallet_address: WalletAddress
    position_id: PositionId
    evidence: PriceEvidence | None = None
    amount_sol: Decimal | None = None


class AverageDown:
    """One DCA buy. It never spends what other trades have reserved, and never moves the price more than a purchase may."""

    def __init__(
        self,
        *,
        operations: PositionOrders,
        directory: AgentDirectory,
        clock: Clock,
        fee_reserve_lamports: int,
        tolerance: Decimal,
        guard: EntryGuard | None = None,
    ) -> None:
        """`tolerance` is how far a quote may be from the price of the decision, as a fraction of one; 0 is off."""
        self._operations = operations
        self._directory = directory
        self._clock = clock
        self._fee_reserve_lamports = fee_reserve_lamports
        self._tolerance = tolerance
        self._guard = guard

    async def execute(self, request: AverageDownRequest) -> PositionOrderDone:
        """Buy and book.

        Raises `InsufficientBalanceError`, `NotDueError` (the rule does not call for it on the newest state),
        `ExitPendingError`, `TradeRejectedError` (automated trading off, price impact, a protection), `PriceMovedError` (it
        was decided at another price than the quote's), `PositionNotFoundError`, `PositionLockedError`, `SwapInDoubtError`,
        or the gateway's errors.
        """
        operation = _Dca(
            request,
            self._directory,
            self._clock.now,
            self._fee_reserve_lamports,
            self._tolerance,
            self._guard,
        )
        return await self._operations.run(request.wallet_address, request.position_id, operation)


class _Dca:
    def __init__(
        self,
        request: AverageDownRequest,
        directory: AgentDirectory,
        now: Callable[[], datetime],
        fee_reserve_lamports: int,
        tolerance: Decimal,
        guard: EntryGuard | None,
    ) -> None:
        self._request = request
        self._directory = directory
        self._now = now
        self._fee_reserve_lamports = fee_reserve_lamports
        self._tolerance = tolerance
        self._guard = guard

    def plan(self, state: WalletState, position: Position, venue: Venue) -> Plan:
        if position.pending_exit is not None:
            raise ExitPendingError(position.id)
        agent = self._directory.find(position.agent_id)
        if agent is None:
            raise NotDueError(position.id, "AGENT_GONE")
        amount_raw = lamports(self._amount_sol(agent, position))
        available = state.available_raw(SOL_MINT)
        # A live wallet has to be able to pay for its exits afterwards.
        needed = amount_raw + (self._fee_reserve_lamports if venue.live else 0)
        if available < needed:
            raise InsufficientBalanceError(SOL_MINT, SOL_SYMBOL, sol(available), sol(needed))
        if self._guard is not None:
            # A cooldown of the token does not concern a position that is open.
            verdict = self._guard.check(agent, state, self._now(), size_lamports=amount_raw)
            if verdict.code is not None:
                raise TradeRejectedError(verdict.code, verdict.reason or "")
        return Plan(
            kind=TradeKind.DCA_BUY,
            cause=CAUSE,
            input_mint=SOL_MINT,
            amount_raw=amount_raw,
            reserved_raw=min(amount_raw + self._fee_reserve_lamports, available),
            pending_exit=None,
            pending_take_profit=None,
            evidence=self._request.evidence,
        )

    def _amount_sol(self, agent: Agent, position: Position) -> Decimal:
        if self._request.amount_sol is not None:
            if not self._request.amount_sol.is_finite() or lamports(self._request.amount_sol) <= 0:
                raise TradeRejectedError("INVALID_AMOUNT", "The amount must be more than 0 SOL")
            return self._request.amount_sol
        if not agent.automated_in(position.wallet_address):
            raise TradeRejectedError("AUTOMATED_TRADING_OFF", "Automated trading is off for this wallet")
        if self._request.evidence is None:
            raise NotDueError(position.id, "NO_PRICE")
        decision = evaluate_dca(
            dca_state(position), self._request.evidence.price_sol, self._now(), agent.config.dca
        )
        if decision.buy_amount_sol is None:
            raise NotDueError(position.id, decision.reason)
        if lamports(decision.buy_amount_sol) <= 0:
            raise NotDueError(position.id, "LESS_THAN_ONE_UNIT")
        return decision.buy_amount_sol

    async def quote(self, position: Position, intent: Intent, venue: Venue) -> Quote:
        """Return a quote within the agent's limit of price impact, for a smaller amount where that is needed."""
        agent = self._directory.find(intent.agent_id)
        limit = agent.config.purchase_limits.max_price_impact if agent is not None else None
        offers = await PurchaseQuotes(venue).fetch([(intent, limit)])
        offer = offers[intent.id]
        if not isinstance(offer, Quote):
            raise offer
        check_decided_price(offer, position, intent.evidence, self._tolerance)
        return offer
