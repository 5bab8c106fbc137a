"""Stale close: leave a position that has gone nowhere for too long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from nexgent.domain.agents.config_models import StaleTradeConfig
from nexgent.domain.agents.models import Agent
from nexgent.domain.positions.models import CloseReason, Position, PositionTrail
from nexgent.domain.trading.rules.rule import Look, Moment
from nexgent.shared.money import CONTEXT

StaleReason = Literal["STALE", "DISABLED", "TOO_YOUNG", "OUTSIDE_BAND", "NO_PRICE"]

_HUNDRED = Decimal(100)
_MICROSECONDS_PER_MINUTE = Decimal(60_000_000)


@dataclass(frozen=True, slots=True)
class StaleDecision:
    """Whether to close, and why or why not."""

    close: bool
    reason: StaleReason


class StaleTrade:
    """Leave a position that has gone nowhere for too long."""

    calls_for = CloseReason.STALE_TRADE
    follows_trail = False

    def look(self, position: Position, trail: PositionTrail, agent: Agent) -> Look | None:
        """Within the band of profit, from the end of the hold time on."""
        del trail
        config = agent.config.stale_trade
        if not config.enabled:
            return None
        hold_seconds = float(config.min_hold_time_minutes) * 60
        return Look.at_gain(
            position.entry_price_sol,
            at_least=config.min_profit_percent,
            at_most=config.max_profit_percent,
            # A millisecond early: a float of this size is exact to less than that, and the rule decides in microseconds.
            from_seconds=position.opened_at.timestamp() + hold_seconds - 0.001,
        )

    def speaks(self, moment: Moment) -> bool:
        """Decide at the price and instant."""
        position = moment.position
        return decide_stale_trade(
            position.opened_at,
            moment.now,
            position.entry_price_sol,
            moment.price_sol,
            moment.agent.config.stale_trade,
        ).close


def decide_stale_trade(
    opened_at: datetime,
    now: datetime,
    entry_price_sol: Decimal,
    price_sol: Decimal,
    config: StaleTradeConfig,
) -> StaleDecision:
    """Close when the position is old enough and its profit lies within the band, both ends included.

    The age counts from the first purchase; a DCA does not reset it.
    """
    if not config.enabled:
        return StaleDecision(False, "DISABLED")
    age = now - opened_at
    age_us = (age.days * 86_400 + age.seconds) * 1_000_000 + age.microseconds
    if age_us < CONTEXT.multiply(config.min_hold_time_minutes, _MICROSECONDS_PER_MINUTE):
        return StaleDecision(False, "TOO_YOUNG")
    if not (price_sol.is_finite() and entry_price_sol.is_finite() and price_sol > 0 and entry_price_sol > 0):
        return StaleDecision(False, "NO_PRICE")
    # Multiplied out instead of divided, so that a profit exactly on the edge of the band is inside.
    profit = CONTEXT.multiply(CONTEXT.subtract(price_sol, entry_price_sol), _HUNDRED)
    low = CONTEXT.multiply(config.min_profit_percent, entry_price_sol)
    high = CONTEXT.multiply(config.max_profit_percent, entry_price_sol)
    if low <= profit <= high:
        return StaleDecision(True, "STALE")
    return StaleDecision(False, "OUTSIDE_BAND")
