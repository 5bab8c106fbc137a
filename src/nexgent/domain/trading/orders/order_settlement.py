"""Book the fill of an operation on a position. Pure: what was decided is in the intent and the position, nothing else counts."""

from __future__ import annotations

from typing import assert_never

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.ledger.errors import InsufficientBalanceError, LedgerInvariantError
from nexgent.domain.ledger.models import Intent, TradeKind
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import CloseReason, PendingTakeProfit, Position, PositionTrail
from nexgent.domain.trading.models import Fill
from nexgent.domain.trading.rules.stop_loss import initial_stop_pct
from nexgent.domain.trading.rules.take_profit import take_profit_plan
from nexgent.domain.trading.settlement import (
    Settlement,
    SettlementContext,
    buy_debit_lamports,
    settle_dca,
    settle_sale,
)
from nexgent.shared.money import SOL_MINT, SOL_SYMBOL, sol
from nexgent.shared.structs import replace


def settle_position_order(
    intent: Intent,
    fill: Fill,
    context: SettlementContext,
    position: Position,
    trail: PositionTrail,
    config: TradingConfig,
) -> Settlement:
    """Book the fill of an operation's intent. Pure: the same intent, fill and position give the same entry at any time."""
    match intent.kind:
        case TradeKind.SALE:
            # A balance below the recorded quantity (a burn entered by hand) is all there is to sell.
            sellable = replace(position, quantity_raw=min(position.quantity_raw, intent.amount_raw))
            return settle_sale(intent, fill, context, sellable, reason=CloseReason(intent.cause))
        case TradeKind.TAKE_PROFIT:
            pending = position.pending_take_profit or PendingTakeProfit(0, None)
            return settle_sale(
                intent,
                fill,
                context,
                position,
                reason=CloseReason.TAKE_PROFIT,
                levels_hit=pending.levels,
                activate_moon_bag_raw=pending.moon_bag_raw,
            )
        case TradeKind.DCA_BUY:
            price = intent.evidence.price_sol if intent.evidence is not None else None
            return settle_dca(
                intent,
                fill,
                context,
                position,
                stop_loss_pct=initial_stop_pct(config.stop_loss),
                levels_total=len(take_profit_plan(config.take_profit).levels),
                price_sol=price,
                lowest_price_sol=trail.lowest_price_sol,
            )
        case (
            TradeKind.PURCHASE
            | TradeKind.WRITE_OFF
            | TradeKind.EXTERNAL
            | TradeKind.ADOPTION
            | TradeKind.RENT
        ):
            raise LedgerInvariantError(f"a {intent.kind.value} is not a swap on an open position")
        case _:
            assert_never(intent.kind)


def check_affordable(intent: Intent, fill: Fill, state: WalletState) -> None:
    """Refuse a paper buy whose fees reach into what others have reserved. What landed on the chain is paid and booked."""
    if intent.kind is not TradeKind.DCA_BUY or fill.signature is not None:
        return
    affordable = state.available_raw(SOL_MINT) + intent.reserved_raw
    debit = buy_debit_lamports(fill)
    if debit > affordable:
        raise InsufficientBalanceError(SOL_MINT, SOL_SYMBOL, sol(affordable), sol(debit))
