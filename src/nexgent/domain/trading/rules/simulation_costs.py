"""What a paper trade costs beyond its quote, so that simulation does not flatter. Pure.

A quote is the best case of its instant: its output already contains the price impact of the order and, on a buy, the protocol
fee, which the provider takes out of the SOL that goes in. So a buy pays its protocol fee by receiving fewer tokens and must not
be debited for it a second time; on a sale the fee is taken from the SOL that comes out and is booked by the settlement; network
fee, priority fee and rent are booked the same way for paper and live trades. What a quote lacks is the time until a real
transaction lands: the market moves on, the more the thinner it is. That is charged here as slippage in proportion to the quote's
price impact, never more than the tolerance at which a live swap would have reverted instead.

Switched off, a fill is its quote, to the unit, which is what the contract's vectors expect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from nexgent.domain.trading.models import Fill
from nexgent.shared.money import CONTEXT

_BPS = Decimal(10_000)
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationCosts:
    """How paper fills are made realistic."""

    realistic: bool = True
    """Off: a fill is its quote."""
    slippage_per_impact: Decimal = Decimal("0.5")
    """Slippage as a share of the quote's price impact: 0.5 charges 1 % for an impact of 2 %."""


REFERENCE_COSTS = SimulationCosts(realistic=False)


def with_simulation_costs(fill: Fill, costs: SimulationCosts, *, buying: bool) -> Fill:
    """Return the fill a paper trade gets: its output less the slippage, rounded against the trader.

    On a sale the protocol fee, a share of the proceeds, and the USD value shrink with them. The input never changes.
    """
    slip = slippage_ratio(fill, costs)
    if slip <= 0 or fill.out_amount_raw <= 1:
        return fill
    kept = CONTEXT.multiply(Decimal(fill.out_amount_raw), CONTEXT.subtract(_ONE, slip))
    out_amount_raw = max(1, int(kept))
    if buying:
        return replace(fill, out_amount_raw=out_amount_raw)
    protocol, usd = fill.fees.protocol_fee_lamports, fill.swap_usd_value
    if protocol is not None:
        protocol = -(-protocol * out_amount_raw // fill.out_amount_raw)
    if usd is not None:
        usd = CONTEXT.divide(CONTEXT.multiply(usd, Decimal(out_amount_raw)), Decimal(fill.out_amount_raw))
    fees = replace(fill.fees, protocol_fee_lamports=protocol)
    return replace(fill, out_amount_raw=out_amount_raw, fees=fees, swap_usd_value=usd)


def slippage_ratio(fill: Fill, costs: SimulationCosts) -> Decimal:
    """Return the slippage of a paper fill as a fraction of its output, 0 when the extras are off or no impact is known."""
    if not costs.realistic or not fill.price_impact_ratio.is_finite():
        return Decimal(0)
    slip = CONTEXT.multiply(fill.price_impact_ratio.copy_abs(), costs.slippage_per_impact)
    # A tolerance of zero is one the provider did not tell.
    most = CONTEXT.divide(Decimal(fill.slippage_bps), _BPS) if fill.slippage_bps > 0 else _ONE
    return min(slip, most, _ONE)
