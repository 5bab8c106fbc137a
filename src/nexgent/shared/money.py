"""Conversions between base units (int) and human units (Decimal). No float touches money.

Base units are lamports for SOL (1 SOL = 10**9) and raw token units for tokens (10**decimals per token).
"""

from __future__ import annotations

import decimal
import math
from decimal import Decimal
from functools import lru_cache

from nexgent.shared.types import TokenAddress

SOL_MINT = TokenAddress("So11111111111111111111111111111111111111112")
SOL_SYMBOL = "SOL"
SOL_DECIMALS = 9
LAMPORTS_PER_SOL = 10**SOL_DECIMALS
MAX_RAW = 2**64 - 1

# Wide enough for a product of two 64-bit amounts and an 18-digit price without losing a unit.
PRECISION = 50
CONTEXT = decimal.Context(prec=PRECISION, rounding=decimal.ROUND_HALF_EVEN)

_SCALE = tuple(Decimal(1).scaleb(-decimals) for decimals in range(40))


def install_decimal_context() -> None:
    """Make every thread and task of this process compute with `PRECISION` digits."""
    decimal.DefaultContext.prec = PRECISION
    decimal.setcontext(decimal.Context(prec=PRECISION, rounding=decimal.ROUND_HALF_EVEN))


def converted(amount_raw: int, decimals: int) -> Decimal:
    """Return what `from_raw` does, for whoever goes through many amounts once: it remembers none of them."""
    # Nought times a scale is `0E-9`, which every encoder would have to spell out.
    return (
        CONTEXT.multiply(Decimal(amount_raw), _SCALE[decimals])
        if decimals and amount_raw
        else Decimal(amount_raw)
    )


@lru_cache(maxsize=1024)
def from_raw(amount_raw: int, decimals: int) -> Decimal:
    """Return base units as human units, exactly: 1_500_000_000 with 9 decimals is 1.5.

    The amounts of one trade are asked for a dozen times, and those of a burst are mostly the same.
    """
    return converted(amount_raw, decimals)


def to_raw(amount: Decimal, decimals: int) -> int:
    """Return human units as base units, rounded down: nobody can spend a fraction of a unit."""
    if not amount.is_finite():
        raise ValueError(f"an amount must be a finite number, not {amount}")
    return math.floor(CONTEXT.scaleb(amount, decimals))


def sol(lamports: int) -> Decimal:
    """Return lamports as SOL."""
    return from_raw(lamports, SOL_DECIMALS)


def lamports(amount_sol: Decimal) -> int:
    """Return SOL as lamports, rounded down."""
    return to_raw(amount_sol, SOL_DECIMALS)


def plain(value: Decimal) -> str:
    """Return a decimal in plain notation without trailing zeros: `1.50` is "1.5", `1E-7` is "0.0000001"."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


@lru_cache(maxsize=256)
def unit_price_sol(amount_lamports: int, quantity_raw: int, decimals: int) -> Decimal:
    """Return SOL per token of a swap, or zero when no token moved."""
    if quantity_raw == 0:
        return Decimal(0)
    return CONTEXT.divide(sol(amount_lamports), from_raw(quantity_raw, decimals))
