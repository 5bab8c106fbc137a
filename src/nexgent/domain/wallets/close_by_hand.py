"""Close a position, or sell a part of it, because its owner says so."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.ownership import visible_agent
from nexgent.domain.positions.errors import PositionNotFoundError
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.errors import TradeRejectedError
from nexgent.domain.trading.orders.sell import ClosePosition, ClosePositionRequest
from nexgent.domain.trading.orders.sell_part import SellPart, SellPartRequest
from nexgent.shared.loops import TaskSet
from nexgent.shared.types import AgentId, ClosedTradeId, PositionId, TransactionId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTradeResult:
    """What a sale brought. Amounts in tokens and SOL, prices in SOL per token, the change in percent."""

    transaction_id: TransactionId
    closed_trade_id: ClosedTradeId
    position_id: PositionId
    input_amount: Decimal
    output_amount: Decimal
    sale_price: Decimal
    profit_loss_sol: Decimal
    profit_loss_usd: Decimal
    change_percent: Decimal
    transaction_hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSold:
    """What the sale of a part brought. Amounts in tokens and SOL; `remaining_amount` is what the position still holds."""

    transaction_id: TransactionId
    position_id: PositionId
    input_amount: Decimal
    output_amount: Decimal
    remaining_amount: Decimal
    transaction_hash: str | None


class CloseByHand:
    """Ownership first, then the same sale that the engine makes.

    A sale that has begun goes on to its end, whether or not whoever asked for it is still there to hear of it.
    """

    def __init__(self, *, directory: AgentDirectory, book: PositionBook, sale: ClosePosition) -> None:
        self._directory = directory
        self._book = book
        self._sale = sale
        self._part = SellPart(operations=sale.operations)
        self._running = TaskSet("sales by hand")

    async def execute(
        self, agent_id: AgentId, position_id: PositionId, user_id: UserId, reason: CloseReason
    ) -> ClosedTradeResult:
        """Return what the sale brought.

        Raises `AgentNotFoundError`, `ForbiddenError`, `PositionNotFoundError` (also for a position of another agent), and
        what `ClosePosition.execute` raises.
        """
        position = self._owned(agent_id, position_id, user_id)
        request = ClosePositionRequest(
            wallet_address=position.wallet_address, position_id=position_id, reason=reason
        )
        done = await self._running.finish(self._sale.execute(request), name=f"close:{position_id}")
        sold, closed = done.settled.transaction, done.settled.closed
        if closed is None or sold.input_amount is None or sold.output_amount is None:
            raise TradeRejectedError("EXECUTION_FAILED", "The sale was booked without closing the position")
        return ClosedTradeResult(
            transaction_id=sold.id,
            closed_trade_id=closed.id,
            position_id=position_id,
            input_amount=sold.input_amount,
            output_amount=sold.output_amount,
            sale_price=closed.sale_price,
            profit_loss_sol=closed.profit_loss_sol,
            profit_loss_usd=closed.profit_loss_usd,
            change_percent=closed.change_percent,
            transaction_hash=sold.transaction_hash,
        )

    async def sell_part(
        self, agent_id: AgentId, position_id: PositionId, user_id: UserId, percent: Decimal
    ) -> PartSold:
        """Sell so many percent of what is held, above 0 and below 100; return what it brought.

        Raises `AgentNotFoundError`, `ForbiddenError`, `PositionNotFoundError`, and what `SellPart.execute` raises.
        """
        position = self._owned(agent_id, position_id, user_id)
        request = SellPartRequest(
            wallet_address=position.wallet_address, position_id=position_id, percent=percent
        )
        done = await self._running.finish(self._part.execute(request), name=f"sell-part:{position_id}")
        sold, left = done.settled.transaction, done.settled.position
        if left is None or sold.input_amount is None or sold.output_amount is None:
            raise TradeRejectedError("EXECUTION_FAILED", "The sale was booked without leaving a position")
        return PartSold(
            transaction_id=sold.id,
            position_id=position_id,
            input_amount=sold.input_amount,
            output_amount=sold.output_amount,
            remaining_amount=left.quantity,
            transaction_hash=sold.transaction_hash,
        )

    def _owned(self, agent_id: AgentId, position_id: PositionId, user_id: UserId) -> Position:
        visible_agent(self._directory, agent_id, user_id)
        held = self._book.get(position_id)
        if held is None or held.position.agent_id != agent_id:
            raise PositionNotFoundError(position_id)
        return held.position

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for sales under way, at most so long; return how many were left, for recovery to finish."""
        return await self._running.drain(timeout_seconds)
