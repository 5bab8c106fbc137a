"""Stop loss: it only tightens, is exact at its boundary and does not care about the scale of prices."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.agents.config import StopLossConfig, TrailingLevel
from nexgent.domain.trading.rules.stop_loss import (
    StopLossDecision,
    decide_stop_loss,
    initial_stop_pct,
    stop_loss_percentage,
    stop_pct_at_peak,
    stop_price,
)
from nexgent.shared.money import CONTEXT

LEVELS = tuple(
    TrailingLevel(change=Decimal(change), stop_loss=Decimal(stop))
    for change, stop in ((50, 20), (200, 150), (100, 60))
)
MODES = {
    "fixed": StopLossConfig(),
    "exponential": StopLossConfig(mode="exponential"),
    "zones": StopLossConfig(mode="zones"),
    "custom": StopLossConfig(mode="custom", trailing_levels=LEVELS),
}
CONFIGS = st.sampled_from(sorted(MODES)).map(MODES.__getitem__)
PRICES = st.decimals("1e-11", "1e6", allow_nan=False, places=14).filter(lambda price: price > 0)
FACTORS = st.decimals("0.2", "40", places=6)


def walk(entry: Decimal, factors: list[Decimal], config: StopLossConfig) -> list[StopLossDecision]:
    stop: Decimal | None = initial_stop_pct(config)
    peak: Decimal | None = entry
    decisions = []
    for factor in factors:
        decision = decide_stop_loss(entry, peak, stop, entry * factor, config)
        decisions.append(decision)
        stop, peak = decision.stop_pct, decision.peak_price_sol
    return decisions


@given(PRICES, st.lists(FACTORS, min_size=1, max_size=12), CONFIGS)
def test_stop_and_peak_never_move_down(
    entry: Decimal, factors: list[Decimal], config: StopLossConfig
) -> None:
    first = initial_stop_pct(config)
    assert first is not None
    stops: list[Decimal | None] = [stop_price(entry, first)]
    peaks: list[Decimal | None] = [entry]
    for decision in walk(entry, factors, config):
        stops.append(decision.stop_price_sol)
        peaks.append(decision.peak_price_sol)

    assert None not in stops
    assert None not in peaks
    assert stops == sorted(stop for stop in stops if stop is not None)
    assert peaks == sorted(peak for peak in peaks if peak is not None)


@given(
    st.one_of(PRICES, st.just(Decimal(0)), st.just(Decimal("1E-16"))),
    FACTORS,
    st.one_of(st.none(), st.decimals("-100", "500", places=2)),
    st.one_of(CONFIGS, st.just(StopLossConfig(enabled=False))),
)
def test_at_the_peak_itself_the_stop_is_where_a_price_there_puts_it(
    entry: Decimal, factor: Decimal, stop: Decimal | None, config: StopLossConfig
) -> None:
    peak = entry * factor

    assert (
        stop_pct_at_peak(entry, peak, stop, config)
        == decide_stop_loss(entry, peak, stop, peak, config).stop_pct
    )


@given(
    st.integers(1, 10**9).map(Decimal),
    st.lists(FACTORS, min_size=1, max_size=8),
    CONFIGS,
    st.integers(0, 15),
)
def test_a_micro_price_behaves_like_a_large_one(
    entry: Decimal, factors: list[Decimal], config: StopLossConfig, exponent: int
) -> None:
    small = walk(entry.scaleb(-exponent), factors, config)

    for large, tiny in zip(walk(entry, factors, config), small, strict=True):
        assert (tiny.triggered, tiny.stop_pct, tiny.changed) == (
            large.triggered,
            large.stop_pct,
            large.changed,
        )
        assert large.stop_price_sol is not None
        assert tiny.stop_price_sol == CONTEXT.scaleb(large.stop_price_sol, -exponent)


@given(PRICES, st.lists(FACTORS, min_size=1, max_size=12), CONFIGS)
def test_the_same_price_again_changes_nothing(
    entry: Decimal, factors: list[Decimal], config: StopLossConfig
) -> None:
    last = walk(entry, factors, config)[-1]
    again = decide_stop_loss(entry, last.peak_price_sol, last.stop_pct, entry * factors[-1], config)

    assert not again.changed
    assert (again.triggered, again.stop_pct, again.stop_price_sol) == (
        last.triggered,
        last.stop_pct,
        last.stop_price_sol,
    )


@given(st.decimals(20, 5000, places=4), st.decimals(0, 500, places=4), CONFIGS)
def test_a_higher_peak_never_means_a_lower_stop(gain: Decimal, more: Decimal, config: StopLossConfig) -> None:
    assert stop_loss_percentage(gain + more, config) >= stop_loss_percentage(gain, config)


@given(st.integers(1, 10**12), st.integers(0, 500))
def test_a_price_exactly_on_a_trailing_stop_triggers(entry_units: int, tenths: int) -> None:
    entry = Decimal(entry_units).scaleb(-15)
    peak = entry * (12 + tenths) / 10
    stop = peak - entry / 10
    decision = decide_stop_loss(entry, peak, Decimal(-32), stop, MODES["fixed"])

    assert decision.stop_price_sol == stop
    assert decision.triggered


def test_a_quotient_without_end_does_not_move_the_stop() -> None:
    with localcontext(prec=28):
        decision = decide_stop_loss(Decimal(3), Decimal("3.7"), Decimal(-32), Decimal("3.4"), MODES["fixed"])

    assert decision.stop_price_sol == Decimal("3.4")
    assert decision.triggered


def test_a_stop_above_a_thousand_percent_goes_on_working() -> None:
    decision = decide_stop_loss(Decimal(1), Decimal(1), Decimal(-32), Decimal("1e9"), MODES["fixed"])

    assert decision.stop_pct == Decimal(99999999890)
    assert not decision.triggered


@pytest.mark.parametrize("price", ["NaN", "sNaN", "Infinity", "-1", "0"])
@pytest.mark.parametrize("mode", sorted(MODES))
def test_a_bad_price_decides_nothing(price: str, mode: str) -> None:
    decision = decide_stop_loss(Decimal(1), Decimal(2), Decimal(50), Decimal(price), MODES[mode])

    assert decision == StopLossDecision(False, Decimal(50), None, Decimal(2), False)


def test_a_dca_starts_from_the_new_average() -> None:
    average = Decimal("0.9")
    stop_pct = initial_stop_pct(MODES["fixed"])
    decision = decide_stop_loss(average, average, stop_pct, Decimal("0.8"), MODES["fixed"])

    assert decision.stop_price_sol == Decimal("0.612")
    assert not decision.triggered


def test_without_stop_loss_there_is_no_stop() -> None:
    off = StopLossConfig(enabled=False)

    assert initial_stop_pct(off) is None
    assert decide_stop_loss(Decimal(1), None, None, Decimal("0.01"), off) == StopLossDecision(
        False, None, None, None, False
    )


@pytest.mark.parametrize(
    ("peak", "stop", "price", "changed"),
    [
        ("1", "-32", "0.9", False),
        (None, "-32", "0.9", True),
        ("1", None, "0.9", True),
        ("1", "-32", "1.05", True),
        ("1.5", "-32", "1.4", True),
        ("1.5", "40", "1.5", False),
    ],
)
def test_whatever_has_to_be_kept_is_told(
    peak: str | None, stop: str | None, price: str, changed: bool
) -> None:
    decision = decide_stop_loss(
        Decimal(1),
        Decimal(peak) if peak is not None else None,
        Decimal(stop) if stop is not None else None,
        Decimal(price),
        StopLossConfig(),
    )

    assert decision.changed is changed


def test_a_level_of_ones_own_may_be_below_one_percent() -> None:
    level = TrailingLevel.model_construct(change=Decimal("0.5"), stop_loss=Decimal("0.1"))
    config = MODES["custom"].model_copy(update={"trailing_levels": (level,)})

    assert stop_loss_percentage(Decimal("0.5"), config) == Decimal("0.1")
    assert stop_loss_percentage(Decimal("0.4"), config) == config.default_percentage
    assert stop_loss_percentage(Decimal("-0.1"), config) == config.default_percentage
