"""Trails: a peak only rises, a stop only tightens, and of two trails nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import StopLossConfig
from nexgent.domain.positions.models import PositionTrail
from nexgent.domain.trading.rules.trail import following, tightest, with_configured_stop
from tests.builders import T0, a_position, a_trail

LATER = T0 + timedelta(hours=1)
OFF = StopLossConfig(enabled=False)
STILL = StopLossConfig(mode="custom")
"""No levels: the stop stays where it is, whatever the peak."""
TIGHT = StopLossConfig(mode="custom", default_percentage=Decimal(-10))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("loose", "tight"), [(Decimal(-32), Decimal(-10)), (None, Decimal(-90)), (None, Decimal(10))]
)
def test_of_two_stops_the_tighter_one_stays_and_any_stop_is_tighter_than_none(
    loose: Decimal | None, tight: Decimal, turned: bool
) -> None:
    one = a_trail(stop_loss_pct=loose, stop_updated_at=LATER, peak_price_sol=Decimal(3))
    other = replace(
        one, stop_loss_pct=tight, stop_updated_at=T0, peak_price_sol=Decimal(2), lowest_price_sol=Decimal(1)
    )

    both = tightest(other, one) if turned else tightest(one, other)

    assert (both.stop_loss_pct, both.stop_updated_at) == (tight, T0)
    assert (both.peak_price_sol, both.lowest_price_sol) == (Decimal(3), one.lowest_price_sol)


@pytest.mark.parametrize("stop", [Decimal(-32), None])
def test_of_equal_stops_the_one_that_is_known_already_stays(stop: Decimal | None) -> None:
    known = a_trail(stop_loss_pct=stop, stop_updated_at=T0)

    assert tightest(known, replace(known, stop_updated_at=LATER)) == known


@pytest.mark.parametrize("turned", [False, True])
def test_the_trail_on_the_newer_base_counts_and_takes_over_only_the_low(turned: bool) -> None:
    older = a_trail(
        position_version=1,
        peak_price_sol=Decimal(9),
        stop_loss_pct=Decimal(50),
        lowest_price_sol=Decimal("1e-9"),
    )
    newer = replace(older, position_version=2, peak_price_sol=Decimal(1), stop_loss_pct=Decimal(-32))

    both = tightest(newer, older) if turned else tightest(older, newer)

    assert both == replace(newer, lowest_price_sol=Decimal("1e-9"))


def _at(stop: int, peak: str = "0.002") -> PositionTrail:
    return a_trail(stop_loss_pct=Decimal(stop), peak_price_sol=Decimal(peak), stop_updated_at=T0)


def test_a_price_that_moves_neither_peak_nor_stop_leaves_the_very_trail() -> None:
    position, trail = a_position(), _at(-32)

    assert following(trail, position, Decimal("0.002"), STILL, LATER) is trail
    assert following(trail, position, Decimal("0.0001"), OFF, LATER) is trail


def test_a_new_peak_that_leaves_the_stop_where_it_is_leaves_its_time_too() -> None:
    position, trail = a_position(), _at(-32)

    moved = following(trail, position, Decimal("0.003"), STILL, LATER)

    assert moved == replace(trail, peak_price_sol=Decimal("0.003"))
    # A peak is kept for whoever switches the stop loss on later.
    assert following(trail, position, Decimal("0.003"), OFF, LATER) == moved


def test_a_new_peak_that_tightens_the_stop_says_when() -> None:
    position, trail = a_position(), _at(-32)

    moved = following(trail, position, Decimal("0.004"), StopLossConfig(mode="exponential"), LATER)

    assert moved.stop_loss_pct is not None
    assert moved.stop_loss_pct > Decimal(0)
    assert (moved.peak_price_sol, moved.stop_updated_at) == (Decimal("0.004"), LATER)


def test_a_configuration_tightens_the_stop_and_never_loosens_it() -> None:
    position, trail = a_position(), _at(-32)

    tightened = with_configured_stop(trail, position, TIGHT, LATER)

    assert tightened == replace(trail, stop_loss_pct=Decimal(-10), stop_updated_at=LATER)
    assert with_configured_stop(tightened, position, STILL, T0) is tightened
    assert with_configured_stop(trail, position, _switched_off(TIGHT), LATER) is trail


def _switched_off(config: StopLossConfig) -> StopLossConfig:
    return config.model_copy(update={"enabled": False})
