"""Dollar-cost averaging: buy more of a position that fell, and the average that results."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from nexgent.domain.agents.config_models import DcaConfig, DcaLevel
from nexgent.domain.agents.models import Agent
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.rules.rule import Look, Moment, PositionOrderKind
from nexgent.shared.money import CONTEXT, from_raw

DcaReason = Literal[
    "TRIGGERED",
    "DISABLED",
    "ONLY_MOON_BAG",
    "MAX_COUNT",
    "COOLDOWN",
    "NO_LEVELS",
    "LEVELS_EXHAUSTED",
    "NOT_REACHED",
]

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)
_MOON_BAG_TOLERANCE = Decimal("0.000001")


def _level(drop_percent: int, buy_percent: int) -> DcaLevel:
    return DcaLevel(drop_percent=Decimal(drop_percent), buy_percent=Decimal(buy_percent))


_TEMPLATES: dict[str, tuple[DcaLevel, ...]] = {
    "aggressive": (_level(-10, 100),) * 3,
    "moderate": (_level(-20, 75),) * 2,
    "conservative": (_level(-20, 100),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DcaState:
    """A position as DCA sees it. Amounts are tokens; `remaining_amount` is None while nothing was sold."""

    average_price_sol: Decimal
    purchased_amount: Decimal
    remaining_amount: Decimal | None = None
    dca_count: int = 0
    last_dca_at: datetime | None = None
    moon_bag_activated: bool = False
    moon_bag_amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DcaDecision:
    """Whether to buy, at which level, for how much SOL."""

    triggered: bool
    level: DcaLevel | None
    buy_amount_sol: Decimal | None
    reason: DcaReason


class Dca:
    """Buy more of a position that fell."""

    calls_for = PositionOrderKind.DCA
    follows_trail = False

    def look(self, position: Position, trail: PositionTrail, agent: Agent) -> Look | None:
        """At the next level or below it, from the end of the cooldown on, where the agent trades by itself."""
        del trail
        config = agent.config.dca
        if not config.enabled or not agent.automated_in(position.wallet_address):
            return None
        levels = dca_levels(config)
        if position.dca_count >= config.max_dca_count or position.dca_count >= len(levels):
            return None
        if position.moon_bag_activated and position.quantity_raw == position.moon_bag_raw:
            return None
        until = cooldown_until(position, config)
        return Look.at_gain(
            position.entry_price_sol,
            at_most=levels[position.dca_count].drop_percent,
            from_seconds=until.timestamp() if until is not None else -math.inf,
        )

    def speaks(self, moment: Moment) -> bool:
        """Decide at the price and instant."""
        state = dca_state(moment.position)
        return evaluate_dca(state, moment.price_sol, moment.now, moment.agent.config.dca).triggered


def dca_state(position: Position) -> DcaState:
    """Return a position as DCA sees it."""
    bag = position.moon_bag_raw
    return DcaState(
        average_price_sol=position.entry_price_sol,
        purchased_amount=position.purchased,
        remaining_amount=position.remaining,
        dca_count=position.dca_count,
        last_dca_at=position.last_dca_at,
        moon_bag_activated=position.moon_bag_activated,
        moon_bag_amount=from_raw(bag, position.decimals) if bag is not None else None,
    )


def cooldown_until(position: Position, config: DcaConfig) -> datetime | None:
    """Return when the cooldown after the last DCA ends, None without one."""
    if position.last_dca_at is None:
        return None
    # Rounded up to the microsecond: at that instant the rule lets a buy pass, and not one before.
    return position.last_dca_at + timedelta(microseconds=math.ceil(config.cooldown_seconds * 1_000_000))


def dca_levels(config: DcaConfig) -> tuple[DcaLevel, ...]:
    """Return the levels that apply, the smallest drop first.

    The template of a preset mode, or the configured ones.
    """
    template = _TEMPLATES.get(config.mode)
    if template is not None:
        return template
    return tuple(sorted(config.levels, key=lambda level: level.drop_percent, reverse=True))


def evaluate_dca(state: DcaState, price_sol: Decimal, now: datetime, config: DcaConfig) -> DcaDecision:
    """Decide whether a price calls for another buy: level n is measured from the average after n buys.

    The amount is a percentage of the present market value of what is held.
    """
    blocked = _blocked(state, now, config)
    if blocked is not None:
        return _no(blocked)
    levels = dca_levels(config)
    if not levels:
        return _no("NO_LEVELS")
    if state.dca_count >= len(levels):
        return _no("LEVELS_EXHAUSTED")
    level = levels[state.dca_count]
    if not _dropped(state.average_price_sol, price_sol, level.drop_percent):
        return _no("NOT_REACHED")
    held = state.purchased_amount if state.remaining_amount is None else state.remaining_amount
    value_sol = CONTEXT.multiply(price_sol, held)
    amount_sol = CONTEXT.divide(CONTEXT.multiply(value_sol, level.buy_percent), _HUNDRED)
    return DcaDecision(True, level, amount_sol, "TRIGGERED")


def average_after_dca(
    invested_sol: Decimal, amount: Decimal, spent_sol: Decimal, acquired_amount: Decimal
) -> Decimal:
    """Return the average of all SOL spent, fees included, over all tokens; zero when there are no tokens."""
    total_amount = CONTEXT.add(amount, acquired_amount)
    if total_amount <= 0:
        return _ZERO
    return CONTEXT.divide(CONTEXT.add(invested_sol, spent_sol), total_amount)


def _no(reason: DcaReason) -> DcaDecision:
    return DcaDecision(False, None, None, reason)


def _blocked(state: DcaState, now: datetime, config: DcaConfig) -> DcaReason | None:
    if not config.enabled:
        return "DISABLED"
    if _holds_only_moon_bag(state):
        return "ONLY_MOON_BAG"
    if state.dca_count >= config.max_dca_count:
        return "MAX_COUNT"
    if state.last_dca_at is not None:
        elapsed = now - state.last_dca_at
        # In whole microseconds: seconds as a float could end a cooldown too early.
        elapsed_us = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
        if elapsed_us < CONTEXT.multiply(config.cooldown_seconds, Decimal(1_000_000)):
            return "COOLDOWN"
    return None


def _holds_only_moon_bag(state: DcaState) -> bool:
    if not state.moon_bag_activated or state.moon_bag_amount is None:
        return False
    held = state.purchased_amount if state.remaining_amount is None else state.remaining_amount
    return abs(CONTEXT.subtract(held, state.moon_bag_amount)) < _MOON_BAG_TOLERANCE


def _dropped(average_price_sol: Decimal, price_sol: Decimal, drop_percent: Decimal) -> bool:
    """Tell whether the price is at least so far below the average.

    Multiplied out, so that a boundary is exact.
    """
    if not (
        price_sol.is_finite() and average_price_sol.is_finite() and price_sol > 0 and average_price_sol > 0
    ):
        return False
    move = CONTEXT.subtract(price_sol, average_price_sol)
    return CONTEXT.multiply(move, _HUNDRED) <= CONTEXT.multiply(drop_percent, average_price_sol)
