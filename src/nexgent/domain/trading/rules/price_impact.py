"""Try smaller sizes when a quote moves the price too far."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.shared.money import CONTEXT
from nexgent.shared.structs import as_struct

# Shares of the original size: the first attempt, then three retries.
ATTEMPT_SHARES = (Decimal(1), Decimal("0.9"), Decimal("0.8"), Decimal("0.7"))
MIN_RETRY_SIZE_SOL = Decimal("0.01")


@as_struct
@dataclass(frozen=True, slots=True)
class ImpactAccepted:
    """The quote may be executed."""


@dataclass(frozen=True, slots=True)
class RetrySmaller:
    """Ask for a quote again, with this size."""

    attempt: int
    size_sol: Decimal


@dataclass(frozen=True, slots=True)
class ImpactTooHigh:
    """No size left to try; the purchase is refused."""

    price_impact: Decimal
    max_price_impact: Decimal
    code: str = "PRICE_IMPACT_TOO_HIGH"


def decide_price_impact(
    original_size_sol: Decimal, attempt: int, price_impact: Decimal, max_price_impact: Decimal | None
) -> ImpactAccepted | RetrySmaller | ImpactTooHigh:
    """Judge the quote of an attempt (0 is the first).

    Impacts are fractions of one; their sign does not matter.

    The impact must be less than the limit, so a limit of zero refuses everything; None is no limit. An impact
    that is not a number counts as too high.
    """
    if max_price_impact is None:
        return ImpactAccepted()
    if price_impact.is_finite() and price_impact.copy_abs() < max_price_impact:
        return ImpactAccepted()
    size_sol = next_attempt_size(original_size_sol, attempt + 1)
    if size_sol is None:
        return ImpactTooHigh(price_impact, max_price_impact)
    return RetrySmaller(attempt + 1, size_sol)


def next_attempt_size(original_size_sol: Decimal, attempt: int) -> Decimal | None:
    """Return the size of an attempt, or None when there is none, or none worth its fees."""
    if attempt >= len(ATTEMPT_SHARES):
        return None
    size_sol = CONTEXT.multiply(original_size_sol, ATTEMPT_SHARES[attempt])
    return None if attempt > 0 and size_sol < MIN_RETRY_SIZE_SOL else size_sol
