"""DCA and stale close: exact boundaries in price and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.agents.config import DcaConfig, DcaLevel, StaleTradeConfig
from nexgent.domain.agents.config_models import PresetMode
from nexgent.domain.trading.rules.dca import DcaState, average_after_dca, dca_levels, evaluate_dca
from nexgent.domain.trading.rules.stale_trade import decide_stale_trade

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MODERATE = DcaConfig(enabled=True)


@given(st.integers(1, 10**12))
def test_a_price_exactly_on_the_level_buys(average_units: int) -> None:
    average = Decimal(average_units).scaleb(-17)
    state = DcaState(average_price_sol=average, purchased_amount=Decimal(100))

    assert evaluate_dca(state, average * Decimal("0.8"), NOW, MODERATE).buy_amount_sol == average * 60
    assert evaluate_dca(state, average * Decimal("0.8000000001"), NOW, MODERATE).reason == "NOT_REACHED"


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "-Infinity"])
def test_a_bad_price_buys_nothing(price: str) -> None:
    state = DcaState(average_price_sol=Decimal(1), purchased_amount=Decimal(1))

    assert not evaluate_dca(state, Decimal(price), NOW, MODERATE).triggered


def test_the_cooldown_ends_to_the_microsecond() -> None:
    last = NOW - timedelta(seconds=30)
    state = DcaState(average_price_sol=Decimal(1), purchased_amount=Decimal(1), dca_count=1, last_dca_at=last)

    assert evaluate_dca(state, Decimal("0.5"), NOW, MODERATE).triggered
    just_before = NOW - timedelta(microseconds=1)
    assert evaluate_dca(state, Decimal("0.5"), just_before, MODERATE).reason == "COOLDOWN"


@pytest.mark.parametrize(
    ("mode", "drops", "buy_percent"),
    [("aggressive", [-10, -10, -10], 100), ("moderate", [-20, -20], 75), ("conservative", [-20], 100)],
)
def test_a_ready_made_mode_averages_down_as_often_as_it_says(
    mode: PresetMode, drops: list[int], buy_percent: int
) -> None:
    config = DcaConfig(enabled=True, mode=mode, max_dca_count=Decimal(9))

    for number, drop in enumerate([*drops, None]):
        state = DcaState(average_price_sol=Decimal(1), purchased_amount=Decimal(100), dca_count=number)
        if drop is None:
            assert evaluate_dca(state, Decimal("0.01"), NOW, config).reason == "LEVELS_EXHAUSTED"
        else:
            level = 1 + Decimal(drop) / 100
            assert evaluate_dca(state, level, NOW, config).buy_amount_sol == level * buy_percent
            assert not evaluate_dca(state, level + Decimal("1e-9"), NOW, config).triggered


def test_custom_levels_are_taken_from_the_smallest_drop() -> None:
    levels = tuple(DcaLevel(drop_percent=Decimal(drop), buy_percent=Decimal(50)) for drop in (-30, -5, -15))
    config = DcaConfig(enabled=True, mode="custom", levels=levels)

    assert [level.drop_percent for level in dca_levels(config)] == [-5, -15, -30]


@given(
    st.lists(st.tuples(st.integers(1, 10**12), st.integers(1, 2**64 - 1)), min_size=2, max_size=6),
)
def test_the_average_lies_between_the_prices_paid(buys: list[tuple[int, int]]) -> None:
    prices = [Decimal(spent) / Decimal(bought) for spent, bought in buys]
    total_sol, total_amount = Decimal(buys[0][0]), Decimal(buys[0][1])
    average = prices[0]
    for spent, bought in buys[1:]:
        average = average_after_dca(total_sol, total_amount, Decimal(spent), Decimal(bought))
        total_sol, total_amount = total_sol + spent, total_amount + bought

    assert min(prices) * Decimal("0.999999999") <= average <= max(prices) * Decimal("1.000000001")


def test_no_tokens_have_no_average() -> None:
    assert average_after_dca(Decimal(0), Decimal(0), Decimal(0), Decimal(0)) == 0


@pytest.mark.parametrize(
    ("age", "price", "reason"),
    [
        (timedelta(minutes=60), "1.1", "STALE"),
        (timedelta(minutes=60), "1.01", "STALE"),
        (timedelta(minutes=60), "1.10000000000000000001", "OUTSIDE_BAND"),
        (timedelta(minutes=60) - timedelta(microseconds=1), "1.05", "TOO_YOUNG"),
        (timedelta(days=900), "NaN", "NO_PRICE"),
        (timedelta(days=900), "0", "NO_PRICE"),
        (timedelta(days=900), "-1", "NO_PRICE"),
    ],
)
def test_stale_trades_close_inside_the_band_both_ends_included(
    age: timedelta, price: str, reason: str
) -> None:
    decision = decide_stale_trade(NOW - age, NOW, Decimal(1), Decimal(price), StaleTradeConfig())

    assert decision.reason == reason
    assert decision.close is (reason == "STALE")


@pytest.mark.parametrize(
    ("minutes", "age", "reason"),
    [
        ("1500", timedelta(hours=25), "STALE"),
        ("1500", timedelta(hours=25) - timedelta(microseconds=1), "TOO_YOUNG"),
        ("1440", timedelta(days=1), "STALE"),
        ("0.01", timedelta(microseconds=600_000), "STALE"),
        ("0.01", timedelta(microseconds=599_999), "TOO_YOUNG"),
    ],
)
def test_an_age_counts_to_the_microsecond_over_days(minutes: str, age: timedelta, reason: str) -> None:
    config = StaleTradeConfig.model_construct(
        **{**StaleTradeConfig().__dict__, "min_hold_time_minutes": Decimal(minutes)}
    )
    inside = 1 + (config.min_profit_percent + config.max_profit_percent) / 200

    assert decide_stale_trade(NOW - age, NOW, Decimal(1), inside, config).reason == reason


@pytest.mark.parametrize("entry", ["0", "-1", "NaN"])
def test_an_entry_that_is_no_price_has_no_profit(entry: str) -> None:
    decision = decide_stale_trade(
        NOW - timedelta(days=9), NOW, Decimal(entry), Decimal(1), StaleTradeConfig()
    )

    assert decision.reason == "NO_PRICE"


@pytest.mark.parametrize(
    ("cooldown", "since"),
    [
        ("86400", timedelta(days=1)),
        ("90000", timedelta(hours=25)),
        ("10.5", timedelta(seconds=10.5)),
        ("259200.000001", timedelta(days=3, microseconds=1)),
    ],
)
def test_a_cooldown_counts_to_the_microsecond_over_days(cooldown: str, since: timedelta) -> None:
    config = MODERATE.model_copy(update={"cooldown_seconds": Decimal(cooldown)})

    def reason(since: timedelta) -> str:
        state = DcaState(
            average_price_sol=Decimal(1), purchased_amount=Decimal(1), dca_count=1, last_dca_at=NOW - since
        )
        return evaluate_dca(state, Decimal("0.5"), NOW, config).reason

    assert reason(since) == "TRIGGERED"
    assert reason(since - timedelta(microseconds=1)) == "COOLDOWN"


@pytest.mark.parametrize(
    ("held", "bag", "activated", "reason"),
    [
        ("10", "10", True, "ONLY_MOON_BAG"),
        ("10.0000009", "10", True, "ONLY_MOON_BAG"),
        ("9.9999991", "10", True, "ONLY_MOON_BAG"),
        ("10.000001", "10", True, "TRIGGERED"),
        ("10", "10", False, "TRIGGERED"),
        ("10", None, True, "TRIGGERED"),
    ],
)
def test_a_moon_bag_alone_is_not_averaged_down(
    held: str, bag: str | None, activated: bool, reason: str
) -> None:
    state = DcaState(
        average_price_sol=Decimal(1),
        purchased_amount=Decimal(100),
        remaining_amount=Decimal(held),
        moon_bag_activated=activated,
        moon_bag_amount=Decimal(bag) if bag is not None else None,
    )

    assert evaluate_dca(state, Decimal("0.5"), NOW, MODERATE).reason == reason


def test_what_was_never_sold_is_held_whole() -> None:
    state = DcaState(
        average_price_sol=Decimal(1),
        purchased_amount=Decimal(10),
        moon_bag_activated=True,
        moon_bag_amount=Decimal(10),
    )

    assert evaluate_dca(state, Decimal("0.5"), NOW, MODERATE).reason == "ONLY_MOON_BAG"
    assert evaluate_dca(state, Decimal("0.5"), NOW, DcaConfig(enabled=False)).reason == "DISABLED"


@pytest.mark.parametrize(
    ("count", "most", "reason"), [(0, 1, "TRIGGERED"), (1, 1, "MAX_COUNT"), (2, 9, "LEVELS_EXHAUSTED")]
)
def test_levels_and_their_number_come_to_an_end(count: int, most: int, reason: str) -> None:
    config = DcaConfig(enabled=True, mode="moderate", max_dca_count=Decimal(most))
    state = DcaState(average_price_sol=Decimal(1), purchased_amount=Decimal(10), dca_count=count)

    assert evaluate_dca(state, Decimal("0.5"), NOW, config).reason == reason


def test_the_average_of_less_than_a_token_is_one() -> None:
    half = Decimal("0.5")

    assert average_after_dca(Decimal(1), half, Decimal(3), half) == 4
    assert average_after_dca(Decimal(1), half / 2, Decimal(3), half / 2) == 8
