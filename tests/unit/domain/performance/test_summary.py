"""Performance: the figures of a random portfolio agree with each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.performance.summary import (
    ClosedTradeFigures,
    OpenPositionFigures,
    summarise_performance,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNTS = st.decimals("0.000001", "100000", places=6)
TRADES = st.builds(
    ClosedTradeFigures,
    change_pct=st.decimals("-100", "1000", places=3),
    profit_loss_sol=st.decimals("-10", "10", places=9),
    sold_at=st.integers(0, 100).map(lambda hours: NOW - timedelta(hours=hours)),
)
POSITIONS = st.builds(
    OpenPositionFigures,
    entry_price_sol=AMOUNTS,
    purchased_amount=AMOUNTS,
    invested_sol=st.none() | AMOUNTS,
    price_sol=st.none() | AMOUNTS,
)


@given(AMOUNTS, st.lists(TRADES, max_size=6), st.lists(POSITIONS, max_size=4))
def test_the_figures_agree_with_each_other(
    balance: Decimal, trades: list[ClosedTradeFigures], positions: list[OpenPositionFigures]
) -> None:
    summary = summarise_performance(balance, trades, positions, timeframe="all", now=NOW)

    assert summary.portfolio_balance_sol == summary.sol_balance + summary.positions_value_sol
    assert summary.realized_profit_loss_sol == sum(trade.profit_loss_sol for trade in trades)
    gap = (
        summary.total_profit_loss_sol - summary.realized_profit_loss_sol - summary.unrealized_profit_loss_sol
    )
    assert abs(gap) < Decimal("1e-12")
    assert 0 <= summary.win_rate_pct <= 100
    assert (summary.total_closed_trades, summary.total_open_positions) == (len(trades), len(positions))


def test_a_day_includes_the_trade_exactly_24_hours_ago() -> None:
    def trade(age: timedelta) -> ClosedTradeFigures:
        return ClosedTradeFigures(Decimal(1), Decimal(1), NOW - age)

    day = timedelta(hours=24)
    summary = summarise_performance(
        None, [trade(day), trade(day + timedelta(microseconds=1))], [], timeframe="24h", now=NOW
    )

    assert summary.total_closed_trades == 1


def test_a_position_without_a_price_is_worth_its_entry() -> None:
    position = OpenPositionFigures(
        entry_price_sol=Decimal(2), purchased_amount=Decimal(3), invested_sol=None, price_sol=None
    )
    summary = summarise_performance(Decimal(0), [], [position], timeframe="all", now=NOW)

    assert summary.positions_value_sol == 6
    assert summary.unrealized_profit_loss_sol == 0
