"""What is so little that selling it costs more than it brings. Pure.

A price alone proves nothing: a token that has crashed is worth nothing as well, and may come back. Dust has cost nothing either,
by the books; so whatever is made of it, nobody loses more than a transaction costs.
"""

from __future__ import annotations

from decimal import Decimal

from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.positions.models import Position
from nexgent.shared.money import CONTEXT, from_raw, lamports

DUST_LAMPORTS = 5_000
"""The fee of a signature: no sale costs less."""
_HUNDRED = Decimal(100)


def part_raw(held_raw: int, percent: Decimal) -> int:
    """Return how many base units so many percent are, rounded down."""
    numerator, denominator = (percent / _HUNDRED).as_integer_ratio()
    return held_raw * numerator // denominator


def is_dust(position: Position, quantity_raw: int, price: PriceEvidence | None) -> bool:
    """Tell whether so many base units of what a position holds are dust: at a price that is fresh, and by what they had cost."""
    if price is None or quantity_raw <= 0 or not position.quantity_raw:
        return False
    # Multiplied out: a share of the cost that is rounded down is no less.
    if position.cost_basis_lamports * quantity_raw >= DUST_LAMPORTS * position.quantity_raw:
        return False
    worth_sol = CONTEXT.multiply(from_raw(quantity_raw, position.decimals), price.price_sol)
    return lamports(worth_sol) < DUST_LAMPORTS
