"""Balance changes: never negative, never from what is no number."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.balances.deltas import (
    BALANCE_TOLERANCE,
    BalanceTooLow,
    DeltaRefused,
    TokenLeg,
    apply_delta,
    balance_deltas,
)

SOL = "So11111111111111111111111111111111111111112"
AMOUNTS = st.integers(1, 2**64 - 1).map(lambda units: Decimal(units).scaleb(-9))


@given(AMOUNTS, AMOUNTS)
def test_a_balance_never_becomes_negative(balance: Decimal, debit: Decimal) -> None:
    after = apply_delta(balance, -debit)

    if isinstance(after, BalanceTooLow):
        assert debit - balance > BALANCE_TOLERANCE
        assert (after.current, after.required) == (balance, debit)
    else:
        assert after == max(balance - debit, Decimal(0))


def test_unknown_types_and_amounts_that_are_no_numbers_are_refused() -> None:
    leg = TokenLeg(SOL, "SOL", Decimal("NaN"))

    withdrawal = balance_deltas("WITHDRAWAL", leg, None)
    deposit = balance_deltas("DEPOSIT", leg, None)
    assert isinstance(withdrawal, DeltaRefused)
    assert withdrawal.code == "UNKNOWN_TYPE"
    assert isinstance(deposit, DeltaRefused)
    assert deposit.code == "INPUT_NOT_POSITIVE"
