"""When a position wants to be looked at. Pure: which prices and times can make a rule speak, rounded towards looking."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.agents.config_models import DcaConfig, StaleTradeConfig, TakeProfitConfig
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.book.trigger_index import StaleWindow, TriggerPrices
from nexgent.domain.trading.rules.dca import dca_levels
from nexgent.domain.trading.rules.take_profit import take_profit_plan
from nexgent.shared.money import CONTEXT

_HUNDRED = Decimal(100)
# A threshold computed by division may miss the exact boundary by its last digit; this is far wider than that, and far
# narrower than a price moves.
_BELOW = Decimal("0.999999999")
_ABOVE = Decimal("1.000000001")


def trigger_prices(
    position: Position,
    trail: PositionTrail,
    stop_price_sol: Decimal | None,
    config: TradingConfig | None,
    *,
    take_profit: bool,
    dca: bool,
) -> TriggerPrices:
    """Return when to look at a position. `take_profit` and `dca` tell whether those rules may act at present."""
    if config is None:
        return TriggerPrices(lower=stop_price_sol, upper=trail.peak_price_sol)
    target = next_take_profit_price(position, config.take_profit) if take_profit else None
    level = next_dca_price(position, config.dca) if dca else None
    target = CONTEXT.multiply(target, _BELOW) if target is not None else None
    level = CONTEXT.multiply(level, _ABOVE) if level is not None else None
    return TriggerPrices(
        lower=_highest(stop_price_sol, level),
        upper=trail.peak_price_sol if target is None else min(trail.peak_price_sol, target),
        take_profit_from=target,
        dca_until=level,
        stale=stale_window(position, config.stale_trade),
    )


def moved_triggers(
    triggers: TriggerPrices, trail: PositionTrail, stop_price_sol: Decimal | None
) -> TriggerPrices:
    """Return the triggers after a price moved peak and stop; levels and times stay."""
    target = triggers.take_profit_from
    return TriggerPrices(
        lower=_highest(stop_price_sol, triggers.dca_until),
        upper=trail.peak_price_sol if target is None else min(trail.peak_price_sol, target),
        take_profit_from=target,
        dca_until=triggers.dca_until,
        stale=triggers.stale,
    )


def next_take_profit_price(position: Position, config: TakeProfitConfig) -> Decimal | None:
    """Return the price of the next take-profit level, or None when there is none or nothing left to sell for it."""
    if not config.enabled:
        return None
    levels = take_profit_plan(config).levels
    hit, total = position.take_profit_levels_hit, position.take_profit_levels_total
    index = hit - position.take_profit_batch_start
    if hit >= (len(levels) if total is None else total) or not 0 <= index < len(levels):
        return None
    if (
        position.moon_bag_activated
        and position.moon_bag_raw is not None
        and position.quantity_raw <= position.moon_bag_raw
    ):
        return None
    return _at(position.entry_price_sol, levels[index].target_percent)


def next_dca_price(position: Position, config: DcaConfig) -> Decimal | None:
    """Return the price of the next DCA level, or None when there is none. The cooldown is not looked at."""
    if not config.enabled or position.dca_count >= config.max_dca_count:
        return None
    if position.moon_bag_activated and position.quantity_raw == position.moon_bag_raw:
        return None
    levels = dca_levels(config)
    if position.dca_count >= len(levels):
        return None
    return _at(position.entry_price_sol, levels[position.dca_count].drop_percent)


def dca_cooldown_until(position: Position, config: DcaConfig) -> datetime | None:
    """Return when the cooldown after the last DCA ends, None without one."""
    if position.last_dca_at is None:
        return None
    # Rounded up to the microsecond: at that instant the rule lets a buy pass, and not one before.
    return position.last_dca_at + timedelta(microseconds=ceil(config.cooldown_seconds * 1_000_000))


def stale_window(position: Position, config: StaleTradeConfig) -> StaleWindow | None:
    """Return from when on, and within which prices, a position is stale."""
    if not config.enabled:
        return None
    # Towards looking: a band may lie around zero, so its edges move by a share of the entry.
    margin = CONTEXT.multiply(position.entry_price_sol, _ABOVE - 1)
    low = CONTEXT.subtract(_at(position.entry_price_sol, config.min_profit_percent), margin)
    high = CONTEXT.add(_at(position.entry_price_sol, config.max_profit_percent), margin)
    hold_seconds = float(config.min_hold_time_minutes) * 60
    # A millisecond early: a float of this size is exact to less than that, and the rule decides in microseconds.
    return StaleWindow(position.opened_at.timestamp() + hold_seconds - 0.001, low, high)


def _at(entry_price_sol: Decimal, percent: Decimal) -> Decimal:
    move = CONTEXT.divide(CONTEXT.multiply(entry_price_sol, percent), _HUNDRED)
    return CONTEXT.add(entry_price_sol, move)


def _highest(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
