"""Sizes never exceed what the agent has and may spend; validation refuses in the order of the contract."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.agents.config import (
    DEFAULT_CONFIG,
    PositionCalculatorConfig,
    PositionSizes,
    PurchaseLimitsConfig,
    RandomizationConfig,
    SizeRange,
    SolBalanceThresholds,
)
from nexgent.domain.trading.rules.position_sizing import PositionSize, SizeRefusal, calculate_position_size
from nexgent.domain.trading.rules.price_impact import (
    ImpactAccepted,
    ImpactTooHigh,
    RetrySmaller,
    decide_price_impact,
    next_attempt_size,
)
from nexgent.domain.trading.rules.purchase_validation import (
    PurchaseFacts,
    PurchaseRefused,
    validate_purchase,
)

AMOUNTS = st.decimals("0.000000001", "1000", places=9)


@st.composite
def calculators(draw: st.DrawFn) -> PositionCalculatorConfig:
    minimum, medium, large = sorted(draw(st.lists(AMOUNTS, min_size=3, max_size=3, unique=True)))
    ranges = [sorted(draw(st.lists(AMOUNTS, min_size=2, max_size=2))) for _ in range(3)]
    small_range, medium_range, large_range = (SizeRange(min=low, max=high) for low, high in ranges)
    return PositionCalculatorConfig(
        sol_balance_thresholds=SolBalanceThresholds(minimum=minimum, medium=medium, large=large),
        position_sizes=PositionSizes(small=small_range, medium=medium_range, large=large_range),
        randomization=RandomizationConfig(enabled=draw(st.booleans())),
    )


@given(
    balance=AMOUNTS,
    minimum=st.decimals("0.1", "500", places=9),
    maximum=AMOUNTS,
    calculator=calculators(),
    unit=st.decimals("0", "0.999999999", places=9),
)
def test_a_size_stays_within_balance_and_limits(
    balance: Decimal, minimum: Decimal, maximum: Decimal, calculator: PositionCalculatorConfig, unit: Decimal
) -> None:
    limits = PurchaseLimitsConfig(minimum_agent_balance=minimum, max_purchase_per_token=maximum)
    result = calculate_position_size(balance, limits, calculator, unit)

    if isinstance(result, PositionSize):
        assert 0 < result.size_sol <= maximum
        assert balance - result.size_sol >= minimum
    else:
        assert balance < calculator.sol_balance_thresholds.minimum or balance <= minimum


def test_a_random_size_needs_a_random_number() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        calculate_position_size(
            Decimal(7), DEFAULT_CONFIG.purchase_limits, DEFAULT_CONFIG.position_calculator, None
        )


FACTS = PurchaseFacts(
    config=DEFAULT_CONFIG,
    wallet_mode="live",
    agent_mode="live",
    wallet_key_loaded=True,
    available_sol=Decimal(6),
    random_unit=Decimal("0.5"),
)
# Each line breaks one more check; the first of those that are broken must be the one that speaks.
BREAKS: list[tuple[str, dict[str, Any]]] = [
    ("WALLET_NOT_FOUND", {"wallet_exists": False}),
    ("AGENT_NOT_FOUND", {"agent_exists": False}),
    ("CONFIG_ERROR", {"config": None}),
    ("WALLET_NOT_FOUND", {"wallet_belongs_to_agent": False}),
    ("WALLET_NOT_LOADED", {"wallet_key_loaded": False}),
    ("TRADING_MODE_MISMATCH", {"agent_mode": "simulation"}),
    ("INSUFFICIENT_BALANCE", {"available_sol": None}),
    ("POSITION_EXISTS", {"holds_position_in_token": True}),
    ("MAX_POSITIONS_EXCEEDED", {"open_positions": 25}),
    ("INVALID_POSITION_SIZE", {"requested_size_sol": Decimal(0)}),
]


@pytest.mark.parametrize("first", range(len(BREAKS)))
def test_checks_refuse_in_the_order_of_the_contract(first: int) -> None:
    changes = {key: value for _, change in BREAKS[first:] for key, value in change.items()}
    result = validate_purchase(replace(FACTS, **changes))

    assert isinstance(result, PurchaseRefused)
    assert result.code == BREAKS[first][0]


def test_sizes_are_calculated_or_taken_as_asked() -> None:
    assert validate_purchase(FACTS) == Decimal("0.75")
    asked = replace(FACTS, requested_size_sol=Decimal("0.3"))
    assert validate_purchase(asked) == Decimal("0.3")


def test_the_reason_of_the_calculator_is_kept() -> None:
    result = validate_purchase(replace(FACTS, available_sol=Decimal("0.5")))

    assert isinstance(result, PurchaseRefused)
    assert (result.code, result.cause) == ("POSITION_CALCULATION_ERROR", "INSUFFICIENT_BALANCE_FOR_MINIMUM")


def test_nothing_is_taken_for_granted_that_is_not_said() -> None:
    facts = PurchaseFacts(
        config=DEFAULT_CONFIG, wallet_mode="live", agent_mode="live", available_sol=Decimal(6)
    )
    refused = validate_purchase(facts)

    assert isinstance(refused, PurchaseRefused)
    assert refused.code == "WALLET_NOT_LOADED"
    on_paper = replace(facts, wallet_mode="simulation", agent_mode="simulation", random_unit=Decimal("0.5"))
    assert isinstance(validate_purchase(on_paper), Decimal)


def test_a_size_that_is_no_number_is_refused() -> None:
    result = validate_purchase(replace(FACTS, requested_size_sol=Decimal("NaN")))

    assert isinstance(result, PurchaseRefused)
    assert result.code == "INVALID_POSITION_SIZE"


def test_a_balance_of_a_million_sol_is_not_taken_for_lamports() -> None:
    limits, calculator = DEFAULT_CONFIG.purchase_limits, DEFAULT_CONFIG.position_calculator

    assert not isinstance(
        calculate_position_size(Decimal(2_000_000), limits, calculator, Decimal(0)), SizeRefusal
    )


def test_too_high_an_impact_shrinks_the_size_three_times() -> None:
    high, limit, size = Decimal("-0.06"), Decimal("0.05"), Decimal(1)

    assert decide_price_impact(size, 0, high, limit) == RetrySmaller(1, Decimal("0.9"))
    assert decide_price_impact(size, 2, high, limit) == RetrySmaller(3, Decimal("0.7"))
    assert decide_price_impact(size, 3, high, limit) == ImpactTooHigh(high, limit)
    assert decide_price_impact(size, 3, Decimal("-0.0499"), limit) == ImpactAccepted()
    assert decide_price_impact(size, 0, Decimal("NaN"), limit) == RetrySmaller(1, Decimal("0.9"))
    assert decide_price_impact(size, 0, Decimal("NaN"), None) == ImpactAccepted()


@pytest.mark.parametrize("unit", ["1", "1.5", "-0.001"])
def test_a_random_number_is_below_one(unit: str) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        calculate_position_size(
            Decimal(7), DEFAULT_CONFIG.purchase_limits, DEFAULT_CONFIG.position_calculator, Decimal(unit)
        )


def test_a_range_of_one_size_needs_no_random_number() -> None:
    one = SizeRange(min=Decimal("0.2"), max=Decimal("0.2"))
    calculator = DEFAULT_CONFIG.position_calculator.model_copy(
        update={"position_sizes": PositionSizes(small=one, medium=one, large=one)}
    )

    size = calculate_position_size(Decimal(7), DEFAULT_CONFIG.purchase_limits, calculator, None)

    assert isinstance(size, PositionSize)
    assert size.size_sol == Decimal("0.2")


@pytest.mark.parametrize(("size", "next_size"), [("0.01", None), ("0.0111", None), ("0.1", "0.09")])
def test_a_smaller_size_has_to_be_worth_its_fees(size: str, next_size: str | None) -> None:
    found = decide_price_impact(Decimal(size), 0, Decimal(1), Decimal("0.05"))

    assert found == (
        RetrySmaller(1, Decimal(next_size)) if next_size else ImpactTooHigh(Decimal(1), Decimal("0.05"))
    )


def test_the_smallest_size_worth_its_fees_is_tried_and_a_first_size_however_small() -> None:
    assert next_attempt_size(Decimal("0.0125"), 2) == Decimal("0.01")
    assert next_attempt_size(Decimal("0.001"), 0) == Decimal("0.001")
    assert next_attempt_size(Decimal("0.001"), 1) is None
    assert next_attempt_size(Decimal(1), 4) is None


def test_refusals_say_how_much_there_is() -> None:
    def message(**changes: Any) -> tuple[str, str]:
        result = validate_purchase(replace(FACTS, **changes))
        assert isinstance(result, PurchaseRefused)
        return result.code, result.message

    assert message(available_sol=None) == ("INSUFFICIENT_BALANCE", "0 SOL are available")
    assert message(available_sol=Decimal(-1)) == ("INSUFFICIENT_BALANCE", "-1 SOL are available")


@pytest.mark.parametrize(
    ("size", "available", "code"),
    [
        ("6", "6", "VIOLATES_MINIMUM_BALANCE"),
        ("6.000000001", "6", "POSITION_SIZE_EXCEEDS_BALANCE"),
        ("0.000000001", "6", None),
        ("-0.000000001", "6", "INVALID_POSITION_SIZE"),
        ("2", "600", None),
        ("2.000000001", "600", "EXCEEDS_MAX_PURCHASE"),
        ("1.5", "2", None),
        ("1.500000001", "2", "VIOLATES_MINIMUM_BALANCE"),
    ],
)
def test_the_bounds_of_a_size_somebody_asks_for(size: str, available: str, code: str | None) -> None:
    limits = DEFAULT_CONFIG.purchase_limits.model_copy(
        update={"minimum_agent_balance": Decimal("0.5"), "max_purchase_per_token": Decimal(2)}
    )
    config = DEFAULT_CONFIG.model_copy(update={"purchase_limits": limits})
    facts = replace(FACTS, config=config, available_sol=Decimal(available), requested_size_sol=Decimal(size))

    result = validate_purchase(facts)

    assert (result.code if isinstance(result, PurchaseRefused) else None) == code


@pytest.mark.parametrize(
    ("available", "code"),
    [("0.5", None), ("0.499999999", "BELOW_MINIMUM_THRESHOLD"), ("0", "INSUFFICIENT_BALANCE")],
)
def test_a_wallet_has_to_hold_its_minimum(available: str, code: str | None) -> None:
    limits = DEFAULT_CONFIG.purchase_limits.model_copy(update={"minimum_agent_balance": Decimal("0.5")})
    facts = replace(
        FACTS,
        config=DEFAULT_CONFIG.model_copy(update={"purchase_limits": limits}),
        available_sol=Decimal(available),
        requested_size_sol=Decimal("0.1"),
    )

    result = validate_purchase(facts)

    found = result.code if isinstance(result, PurchaseRefused) else None
    assert found == (code or "VIOLATES_MINIMUM_BALANCE")


def test_everything_may_be_spent_where_nothing_has_to_stay() -> None:
    balance = Decimal("0.5")
    calculator = PositionCalculatorConfig(
        sol_balance_thresholds=SolBalanceThresholds(
            minimum=Decimal("0.1"), medium=Decimal(10), large=Decimal(20)
        ),
        randomization=RandomizationConfig(enabled=False),
        position_sizes=PositionSizes(
            small=SizeRange(min=balance, max=balance),
            medium=SizeRange(min=balance, max=balance),
            large=SizeRange(min=balance, max=balance),
        ),
    )
    limits = PurchaseLimitsConfig.model_construct(
        **{
            **PurchaseLimitsConfig().__dict__,
            "minimum_agent_balance": Decimal(0),
            "max_purchase_per_token": Decimal(1),
        }
    )

    assert calculate_position_size(balance, limits, calculator, None) == PositionSize(balance, "small", False)
