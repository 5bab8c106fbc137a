"""How many SOL an agent spends on a purchase when nobody says so."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from nexgent.domain.agents.config_models import PositionCalculatorConfig, PurchaseLimitsConfig, SizeRange
from nexgent.shared.money import CONTEXT, plain
from nexgent.shared.structs import as_struct

SizeCategory = Literal["small", "medium", "large"]
SizeRefusalCode = Literal[
    "INSUFFICIENT_BALANCE",
    "BELOW_MINIMUM_THRESHOLD",
    "INSUFFICIENT_BALANCE_FOR_MINIMUM",
    "INVALID_POSITION_SIZE",
    "POSITION_SIZE_EXCEEDS_BALANCE",
]


@as_struct
@dataclass(frozen=True, slots=True)
class PositionSize:
    """SOL to spend, the balance category it came from, and whether it was drawn from the range."""

    size_sol: Decimal
    category: SizeCategory
    randomized: bool


@as_struct
@dataclass(frozen=True, slots=True)
class SizeRefusal:
    """Why no purchase is possible."""

    code: SizeRefusalCode
    message: str


def calculate_position_size(
    balance_sol: Decimal,
    limits: PurchaseLimitsConfig,
    calculator: PositionCalculatorConfig,
    random_unit: Decimal | None,
) -> PositionSize | SizeRefusal:
    """Return the size for a balance.

    The range of its category, limited per token, leaving the minimum balance alone.

    `random_unit` is uniform in [0, 1) and needed when randomisation is on; otherwise the maximum of the range
    is taken. What the minimum balance leaves may be less than the minimum of the range.
    """
    thresholds = calculator.sol_balance_thresholds
    if balance_sol <= 0:
        return SizeRefusal("INSUFFICIENT_BALANCE", f"the balance is {plain(balance_sol)} SOL")
    if balance_sol < thresholds.minimum:
        return SizeRefusal(
            "BELOW_MINIMUM_THRESHOLD",
            f"{plain(balance_sol)} SOL is less than the smallest threshold, {plain(thresholds.minimum)}",
        )
    category, size_range = _category(balance_sol, calculator)
    randomized = calculator.randomization.enabled
    drawn = _draw(size_range, random_unit) if randomized else size_range.max
    size = min(drawn, limits.max_purchase_per_token)
    free = CONTEXT.subtract(balance_sol, limits.minimum_agent_balance)
    if size > free:
        if free <= 0:
            return SizeRefusal(
                "INSUFFICIENT_BALANCE_FOR_MINIMUM",
                f"{plain(balance_sol)} SOL leaves nothing above the minimum of {plain(limits.minimum_agent_balance)}",
            )
        size = min(free, limits.max_purchase_per_token)
    if size <= 0:
        return SizeRefusal("INVALID_POSITION_SIZE", f"the calculated size is {plain(size)} SOL")
    if size > balance_sol:
        return SizeRefusal(
            "POSITION_SIZE_EXCEEDS_BALANCE",
            f"{plain(size)} SOL is more than the balance, {plain(balance_sol)}",
        )
    return PositionSize(size, category, randomized)


def _category(balance_sol: Decimal, calculator: PositionCalculatorConfig) -> tuple[SizeCategory, SizeRange]:
    thresholds, sizes = calculator.sol_balance_thresholds, calculator.position_sizes
    if balance_sol >= thresholds.large:
        return "large", sizes.large
    if balance_sol >= thresholds.medium:
        return "medium", sizes.medium
    return "small", sizes.small


def _draw(size_range: SizeRange, random_unit: Decimal | None) -> Decimal:
    if size_range.min >= size_range.max:
        return size_range.min
    if random_unit is None or not 0 <= random_unit < 1:
        raise ValueError(f"a random size needs a number from 0 to 1, 1 excluded, not {random_unit}")
    width = CONTEXT.subtract(size_range.max, size_range.min)
    return CONTEXT.add(size_range.min, CONTEXT.multiply(random_unit, width))
