"""Close a position because its owner says so."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.ownership import visible_agent
from nexgent.domain.positions.errors import PositionNotFoundError
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.errors import TradeRejectedError
from nexgent.domain.trading.orders.sell import ClosePosition, ClosePositionRequest
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


class CloseByHand:
    """Ownership first, then the same sale that the engine makes.

    A sale that has begun goes on to its end, whether or not whoever asked for it is still there to hear of it.
    """

    def __init__(self, *, directory: AgentDirectory, book: PositionBook, sale: ClosePosition) -> None:
        self._directory = directory
        self._book = book
        self._sale = sale
        self._running = TaskSet("sales by hand")

    async def execute(
        self, agent_id: AgentId, position_id: PositionId, user_id: UserId, reason: CloseReason
    ) -> ClosedTradeResult:
        """Return what the sale brought.

        Raises `AgentNotFoundError`, `ForbiddenError`, `PositionNotFoundError` (also for a position of another agent), and
        what `ClosePosition.execute` raises.
        """
        visible_agent(self._directory, agent_id, user_id)
        held = self._book.get(position_id)
        if held is None or held.position.agent_id != agent_id:
            raise PositionNotFoundError(position_id)
        request = ClosePositionRequest(
            wallet_address=held.position.wallet_address, position_id=position_id, reason=reason
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

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for sales under way, at most so long; return how many were left, for recovery to finish."""
        return await self._running.drain(timeout_seconds)
