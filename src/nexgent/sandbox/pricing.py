"""The arithmetic of a swap between SOL and a token, exact in integers.

The pool is a constant product with `liquidity_lamports` of SOL on one side and as many tokens on the other as the
price says. A trade does not move the price: the pool is taken to be refilled at once. With SOL reserve x, price n/d
SOL per token and amount `in`:

    buy   out_tokens = x · d · 10^dec · in / (n · 10^9 · (x + in))
    sell  out_lamports = x · v / (x + v),  v = in · n · 10^9 / (d · 10^dec)

each rounded down. The platform fee is taken from the SOL side, rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.sandbox.constants import LAMPORTS_PER_SOL


@dataclass(frozen=True, slots=True)
class SwapAmounts:
    """What a swap takes and gives, in base units.

    `in_amount` leaves the wallet, `route_in` reaches the pool, `route_out` leaves the pool and `out_amount` reaches the
    wallet. `fee_lamports` is the platform fee, on whichever side is SOL.
    """

    in_amount: int
    route_in: int
    route_out: int
    out_amount: int
    fee_lamports: int


@dataclass(frozen=True, slots=True)
class PoolTerms:
    """What a swap depends on: price in SOL per token, depth, decimals and fee rates in basis points."""

    price_sol: Decimal
    liquidity_lamports: int
    decimals: int
    fee_bps: int
    transfer_fee_bps: int = 0


def buy(amount_lamports: int, terms: PoolTerms) -> SwapAmounts:
    """Return the amounts of spending SOL; zero out when the price is zero, since nothing can be quoted."""
    fee = amount_lamports * terms.fee_bps // 10_000
    route_in = amount_lamports - fee
    numerator, denominator = terms.price_sol.as_integer_ratio()
    depth = terms.liquidity_lamports
    route_out = 0
    if numerator > 0:
        route_out = (depth * denominator * 10**terms.decimals * route_in) // (
            numerator * LAMPORTS_PER_SOL * (depth + route_in)
        )
    out_amount = route_out - route_out * terms.transfer_fee_bps // 10_000
    return SwapAmounts(amount_lamports, route_in, route_out, out_amount, fee)


def sell(quantity_raw: int, terms: PoolTerms) -> SwapAmounts:
    """Return the amounts of selling tokens for SOL."""
    route_in = quantity_raw - quantity_raw * terms.transfer_fee_bps // 10_000
    numerator, denominator = terms.price_sol.as_integer_ratio()
    depth = terms.liquidity_lamports
    value = route_in * numerator * LAMPORTS_PER_SOL
    scale = denominator * 10**terms.decimals
    route_out = (depth * value) // (depth * scale + value) if depth else 0
    fee = route_out * terms.fee_bps // 10_000
    return SwapAmounts(quantity_raw, route_in, route_out, route_out - fee, fee)
