"""Stop loss: how far the stop follows the peak, and whether a price is at or below it.

Percentages count from the entry price: negative is a loss, positive a locked gain, without an upper bound.
Everything is relative to the entry, so a token at 1e-11 SOL behaves like one at 100 SOL.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from decimal import Decimal

from nexgent.domain.agents.config_models import StopLossConfig
from nexgent.domain.agents.models import Agent
from nexgent.domain.positions.models import CloseReason, Position, PositionTrail
from nexgent.domain.trading.rules.rule import Look, Moment
from nexgent.shared.money import CONTEXT
from nexgent.shared.structs import as_struct

# Stop prices keep 34 digits: those beyond are the noise of a quotient such as 1/3, and would move an exact
# stop of 3.4 to 3.399…9, which a price of 3.4 does not touch.
_PRICE_CONTEXT = decimal.Context(prec=34, rounding=decimal.ROUND_HALF_EVEN)

# Below this the contract evaluates nothing: such an entry is the trace of a swap that gave no sensible price.
MIN_ENTRY_PRICE_SOL = Decimal("1E-15")

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)
_TRAILING_STARTS_PCT = Decimal(20)
_FIXED_DISTANCE_PCT = Decimal(10)
_ZONES = (
    (Decimal(25), Decimal("0.50")),
    (Decimal(50), Decimal("0.60")),
    (Decimal(100), Decimal("0.70")),
    (Decimal(200), Decimal("0.80")),
)
_LAST_ZONE_KEEP = Decimal("0.85")
_MAX_KEEP = Decimal("0.90")


@as_struct
@dataclass(frozen=True, slots=True)
class StopLossDecision:
    """What a price means for a position.

    `stop_pct` and `stop_price_sol` are None when there is no stop. `changed` tells that stop or peak differ
    from what was given and have to be kept.
    """

    triggered: bool
    stop_pct: Decimal | None
    stop_price_sol: Decimal | None
    peak_price_sol: Decimal | None
    changed: bool


def initial_stop_pct(config: StopLossConfig) -> Decimal | None:
    """Return the stop after a purchase, and after a DCA, in percent of the entry; None when stop loss is off."""
    return config.default_percentage if config.enabled else None


def stop_price(entry_price_sol: Decimal, stop_pct: Decimal) -> Decimal:
    """Return the price at which a stop fires: entry · (1 + percent/100)."""
    distance = CONTEXT.divide(CONTEXT.multiply(entry_price_sol, stop_pct), _HUNDRED)
    return _PRICE_CONTEXT.add(entry_price_sol, distance)


def peak_gain_pct(entry_price_sol: Decimal, peak_price_sol: Decimal) -> Decimal:
    """Return how far the peak is above the entry, in percent."""
    rise = CONTEXT.subtract(peak_price_sol, entry_price_sol)
    return CONTEXT.divide(CONTEXT.multiply(rise, _HUNDRED), entry_price_sol)


def decide_stop_loss(
    entry_price_sol: Decimal,
    peak_price_sol: Decimal | None,
    stop_pct: Decimal | None,
    price_sol: Decimal,
    config: StopLossConfig,
) -> StopLossDecision:
    """Raise peak and stop as the price allows, then compare the price with the stop. The stop never loosens.

    A price that is not a positive number, or an entry below `MIN_ENTRY_PRICE_SOL`, decides nothing.
    """
    if not config.enabled:
        return StopLossDecision(False, None, None, peak_price_sol, False)
    current = config.default_percentage if stop_pct is None else stop_pct
    if not _can_be_judged(entry_price_sol, price_sol):
        return StopLossDecision(False, current, None, peak_price_sol, False)
    peak = entry_price_sol if peak_price_sol is None else peak_price_sol
    if price_sol > peak:
        peak = price_sol
    current = max(current, stop_loss_percentage(peak_gain_pct(entry_price_sol, peak), config))
    limit = stop_price(entry_price_sol, current)
    changed = stop_pct is None or peak_price_sol is None or current != stop_pct or peak != peak_price_sol
    return StopLossDecision(price_sol <= limit, current, limit, peak, changed)


def stop_pct_at_peak(
    entry_price_sol: Decimal, peak_price_sol: Decimal, stop_pct: Decimal | None, config: StopLossConfig
) -> Decimal | None:
    """Return the stop as `decide_stop_loss` leaves it at the peak itself."""
    if not config.enabled:
        return None
    current = config.default_percentage if stop_pct is None else stop_pct
    if not _can_be_judged(entry_price_sol, peak_price_sol):
        return current
    return max(current, stop_loss_percentage(peak_gain_pct(entry_price_sol, peak_price_sol), config))


class StopLoss:
    """Leave a position at its stop. The stop itself follows the peak before any rule is asked (`rules/trail.py`)."""

    calls_for = CloseReason.STOP_LOSS
    follows_trail = True

    def look(self, position: Position, trail: PositionTrail, agent: Agent) -> Look | None:
        """At the stop or below it, exactly."""
        if not agent.config.stop_loss.enabled or trail.stop_loss_pct is None:
            return None
        return Look(high_sol=stop_price(position.entry_price_sol, trail.stop_loss_pct))

    def speaks(self, moment: Moment) -> bool:
        """Compare the price with the stop as the price has left it."""
        entry_price_sol, stop_pct = moment.position.entry_price_sol, moment.trail.stop_loss_pct
        return (
            moment.agent.config.stop_loss.enabled
            and stop_pct is not None
            and _can_be_judged(entry_price_sol, moment.price_sol)
            and moment.price_sol <= stop_price(entry_price_sol, stop_pct)
        )


def stop_loss_percentage(peak_gain_pct: Decimal, config: StopLossConfig) -> Decimal:
    """Return the stop for a peak gain, both in percent from the entry.

    The default where trailing gives no gain to lock.
    """
    if peak_gain_pct < 0:
        return config.default_percentage
    match str(config.mode):
        # Configurations from before modes existed have none, and mean "fixed".
        case "fixed" | "":
            level = _fixed(peak_gain_pct)
        case "exponential":
            level = _exponential(peak_gain_pct)
        case "zones":
            level = _zones(peak_gain_pct)
        case "custom":
            level = _custom(peak_gain_pct, config)
        case _:
            level = _ZERO
    return level if level > 0 else config.default_percentage


def _can_be_judged(entry_price_sol: Decimal, price_sol: Decimal) -> bool:
    return (
        _is_positive(price_sol) and _is_positive(entry_price_sol) and entry_price_sol >= MIN_ENTRY_PRICE_SOL
    )


def _is_positive(price_sol: Decimal) -> bool:
    return price_sol.is_finite() and price_sol > 0


def _fixed(gain_pct: Decimal) -> Decimal:
    return _ZERO if gain_pct < _TRAILING_STARTS_PCT else CONTEXT.subtract(gain_pct, _FIXED_DISTANCE_PCT)


def _zones(gain_pct: Decimal) -> Decimal:
    if gain_pct < _TRAILING_STARTS_PCT:
        return _ZERO
    keep = next((keep for limit, keep in _ZONES if gain_pct <= limit), _LAST_ZONE_KEEP)
    return CONTEXT.multiply(gain_pct, keep)


def _custom(gain_pct: Decimal, config: StopLossConfig) -> Decimal:
    """Return the stop of the highest level reached; the order of the list does not matter."""
    best_change, best_stop = _ZERO, _ZERO
    for level in config.trailing_levels:
        if best_change < level.change <= gain_pct:
            best_change, best_stop = level.change, level.stop_loss
    return best_stop


_CURVE = Decimal("31.25")
_DIP_DEPTH = Decimal("0.12")
_DIP_CENTRE = Decimal(55)
_DIP_WIDTH = Decimal(8)
_BOOST_STARTS = Decimal(65)
_BOOST = Decimal("0.30")
_BOOST_CURVE = Decimal(80)
# From here on the curve is above its cap of 0.90 for good: 1 − e^(−2.56) − 0.12·e^(−4.88) > 0.92, and both
# terms only grow.
_CAPPED_FROM = Decimal(80)


def _exponential(gain_pct: Decimal) -> Decimal:
    """Return the share of the peak gain that is kept, growing with the gain up to 90 %.

    With x = gain − 20: 1 − e^(−x/31.25) − 0.12·e^(−((x−55)/8)²/2), within 0 and 0.90; beyond x = 65 another
    0.30·(1 − e^(−(x−65)/80)) is added, up to 0.90.
    """
    if gain_pct <= _TRAILING_STARTS_PCT:
        return _ZERO
    x = CONTEXT.subtract(gain_pct, _TRAILING_STARTS_PCT)
    if x >= _CAPPED_FROM:
        return CONTEXT.multiply(gain_pct, _MAX_KEEP)
    offset = CONTEXT.divide(CONTEXT.subtract(x, _DIP_CENTRE), _DIP_WIDTH)
    dip = CONTEXT.multiply(
        _DIP_DEPTH, _exp_of_minus(CONTEXT.divide(CONTEXT.multiply(offset, offset), Decimal(2)))
    )
    keep = CONTEXT.subtract(_one_minus_exp(CONTEXT.divide(x, _CURVE)), dip)
    keep = min(max(keep, _ZERO), _MAX_KEEP)
    if x > _BOOST_STARTS:
        grown = _one_minus_exp(CONTEXT.divide(CONTEXT.subtract(x, _BOOST_STARTS), _BOOST_CURVE))
        keep = min(_MAX_KEEP, CONTEXT.add(keep, CONTEXT.multiply(_BOOST, grown)))
    return CONTEXT.multiply(gain_pct, keep)


def _exp_of_minus(value: Decimal) -> Decimal:
    return _PRICE_CONTEXT.exp(-value)


def _one_minus_exp(value: Decimal) -> Decimal:
    return CONTEXT.subtract(Decimal(1), _exp_of_minus(value))
