"""Tell whether a quote can be true, given the price that somebody else says. Pure."""

from __future__ import annotations

from decimal import Decimal

from nexgent.shared.money import CONTEXT

_ONE = Decimal(1)
WIDEST = Decimal("0.9")
"""The widest tolerance of a sale that was refused before."""
MOST_IMPACT = Decimal("0.5")
"""A quote's own statement of its price impact explains no more than this: who lies about the price can lie about the impact."""
STUBBORN = 5
"""After so many refusals in a row a sale is believed what it says of its impact: the token really has no buyers left."""


def is_plausible(
    value_ratio: Decimal, price_impact: Decimal, tolerance: Decimal, *, refusals: int = 0
) -> bool:
    """Tell whether a quote can be true: `value_ratio` is what it gives for what it takes, by the judged price.

    It may give less by the impact it states and by the tolerance beyond that, and more by the tolerance alone. Tolerance and
    impact are fractions of one, the sign of the impact does not matter, and an impact that is no number explains nothing.
    `refusals` counts how often in a row a sale was refused: what has to be sold must not wait for ever for a slow source.
    """
    if not value_ratio.is_finite() or value_ratio <= 0:
        return False
    wide = min(tolerance * 2 ** min(refusals, STUBBORN), WIDEST)
    impact = price_impact.copy_abs() if price_impact.is_finite() else Decimal(0)
    explained = min(impact, _ONE if refusals >= STUBBORN else MOST_IMPACT)
    least = CONTEXT.multiply(_ONE - wide, _ONE - explained)
    return least <= value_ratio <= CONTEXT.divide(_ONE, _ONE - wide)
