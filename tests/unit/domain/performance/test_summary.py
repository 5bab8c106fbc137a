"""Performance: the figures of a random portfolio agree with each other."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.performance.summary import (
    ClosedTradeTotals,
    OpenPositionFigures,
    summarise_totals,
)

AMOUNTS = st.decimals("0.000001", "100000", places=6)
COUNTS = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted)
POSITIONS = st.builds(
    OpenPositionFigures,
    entry_price_sol=AMOUNTS,
    purchased_amount=AMOUNTS,
    invested_sol=st.none() | AMOUNTS,
    price_sol=st.none() | AMOUNTS,
)


@given(
    AMOUNTS,
    COUNTS,
    st.decimals("-100", "1000", places=9),
    st.decimals("-100", "1000", places=3),
    st.lists(POSITIONS, max_size=4),
)
def test_the_figures_agree_with_each_other(
    balance: Decimal,
    counts: list[int],
    profit: Decimal,
    change: Decimal,
    positions: list[OpenPositionFigures],
) -> None:
    wins, count = counts
    summary = summarise_totals(balance, ClosedTradeTotals(count, wins, profit, change), positions)

    assert summary.portfolio_balance_sol == summary.sol_balance + summary.positions_value_sol
    assert summary.realized_profit_loss_sol == profit
    gap = (
        summary.total_profit_loss_sol - summary.realized_profit_loss_sol - summary.unrealized_profit_loss_sol
    )
    assert abs(gap) < Decimal("1e-12")
    assert 0 <= summary.win_rate_pct <= 100
    assert (summary.total_closed_trades, summary.total_open_positions) == (count, len(positions))


def test_a_position_without_a_price_is_worth_its_entry() -> None:
    position = OpenPositionFigures(
        entry_price_sol=Decimal(2), purchased_amount=Decimal(3), invested_sol=None, price_sol=None
    )
    summary = summarise_totals(Decimal(0), ClosedTradeTotals(), [position])

    assert summary.positions_value_sol == 6
    assert summary.unrealized_profit_loss_sol == 0
