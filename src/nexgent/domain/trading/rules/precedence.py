"""The order in which the rules about an open position are asked; the first that acts is the last that is asked."""

from __future__ import annotations

from nexgent.domain.trading.rules.dca import Dca
from nexgent.domain.trading.rules.rule import PositionRule
from nexgent.domain.trading.rules.stale_trade import StaleTrade
from nexgent.domain.trading.rules.stop_loss import StopLoss
from nexgent.domain.trading.rules.take_profit import TakeProfit

PRECEDENCE: tuple[PositionRule, ...] = (
    StopLoss(),
    TakeProfit(),
    StaleTrade(),
    Dca(),
)
