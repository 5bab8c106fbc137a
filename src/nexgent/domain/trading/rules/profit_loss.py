"""Profit and loss of a whole position, and what a part of it had cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.shared.money import CONTEXT

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class ProfitLoss:
    """Profit in SOL, in percent and in USD."""

    profit_loss_sol: Decimal
    change_pct: Decimal
    profit_loss_usd: Decimal


def full_profit_loss(
    invested_sol: Decimal, received_sol: Decimal, cost_basis_sol: Decimal, sol_price_usd: Decimal
) -> ProfitLoss:
    """Return the cash flow of a closed position.

    The percentage refers to `cost_basis_sol` (0 without one).
    """
    profit_sol = CONTEXT.subtract(received_sol, invested_sol)
    return ProfitLoss(
        profit_sol, percent_of(profit_sol, cost_basis_sol), CONTEXT.multiply(profit_sol, sol_price_usd)
    )


def cost_basis_of_part(basis_sol: Decimal, held_amount: Decimal, sold_amount: Decimal) -> Decimal:
    """Return what a part of `held_amount` tokens had cost that cost `basis_sol` together.

    Pass remaining tokens and their remaining cost to stay right when partial sales and DCA buys alternate.
    """
    if held_amount <= 0:
        return _ZERO
    return CONTEXT.divide(CONTEXT.multiply(sold_amount, basis_sol), held_amount)


def percent_of(part: Decimal, whole: Decimal) -> Decimal:
    """Return `part` in percent of `whole`, zero when the whole is not positive."""
    return CONTEXT.divide(CONTEXT.multiply(part, _HUNDRED), whole) if whole > 0 else _ZERO
