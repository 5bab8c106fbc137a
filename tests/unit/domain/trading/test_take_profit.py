"""Take profit: the moon bag is kept, nothing is sold twice, presets are expanded."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.agents.config import MoonBagConfig, TakeProfitConfig, TakeProfitLevel
from nexgent.domain.trading.rules.take_profit import (
    TakeProfitState,
    evaluate_take_profit,
    take_profit_plan,
)

CUSTOM = TakeProfitConfig(
    enabled=True,
    mode="custom",
    levels=(TakeProfitLevel(target_percent=Decimal(50), sell_percent=Decimal(60)),),
    moon_bag=MoonBagConfig(enabled=False, trigger_percent=Decimal(50), retain_percent=Decimal(20)),
)


@st.composite
def take_profits(draw: st.DrawFn) -> TakeProfitConfig:
    targets = sorted(draw(st.sets(st.integers(1, 900), min_size=1, max_size=6)))
    levels = tuple(
        TakeProfitLevel(target_percent=Decimal(target), sell_percent=Decimal(draw(st.integers(1, 100))))
        for target in targets
    )
    moon_bag = MoonBagConfig(
        enabled=True,
        trigger_percent=Decimal(draw(st.integers(1, targets[-1]))),
        retain_percent=Decimal(draw(st.integers(1, 50))),
    )
    mode = draw(st.sampled_from(["custom", "custom", "aggressive", "conservative"]))
    return TakeProfitConfig(enabled=True, mode=mode, levels=levels, moon_bag=moon_bag)


@given(
    take_profits(),
    st.integers(1, 2**64 - 1),
    st.lists(st.decimals("0.5", "12", places=3), min_size=1, max_size=10),
)
def test_whatever_prices_come_the_moon_bag_stays(
    config: TakeProfitConfig, amount_raw: int, prices: list[Decimal]
) -> None:
    original = remaining = Decimal(amount_raw).scaleb(-6)
    bag: Decimal | None = None
    hit, sold = 0, Decimal(0)
    for price in prices:
        state = TakeProfitState(
            entry_price_sol=Decimal(1),
            original_amount=original,
            remaining_amount=remaining,
            levels_hit=hit,
            moon_bag_activated=bag is not None,
            moon_bag_amount=bag,
        )
        decision = evaluate_take_profit(state, price, config)
        if not decision.should_execute:
            assert decision.new_remaining_amount == remaining
            continue
        bag = decision.moon_bag_amount if decision.activate_moon_bag else bag
        hit += len(decision.levels)
        sold += decision.sell_amount
        remaining = decision.new_remaining_amount
        assert decision.sell_amount > 0
        assert remaining >= (bag or 0)

    assert hit <= len(take_profit_plan(config).levels)
    assert sold + remaining == original


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_a_bad_price_reaches_nothing(price: str) -> None:
    state = TakeProfitState(entry_price_sol=Decimal(1), original_amount=Decimal(10))

    assert evaluate_take_profit(state, Decimal(price), CUSTOM).reason == "NOT_REACHED"


@given(st.integers(1, 10**12))
def test_a_price_exactly_on_the_target_reaches_it(entry_units: int) -> None:
    entry = Decimal(entry_units).scaleb(-17)
    state = TakeProfitState(entry_price_sol=entry, original_amount=Decimal(10))
    below = entry * Decimal("1.4999999999999")

    assert evaluate_take_profit(state, entry * Decimal("1.5"), CUSTOM).sell_amount == 6
    assert not evaluate_take_profit(state, below, CUSTOM).should_execute


def test_a_preset_replaces_stored_levels_but_not_the_choice_of_a_moon_bag() -> None:
    plan = take_profit_plan(CUSTOM.model_copy(update={"mode": "conservative"}))

    assert [(int(level.target_percent), int(level.sell_percent)) for level in plan.levels] == [
        (100, 20),
        (200, 20),
        (400, 25),
        (600, 20),
    ]
    assert plan.moon_bag.retain_percent == 15
    assert not plan.moon_bag.enabled


def test_a_dca_starts_all_levels_again() -> None:
    moderate = TakeProfitConfig(enabled=True)
    state = TakeProfitState(
        entry_price_sol=Decimal(1),
        original_amount=Decimal(2000),
        remaining_amount=Decimal(1750),
        levels_hit=1,
        batch_start_level=1,
        total_levels=5,
    )

    assert evaluate_take_profit(state, Decimal("1.5"), moderate).sell_amount == 500


@pytest.mark.parametrize(
    ("activated", "bag", "sells"), [(True, "8", "2"), (True, None, "6"), (False, "8", "6")]
)
def test_only_a_moon_bag_that_was_put_aside_is_kept_back(
    activated: bool, bag: str | None, sells: str
) -> None:
    state = TakeProfitState(
        entry_price_sol=Decimal(1),
        original_amount=Decimal(10),
        moon_bag_activated=activated,
        moon_bag_amount=Decimal(bag) if bag is not None else None,
    )

    assert evaluate_take_profit(state, Decimal(2), CUSTOM).sell_amount == Decimal(sells)


def test_parts_of_a_token_are_sold_as_well() -> None:
    state = TakeProfitState(entry_price_sol=Decimal(1), original_amount=Decimal("0.5"))

    decision = evaluate_take_profit(state, Decimal(2), CUSTOM)

    assert (decision.sell_amount, decision.new_remaining_amount) == (Decimal("0.3"), Decimal("0.2"))
