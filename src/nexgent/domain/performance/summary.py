"""The figures of an agent or a wallet: balance, profit, win rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from nexgent.shared.money import CONTEXT

Timeframe = Literal["all", "24h"]

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class ClosedTradeTotals:
    """Any number of closed trades, summed up."""

    count: int = 0
    wins: int = 0
    profit_loss_sol: Decimal = _ZERO
    change_pct: Decimal = _ZERO
    """The sum of the changes; divided by the count it is the average return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPositionFigures:
    """One open position. Amounts are tokens; `price_sol` is None when no price is known.

    `net_proceeds_sol` is what its partial sales brought after fees, None when there were none.
    """

    entry_price_sol: Decimal
    purchased_amount: Decimal
    invested_sol: Decimal | None
    price_sol: Decimal | None
    remaining_amount: Decimal | None = None
    realized_profit_sol: Decimal = _ZERO
    net_proceeds_sol: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PerformanceSummary:
    """The figures. `positions_value_sol` and `sol_balance` together are `portfolio_balance_sol`."""

    portfolio_balance_sol: Decimal
    sol_balance: Decimal
    positions_value_sol: Decimal
    total_profit_loss_sol: Decimal
    realized_profit_loss_sol: Decimal
    unrealized_profit_loss_sol: Decimal
    average_return_pct: Decimal
    win_rate_pct: Decimal
    total_closed_trades: int
    total_open_positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPositionTotals:
    """Any number of open positions, summed up: what they are worth, what they cost, what partial sales of them brought."""

    count: int
    value_sol: Decimal
    cost_sol: Decimal
    realized_profit_sol: Decimal


def summarise_totals(
    sol_balance: Decimal | None, closed: ClosedTradeTotals, open_positions: Sequence[OpenPositionFigures]
) -> PerformanceSummary:
    """Return the figures of closed trades that were summed up elsewhere, with the open positions of this moment."""
    totals = OpenPositionTotals(
        count=len(open_positions),
        value_sol=_total(market_value_sol(position) for position in open_positions),
        cost_sol=_total(cost_basis_sol(position) for position in open_positions),
        realized_profit_sol=_total(position.realized_profit_sol for position in open_positions),
    )
    return summarise_sums(sol_balance, closed, totals)


def summarise_sums(
    sol_balance: Decimal | None, closed: ClosedTradeTotals, held: OpenPositionTotals
) -> PerformanceSummary:
    """Return the figures of closed trades and open positions that were both summed up elsewhere."""
    balance = _ZERO if sol_balance is None else sol_balance
    value = held.value_sol
    unrealized = CONTEXT.subtract(value, held.cost_sol)
    realized = CONTEXT.add(closed.profit_loss_sol, held.realized_profit_sol)
    return PerformanceSummary(
        portfolio_balance_sol=CONTEXT.add(balance, value),
        sol_balance=balance,
        positions_value_sol=value,
        total_profit_loss_sol=CONTEXT.add(realized, unrealized),
        realized_profit_loss_sol=realized,
        unrealized_profit_loss_sol=unrealized,
        average_return_pct=_mean(closed.change_pct, closed.count),
        win_rate_pct=_mean(_HUNDRED * closed.wins, closed.count),
        total_closed_trades=closed.count,
        total_open_positions=held.count,
    )


def market_value_sol(position: OpenPositionFigures) -> Decimal:
    """Return what the holding is worth; without a price, at its entry price."""
    price = position.entry_price_sol if position.price_sol is None else position.price_sol
    return CONTEXT.multiply(price, _holding(position))


def cost_basis_sol(position: OpenPositionFigures) -> Decimal:
    """Return what the holding cost: what was invested, less the part that partial sales took with them."""
    invested = position.invested_sol
    if invested is None or invested == 0:
        return CONTEXT.multiply(position.entry_price_sol, _holding(position))
    if position.net_proceeds_sol is not None:
        return CONTEXT.add(
            CONTEXT.subtract(invested, position.net_proceeds_sol), position.realized_profit_sol
        )
    if position.purchased_amount <= 0:
        return invested
    return CONTEXT.divide(CONTEXT.multiply(_holding(position), invested), position.purchased_amount)


def _holding(position: OpenPositionFigures) -> Decimal:
    return position.purchased_amount if position.remaining_amount is None else position.remaining_amount


def _total(values: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for value in values:
        total = CONTEXT.add(total, value)
    return total


def _mean(total: Decimal, count: int) -> Decimal:
    return CONTEXT.divide(total, Decimal(count)) if count else _ZERO
