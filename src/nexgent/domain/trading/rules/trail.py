"""How the trail of a position follows prices, configurations and trades: a peak only rises, a stop only tightens."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from nexgent.domain.agents.config_models import StopLossConfig
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.rules.stop_loss import decide_stop_loss, stop_pct_at_peak
from nexgent.shared.structs import replace


def following(
    trail: PositionTrail, position: Position, price_sol: Decimal, config: StopLossConfig, now: datetime
) -> PositionTrail:
    """Return the trail after a price; the same one when the price moves neither peak nor stop."""
    decision = decide_stop_loss(
        position.entry_price_sol, trail.peak_price_sol, trail.stop_loss_pct, price_sol, config
    )
    peak = max(trail.peak_price_sol, price_sol)
    stop_pct = decision.stop_pct if config.enabled else trail.stop_loss_pct
    if peak == trail.peak_price_sol and stop_pct == trail.stop_loss_pct:
        return trail
    return PositionTrail(
        trail.position_id,
        trail.position_version,
        peak,
        trail.lowest_price_sol,
        stop_pct,
        now if stop_pct != trail.stop_loss_pct else trail.stop_updated_at,
    )


def with_configured_stop(
    trail: PositionTrail, position: Position, config: StopLossConfig, now: datetime
) -> PositionTrail:
    """Return the trail with the stop that the configuration gives to its peak, where that is tighter."""
    if not config.enabled:
        return trail
    stop_pct = stop_pct_at_peak(position.entry_price_sol, trail.peak_price_sol, trail.stop_loss_pct, config)
    if stop_pct == trail.stop_loss_pct:
        return trail
    return replace(trail, stop_loss_pct=stop_pct, stop_updated_at=now)


def tightest(one: PositionTrail, other: PositionTrail) -> PositionTrail:
    """Return two trails of a position as one: the newer base wins, on the same base nothing that was reached is lost."""
    if one.position_version != other.position_version:
        newer, older = (one, other) if one.position_version > other.position_version else (other, one)
        return replace(newer, lowest_price_sol=min(newer.lowest_price_sol, older.lowest_price_sol))
    tighter = one if _stop_of(one) >= _stop_of(other) else other
    return replace(
        tighter,
        peak_price_sol=max(one.peak_price_sol, other.peak_price_sol),
        lowest_price_sol=min(one.lowest_price_sol, other.lowest_price_sol),
    )


def _stop_of(trail: PositionTrail) -> Decimal:
    return trail.stop_loss_pct if trail.stop_loss_pct is not None else Decimal("-Infinity")
