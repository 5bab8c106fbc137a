"""Profit and loss of a whole position and of a part of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.shared.money import CONTEXT

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class ProfitLoss:
    """Profit in SOL, in percent and in USD; `cost_basis_sol` is what was given for what was sold."""

    profit_loss_sol: Decimal
    change_pct: Decimal
    profit_loss_usd: Decimal
    cost_basis_sol: Decimal


def full_profit_loss(
    invested_sol: Decimal, received_sol: Decimal, cost_basis_sol: Decimal, sol_price_usd: Decimal
) -> ProfitLoss:
    """Return the cash flow of a closed position.

    The percentage refers to `cost_basis_sol` (0 without one).
    """
    profit_sol = CONTEXT.subtract(received_sol, invested_sol)
    return ProfitLoss(
        profit_sol,
        percent_of(profit_sol, cost_basis_sol),
        CONTEXT.multiply(profit_sol, sol_price_usd),
        cost_basis_sol,
    )


def partial_profit_loss(
    *,
    invested_sol: Decimal,
    purchased_amount: Decimal,
    sold_amount: Decimal,
    net_received_sol: Decimal,
    entry_price_sol: Decimal,
    sale_price_sol: Decimal,
    sol_price_usd: Decimal,
) -> ProfitLoss:
    """Return the profit of selling a part of `purchased_amount` tokens that cost `invested_sol` together.

    Pass remaining tokens and their remaining cost to stay right when partial sales and DCA buys alternate.
    The percentage compares the prices.
    """
    basis_sol = _ZERO
    if purchased_amount > 0:
        basis_sol = CONTEXT.divide(CONTEXT.multiply(sold_amount, invested_sol), purchased_amount)
    profit_sol = CONTEXT.subtract(net_received_sol, basis_sol)
    return ProfitLoss(
        profit_sol,
        percent_of(CONTEXT.subtract(sale_price_sol, entry_price_sol), entry_price_sol),
        CONTEXT.multiply(profit_sol, sol_price_usd),
        basis_sol,
    )


def percent_of(part: Decimal, whole: Decimal) -> Decimal:
    """Return `part` in percent of `whole`, zero when the whole is not positive."""
    return CONTEXT.divide(CONTEXT.multiply(part, _HUNDRED), whole) if whole > 0 else _ZERO
