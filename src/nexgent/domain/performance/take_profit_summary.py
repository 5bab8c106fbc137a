"""How far take profit has come with the open positions of an agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from nexgent.domain.positions.models import Position
from nexgent.shared.money import CONTEXT

_HUNDRED = Decimal(100)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TakeProfitSummary:
    """`started` are the positions with at least one level hit, the last hit first."""

    total_positions: int
    active_moon_bags: int
    total_levels_hit: int
    started: tuple[Position, ...]


def summarise_take_profit(positions: Sequence[Position]) -> TakeProfitSummary:
    """Return the figures of open positions."""
    started = [position for position in positions if position.take_profit_levels_hit > 0]
    started.sort(key=lambda position: (position.last_take_profit_at or _NEVER, position.id), reverse=True)
    return TakeProfitSummary(
        total_positions=len(positions),
        active_moon_bags=sum(1 for position in positions if position.moon_bag_activated),
        total_levels_hit=sum(position.take_profit_levels_hit for position in positions),
        started=tuple(started),
    )


def remaining_percent(position: Position) -> Decimal:
    """Return how much of all tokens ever bought is still held, in percent."""
    if position.purchased_raw <= 0:
        return _HUNDRED
    return CONTEXT.divide(Decimal(position.quantity_raw * 100), Decimal(position.purchased_raw))
