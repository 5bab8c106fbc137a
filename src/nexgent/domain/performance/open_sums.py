"""Sums over thousands of open positions, without a value for each of their figures.

What `summarise_totals` adds up, digit by digit: a price may have as many digits as numbers are computed with, so a product is
rounded, and where anything is rounded the order in which it is added shows.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from nexgent.domain.performance.summary import OpenPositionTotals
from nexgent.domain.positions.models import Position
from nexgent.domain.prices.latest import LatestPrices
from nexgent.shared.money import CONTEXT, SOL_DECIMALS, converted

_add, _multiply = CONTEXT.add, CONTEXT.multiply


class OpenPositionSums:
    """Takes in the positions of one wallet after another."""

    __slots__ = ("_cost_sol", "_count", "_lamports", "_realized_lamports", "_value_sol")

    def __init__(self) -> None:
        self._count = 0
        self._value_sol = Decimal(0)
        # What a position cost is a number of lamports, unless nobody knows what was paid for it.
        self._lamports = 0
        self._cost_sol: Decimal | None = None
        self._realized_lamports = 0

    def add(self, positions: Collection[Position], prices: LatestPrices) -> None:
        """Take in positions; without a price one is valued at its entry price."""
        value_sol, price_of = self._value_sol, prices.get
        for position in positions:
            price = price_of(position.token_address)
            price_sol = position.entry_price_sol if price is None else price.price_sol
            lamports = cost_lamports = position.invested_lamports
            realized = position.realized_lamports
            if position.partially_sold:
                amount = converted(position.quantity_raw, position.decimals)
                cost_lamports += realized - position.received_lamports
            else:
                amount = converted(position.purchased_raw, position.decimals)
            value_sol = _add(value_sol, _multiply(price_sol, amount))
            self._realized_lamports += realized
            if not lamports:
                self._add_cost(_multiply(position.entry_price_sol, amount))
            elif self._cost_sol is None:
                self._lamports += cost_lamports
            else:
                self._add_cost(converted(cost_lamports, SOL_DECIMALS))
        self._value_sol = value_sol
        self._count += len(positions)

    def totals(self) -> OpenPositionTotals:
        """Return the sums of what was taken in so far."""
        return OpenPositionTotals(
            count=self._count,
            value_sol=self._value_sol,
            cost_sol=self._cost(),
            realized_profit_sol=converted(self._realized_lamports, SOL_DECIMALS),
        )

    def _add_cost(self, cost_sol: Decimal) -> None:
        self._cost_sol = _add(self._cost(), cost_sol)

    def _cost(self) -> Decimal:
        return converted(self._lamports, SOL_DECIMALS) if self._cost_sol is None else self._cost_sol
