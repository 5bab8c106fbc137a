"""Take profit: sell parts of a position at rising gains, and keep a moon bag.

All percentages of tokens refer to the tokens ever bought. Levels are taken in the order of their list; the
first that is not reached ends the scan. Several levels crossed by one price are one sale.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from nexgent.domain.agents.config_models import MoonBagConfig, TakeProfitConfig, TakeProfitLevel
from nexgent.domain.agents.models import Agent
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.rules.rule import Look, Moment, PositionOrderKind
from nexgent.shared.money import CONTEXT, from_raw

TakeProfitReason = Literal[
    "TRIGGERED", "DISABLED", "NOT_REACHED", "LEVELS_EXHAUSTED", "BATCH_EXHAUSTED", "ONLY_MOON_BAG"
]

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


def _levels(*pairs: tuple[int, int]) -> tuple[TakeProfitLevel, ...]:
    return tuple(
        TakeProfitLevel(target_percent=Decimal(target), sell_percent=Decimal(sell)) for target, sell in pairs
    )


# Levels, then gain in percent that activates the moon bag, then percent of the tokens it retains.
_TEMPLATES: dict[str, tuple[tuple[TakeProfitLevel, ...], Decimal, Decimal]] = {
    "aggressive": (_levels((25, 25), (50, 25), (100, 25), (150, 15)), Decimal(100), Decimal(10)),
    "moderate": (_levels((50, 25), (150, 25), (300, 25), (400, 15)), Decimal(300), Decimal(10)),
    "conservative": (_levels((100, 20), (200, 20), (400, 25), (600, 20)), Decimal(400), Decimal(15)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeProfitState:
    """A position as take profit sees it. Amounts are tokens.

    `remaining_amount` is None while nothing was sold. After a DCA a new batch of all levels starts: it begins
    at `batch_start_level`, and `total_levels` counts the levels of all batches (None: those of the
    configuration).
    """

    entry_price_sol: Decimal
    original_amount: Decimal
    remaining_amount: Decimal | None = None
    levels_hit: int = 0
    moon_bag_activated: bool = False
    moon_bag_amount: Decimal | None = None
    batch_start_level: int = 0
    total_levels: int | None = None


@dataclass(frozen=True, slots=True)
class TakeProfitPlan:
    """The levels and the moon bag that apply, whatever the mode."""

    levels: tuple[TakeProfitLevel, ...]
    moon_bag: MoonBagConfig


@dataclass(frozen=True, slots=True)
class TakeProfitDecision:
    """What to sell. `moon_bag_amount` is zero unless the moon bag activates now."""

    should_execute: bool
    levels: tuple[TakeProfitLevel, ...]
    sell_amount: Decimal
    activate_moon_bag: bool
    moon_bag_amount: Decimal
    new_remaining_amount: Decimal
    reason: TakeProfitReason


class TakeProfit:
    """Sell the next part of a position at the next level."""

    calls_for = PositionOrderKind.TAKE_PROFIT
    follows_trail = False

    def look(self, position: Position, trail: PositionTrail, agent: Agent) -> Look | None:
        """At the next level or above it, unless there is none or nothing left to sell for it."""
        del trail
        level = next_level(
            agent.config.take_profit,
            levels_hit=position.take_profit_levels_hit,
            batch_start_level=position.take_profit_batch_start,
            total_levels=position.take_profit_levels_total,
        )
        if level is None:
            return None
        bag_raw = position.moon_bag_raw
        if position.moon_bag_activated and bag_raw is not None and position.quantity_raw <= bag_raw:
            return None
        return Look.at_gain(position.entry_price_sol, at_least=level.target_percent)

    def speaks(self, moment: Moment) -> bool:
        """Decide at the price."""
        config = moment.agent.config.take_profit
        state = take_profit_state(moment.position)
        return evaluate_take_profit(state, moment.price_sol, config).should_execute


def take_profit_state(position: Position) -> TakeProfitState:
    """Return a position as take profit sees it."""
    bag = position.moon_bag_raw
    return TakeProfitState(
        entry_price_sol=position.entry_price_sol,
        original_amount=position.purchased,
        remaining_amount=position.remaining,
        levels_hit=position.take_profit_levels_hit,
        moon_bag_activated=position.moon_bag_activated,
        moon_bag_amount=from_raw(bag, position.decimals) if bag is not None else None,
        batch_start_level=position.take_profit_batch_start,
        total_levels=position.take_profit_levels_total,
    )


def take_profit_plan(config: TakeProfitConfig) -> TakeProfitPlan:
    """Return the levels and moon bag of a configuration.

    Those of the template in a preset mode, its own in mode custom.

    Whether there is a moon bag at all stays the user's choice in every mode.
    """
    template = _TEMPLATES.get(config.mode)
    if template is None:
        return TakeProfitPlan(config.levels, config.moon_bag)
    levels, trigger_percent, retain_percent = template
    moon_bag = MoonBagConfig.model_construct(
        enabled=config.moon_bag.enabled, trigger_percent=trigger_percent, retain_percent=retain_percent
    )
    return TakeProfitPlan(levels, moon_bag)


def next_level(
    config: TakeProfitConfig, *, levels_hit: int, batch_start_level: int, total_levels: int | None
) -> TakeProfitLevel | None:
    """Return the level a position waits for, None when there is none (left)."""
    if not config.enabled:
        return None
    levels = take_profit_plan(config).levels
    index = levels_hit - batch_start_level
    if levels_hit >= (len(levels) if total_levels is None else total_levels) or not 0 <= index < len(levels):
        return None
    return levels[index]


def evaluate_take_profit(
    state: TakeProfitState, price_sol: Decimal, config: TakeProfitConfig
) -> TakeProfitDecision:
    """Decide what a price lets a position sell.

    A price or entry that is not a positive number reaches nothing.
    """
    remaining = state.original_amount if state.remaining_amount is None else state.remaining_amount
    if not config.enabled:
        return _nothing("DISABLED", remaining)
    plan = take_profit_plan(config)
    total_levels = len(plan.levels) if state.total_levels is None else state.total_levels
    if state.levels_hit >= total_levels:
        return _nothing("LEVELS_EXHAUSTED", remaining)
    next_level = state.levels_hit - state.batch_start_level
    if not 0 <= next_level < len(plan.levels):
        return _nothing("BATCH_EXHAUSTED", remaining)
    taken = _taken(plan.levels[next_level:], state.entry_price_sol, price_sol)
    if not taken:
        return _nothing("NOT_REACHED", remaining)

    activates = (
        plan.moon_bag.enabled
        and not state.moon_bag_activated
        and (
            state.levels_hit + len(taken) >= total_levels
            or _reached(state.entry_price_sol, price_sol, plan.moon_bag.trigger_percent)
        )
    )
    bag = _share(state.original_amount, plan.moon_bag.retain_percent) if activates else _ZERO
    reserve = bag
    if state.moon_bag_activated and state.moon_bag_amount is not None:
        reserve = state.moon_bag_amount
    sold_percent = sum((level.sell_percent for level in taken), _ZERO)
    sell = min(_share(state.original_amount, sold_percent), max(_ZERO, CONTEXT.subtract(remaining, reserve)))
    if sell <= 0:
        return TakeProfitDecision(False, (), _ZERO, activates, bag, remaining, "ONLY_MOON_BAG")
    left = CONTEXT.subtract(remaining, sell)
    return TakeProfitDecision(True, taken, sell, activates, bag, left, "TRIGGERED")


def _nothing(reason: TakeProfitReason, remaining: Decimal) -> TakeProfitDecision:
    return TakeProfitDecision(False, (), _ZERO, False, _ZERO, remaining, reason)


def _taken(
    levels: tuple[TakeProfitLevel, ...], entry_price_sol: Decimal, price_sol: Decimal
) -> tuple[TakeProfitLevel, ...]:
    for count, level in enumerate(levels):
        if not _reached(entry_price_sol, price_sol, level.target_percent):
            return levels[:count]
    return levels


def _reached(entry_price_sol: Decimal, price_sol: Decimal, target_percent: Decimal) -> bool:
    """Tell whether the gain is at least the target.

    Multiplied out, because a quotient may miss an exact boundary.
    """
    if not (price_sol.is_finite() and entry_price_sol.is_finite() and price_sol > 0 and entry_price_sol > 0):
        return False
    rise = CONTEXT.subtract(price_sol, entry_price_sol)
    return CONTEXT.multiply(rise, _HUNDRED) >= CONTEXT.multiply(target_percent, entry_price_sol)


def _share(amount: Decimal, percent: Decimal) -> Decimal:
    return CONTEXT.divide(CONTEXT.multiply(amount, percent), _HUNDRED)
