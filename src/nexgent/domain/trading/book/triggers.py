"""From the looks of the rules to what the index keeps of a position. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from nexgent.domain.trading.book.trigger_index import TriggerPrices
from nexgent.domain.trading.rules.rule import Look


def triggers_of(looks: Sequence[Look | None], peak_price_sol: Decimal, now_seconds: float) -> TriggerPrices:
    """Return when to look at a position with these looks of its rules, in their order.

    A price to reach becomes a bound as soon as its time has come: whoever keeps the position has to come back by then
    (`later_seconds`). Windows become one that holds them all.
    """
    lower: Decimal | None = None
    above: Decimal | None = None
    window: Look | None = None
    later: float | None = None
    for look in looks:
        if look is None:
            continue
        low, high = look.low_sol, look.high_sol
        if (low is None) == (high is None):
            window = look if window is None else _hull(window, look)
        elif look.from_seconds > now_seconds:
            later = look.from_seconds if later is None else min(later, look.from_seconds)
        elif high is not None:
            lower = high if lower is None or lower < high else lower
        elif above is None or (low is not None and low < above):
            above = low
    upper = peak_price_sol if above is None else min(above, peak_price_sol)
    return TriggerPrices(lower, upper, above, window, tuple(looks), later)


def _hull(one: Look, other: Look) -> Look:
    lows, highs = (one.low_sol, other.low_sol), (one.high_sol, other.high_sol)
    return Look(
        min((low for low in lows if low is not None), default=None) if None not in lows else None,
        max((high for high in highs if high is not None), default=None) if None not in highs else None,
        min(one.from_seconds, other.from_seconds),
    )
