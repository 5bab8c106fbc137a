"""Close a position, or sell a part of it, because its owner says so; or see what that would bring."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.agents.ownership import visible_agent
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.positions.errors import PositionNotFoundError
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.errors import TradeRejectedError
from nexgent.domain.trading.orders.position_orders import SalePreview
from nexgent.domain.trading.orders.sell import ClosePosition, ClosePositionRequest
from nexgent.domain.trading.orders.sell_part import SellPart, SellPartRequest
from nexgent.domain.trading.ports import WalletKeys
from nexgent.domain.trading.rules.profit_loss import percent_of
from nexgent.domain.trading.settlement import cost_of_part_lamports, sale_credit_lamports
from nexgent.shared.loops import TaskSet
from nexgent.shared.money import CONTEXT, from_raw, sol, unit_price_sol
from nexgent.shared.types import AgentId, ClosedTradeId, PositionId, TransactionId, UserId, VenueName

_HUNDRED = Decimal(100)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleForecast:
    """What a sale would bring at a quote. Amounts in tokens and SOL, the price in SOL per token.

    `received_sol` is what reaches the wallet, all fees deducted; profit is that less `cost_sol`, what the part that is sold had
    cost with its fees, and in percent of it. Rent is negative where a deposit comes back.
    """

    amount: Decimal
    remaining_amount: Decimal
    received_sol: Decimal
    price_sol: Decimal
    price_impact_pct: Decimal
    protocol_fee_sol: Decimal | None
    network_fee_sol: Decimal
    rent_sol: Decimal
    cost_sol: Decimal
    profit_loss_sol: Decimal
    profit_loss_pct: Decimal
    source: VenueName
    age_seconds: float


class CloseByHand:
    """Ownership first, then the same sale that the engine makes.

    A sale that has begun goes on to its end, whether or not whoever asked for it is still there to hear of it.
    """

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        book: PositionBook,
        sale: ClosePosition,
        keys: WalletKeys,
        require_engine: RequireEngine = here,
    ) -> None:
        self._require_engine = require_engine
        self._keys = keys
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
        what `ClosePosition.execute` raises; `EngineElsewhereError` before anything has begun.
        """
        position = self._to_sell(agent_id, position_id, user_id)
        request = ClosePositionRequest(
            wallet_address=position.wallet_address, position_id=position_id, reason=reason
        )
        done = await self._running.finish(self._sale.execute(request), name=f"close:{position_id}")
        sold, closed = done.settled.transaction, done.settled.closed
        if closed is None or sold.input_amount is None:
            raise TradeRejectedError("EXECUTION_FAILED", "The sale was booked without closing the position")
        return ClosedTradeResult(
            transaction_id=sold.id,
            closed_trade_id=closed.id,
            position_id=position_id,
            input_amount=sold.input_amount,
            # Dust that nobody buys brings nothing.
            output_amount=sold.output_amount if sold.output_amount is not None else Decimal(0),
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

        Raises `AgentNotFoundError`, `ForbiddenError`, `PositionNotFoundError`, and what `SellPart.execute` raises;
        `EngineElsewhereError` before anything has begun.
        """
        position = self._to_sell(agent_id, position_id, user_id)
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

    async def preview(
        self, agent_id: AgentId, position_id: PositionId, user_id: UserId, percent: Decimal
    ) -> SaleForecast:
        """Return what selling so many percent of what is held would bring; 100 is the whole position. Nothing is sold.

        It is decided and quoted as `execute` and `sell_part` are, and raises what they raise before anything is sent. Any
        process can, unless the wallet is one whose key is unlocked where it trades.
        """
        position = self._owned(agent_id, position_id, user_id)
        wallet = position.wallet_address
        known = self._directory.wallet(wallet)
        if known is not None and known.mode is TradingMode.LIVE and not self._keys.is_loaded(wallet):
            self._require_engine(agent_id)
            locked = self._keys.refusal(wallet)
            raise TradeRejectedError(locked.code, locked.message)
        if percent == _HUNDRED:
            request = ClosePositionRequest(
                wallet_address=wallet, position_id=position_id, reason=CloseReason.MANUAL
            )
            return _forecast(await self._sale.preview(request), whole=True)
        part = SellPartRequest(wallet_address=wallet, position_id=position_id, percent=percent)
        return _forecast(await self._part.preview(part), whole=False)

    def _to_sell(self, agent_id: AgentId, position_id: PositionId, user_id: UserId) -> Position:
        visible_agent(self._directory, agent_id, user_id)
        # What is open is known for certain where it is traded.
        self._require_engine(agent_id)
        return self._owned(agent_id, position_id, user_id)

    def _owned(self, agent_id: AgentId, position_id: PositionId, user_id: UserId) -> Position:
        visible_agent(self._directory, agent_id, user_id)
        held = self._book.get(position_id)
        if held is None or held.position.agent_id != agent_id:
            raise PositionNotFoundError(position_id)
        return held.position

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for sales under way, at most so long; return how many were left, for recovery to finish."""
        return await self._running.drain(timeout_seconds)


def _forecast(preview: SalePreview, *, whole: bool) -> SaleForecast:
    position, fill = preview.position, preview.fill
    sold_raw, credit = fill.in_amount_raw, sale_credit_lamports(fill)
    # A whole sale ends the position, whatever the wallet still has of it: it bears all that is left of the cost.
    cost = position.cost_basis_lamports if whole else cost_of_part_lamports(position, sold_raw)
    profit_sol, protocol = sol(credit - cost), fill.fees.protocol_fee_lamports
    return SaleForecast(
        amount=from_raw(sold_raw, position.decimals),
        remaining_amount=Decimal(0)
        if whole
        else from_raw(position.quantity_raw - sold_raw, position.decimals),
        received_sol=sol(credit),
        price_sol=unit_price_sol(fill.out_amount_raw, sold_raw, position.decimals),
        price_impact_pct=CONTEXT.abs(fill.price_impact_ratio) * 100,
        protocol_fee_sol=sol(protocol) if protocol is not None else None,
        network_fee_sol=sol(fill.fees.network_fee_lamports),
        rent_sol=sol(fill.fees.rent_lamports),
        cost_sol=sol(cost),
        profit_loss_sol=profit_sol,
        profit_loss_pct=percent_of(profit_sol, sol(cost)),
        source=preview.venue,
        age_seconds=preview.age_seconds,
    )
