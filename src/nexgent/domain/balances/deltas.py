"""What a transaction does to balances, and what a balance becomes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from nexgent.shared.money import CONTEXT

DeltaRefusalCode = Literal[
    "UNKNOWN_TYPE", "INPUT_REQUIRED", "INPUT_NOT_POSITIVE", "OUTPUT_REQUIRED", "OUTPUT_NOT_POSITIVE"
]

# Human-unit inputs may carry the rounding of a client; so much missing is taken as nothing missing.
BALANCE_TOLERANCE = Decimal("0.00000001")

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class TokenLeg:
    """One side of a transaction as it came in; any part may be missing. The amount is tokens."""

    token_address: str | None
    token_symbol: str | None
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class BalanceDelta:
    """A change of one balance.

    A debit must find the balance and is checked against it; a credit creates it.
    """

    token_address: str
    token_symbol: str
    delta: Decimal
    requires_validation: bool
    must_exist: bool


@dataclass(frozen=True, slots=True)
class BalanceDeltas:
    """The changes of a transaction; only a swap has an output."""

    input_token: BalanceDelta
    output_token: BalanceDelta | None


@dataclass(frozen=True, slots=True)
class DeltaRefused:
    """Why a transaction cannot change balances."""

    code: DeltaRefusalCode
    message: str


@dataclass(frozen=True, slots=True)
class BalanceTooLow:
    """A debit that the balance does not cover."""

    current: Decimal
    required: Decimal


def balance_deltas(
    transaction_type: str, input_leg: TokenLeg | None, output_leg: TokenLeg | None
) -> BalanceDeltas | DeltaRefused:
    """Return what a DEPOSIT (+input), SWAP (−input, +output) or BURN (−input) does to balances."""
    if transaction_type not in ("DEPOSIT", "SWAP", "BURN"):
        return DeltaRefused("UNKNOWN_TYPE", f"must be DEPOSIT, SWAP or BURN, not {transaction_type}")
    incoming = transaction_type == "DEPOSIT"
    input_delta = _delta(input_leg, credit=incoming)
    if input_delta is None:
        return DeltaRefused(
            "INPUT_REQUIRED", f"a {transaction_type} needs mint, symbol and amount of its input"
        )
    if not _moves(input_leg):
        return DeltaRefused("INPUT_NOT_POSITIVE", "the input amount must be greater than 0")
    if transaction_type != "SWAP":
        return BalanceDeltas(input_delta, None)
    output_delta = _delta(output_leg, credit=True)
    if output_delta is None:
        return DeltaRefused("OUTPUT_REQUIRED", "a SWAP needs mint, symbol and amount of its output")
    if not _moves(output_leg):
        return DeltaRefused("OUTPUT_NOT_POSITIVE", "the output amount must be greater than 0")
    return BalanceDeltas(input_delta, output_delta)


def apply_delta(balance: Decimal, delta: Decimal) -> Decimal | BalanceTooLow:
    """Return the balance after a change.

    It is never negative: a shortfall within `BALANCE_TOLERANCE` becomes zero.
    """
    after = CONTEXT.add(balance, delta)
    if after >= 0:
        return after
    if CONTEXT.add(after, BALANCE_TOLERANCE) >= 0:
        return _ZERO
    return BalanceTooLow(current=balance, required=-delta)


def _delta(leg: TokenLeg | None, *, credit: bool) -> BalanceDelta | None:
    if leg is None or not leg.token_address or not leg.token_symbol or leg.amount is None:
        return None
    delta = leg.amount if credit else leg.amount.copy_negate()
    return BalanceDelta(leg.token_address, leg.token_symbol, delta, not credit, not credit)


def _moves(leg: TokenLeg | None) -> bool:
    return leg is not None and leg.amount is not None and leg.amount.is_finite() and leg.amount > 0
