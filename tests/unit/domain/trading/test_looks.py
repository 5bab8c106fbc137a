"""When the rules want to be asked: at the exact bound and beyond it, and not at all where nothing can come of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from nexgent.domain.positions.models import PositionTrail
from nexgent.domain.trading.rules.dca import Dca
from nexgent.domain.trading.rules.precedence import PRECEDENCE
from nexgent.domain.trading.rules.rule import Look, Moment, PositionRule
from nexgent.domain.trading.rules.stale_trade import StaleTrade
from nexgent.domain.trading.rules.stop_loss import StopLoss
from nexgent.domain.trading.rules.take_profit import TakeProfit
from tests.builders import T0, a_config, a_position, a_trail, an_agent

SECTIONS = {StopLoss: "stopLoss", TakeProfit: "takeProfit", StaleTrade: "staleTrade", Dca: "dca"}
ON = {section: {"enabled": True} for section in SECTIONS.values()}
SECOND = timedelta(seconds=1)


def _look(
    rule: PositionRule, config: Mapping[str, object] = ON, trail: PositionTrail | None = None, **changes: Any
) -> Look | None:
    """Return when a rule wants to be asked about a position bought at 0.001 SOL."""
    agent = an_agent(a_config(ON, config))
    position = a_position(agent_id=agent.id, wallet_address=agent.wallets[0].address, **changes)
    return rule.look(position, trail or position.base_trail, agent)


def _bounds(look: Look | None) -> tuple[Decimal | None, Decimal | None]:
    """Return the bounds without their margin."""
    assert look is not None
    return (
        look.low_sol and round(look.low_sol, 9),
        look.high_sol and round(look.high_sol, 9),
    )


@pytest.mark.parametrize("rule", PRECEDENCE, ids=lambda rule: SECTIONS[type(rule)])
def test_a_rule_that_is_off_is_not_asked_and_says_nothing(rule: PositionRule) -> None:
    off = {SECTIONS[type(rule)]: {"enabled": False}}
    assert _look(rule) is not None
    assert _look(rule, off) is None

    agent = an_agent(a_config(ON, off))
    position = a_position(agent_id=agent.id, wallet_address=agent.wallets[0].address)
    later = T0 + timedelta(days=1)
    for price in ("0.0001", "0.00105", "0.01"):
        assert not rule.speaks(Moment(position, position.base_trail, agent, Decimal(price), later))


@pytest.mark.parametrize("rule", PRECEDENCE, ids=lambda rule: SECTIONS[type(rule)])
def test_whoever_says_so_follows_the_trail(rule: PositionRule) -> None:
    trail = a_trail()
    risen = replace(trail, peak_price_sol=Decimal("0.004"), stop_loss_pct=Decimal(50))

    assert rule.follows_trail is (_look(rule, trail=trail) != _look(rule, trail=risen))


def test_the_stop_is_looked_at_from_its_price_down() -> None:
    assert _look(StopLoss()) == Look(high_sol=Decimal("0.00068"))
    assert _look(StopLoss(), trail=a_trail(stop_loss_pct=None)) is None


def test_a_stop_speaks_at_its_price_and_below_but_not_about_nonsense() -> None:
    agent = an_agent(a_config(ON))
    position = a_position(agent_id=agent.id)

    def speaks(price: str, entry: str = "0.001", stop: Decimal | None = Decimal(-32)) -> bool:
        one = replace(position, entry_price_sol=Decimal(entry))
        return StopLoss().speaks(Moment(one, a_trail(stop_loss_pct=stop), agent, Decimal(price), T0))

    assert speaks("0.00068")
    assert not speaks("0.00068000001")
    assert not speaks("0.0001", stop=None)
    assert not speaks("0")
    assert not speaks("-1")
    assert not speaks("NaN")
    assert not speaks("1E-17", entry="9.9E-16")
    assert speaks("1E-17", entry="1E-15")


def test_take_profit_is_looked_at_from_the_next_level_up() -> None:
    rule = TakeProfit()

    assert _bounds(_look(rule)) == (Decimal("0.0015"), None)
    assert _bounds(_look(rule, take_profit_levels_hit=1)) == (Decimal("0.0025"), None)
    assert _bounds(_look(rule, take_profit_levels_hit=3)) == (Decimal("0.005"), None)
    assert _look(rule, take_profit_levels_hit=4) is None


def test_after_averaging_down_the_levels_begin_anew() -> None:
    def look(hit: int) -> Look | None:
        return _look(
            TakeProfit(),
            take_profit_levels_hit=hit,
            take_profit_batch_start=2,
            take_profit_levels_total=6,
        )

    assert _bounds(look(2)) == (Decimal("0.0015"), None)
    assert _bounds(look(5)) == (Decimal("0.005"), None)
    assert look(6) is None
    assert look(1) is None
    # The configuration has fewer levels by now than the position was promised.
    for hit, last in ((5, True), (6, False)):
        kept = _look(
            TakeProfit(), take_profit_levels_hit=hit, take_profit_batch_start=2, take_profit_levels_total=9
        )
        assert (kept is not None) is last
    assert _look(TakeProfit(), take_profit_levels_hit=2, take_profit_levels_total=2) is None


def test_nobody_looks_for_a_profit_in_what_only_the_moon_bag_holds() -> None:
    def look(quantity_raw: int, bag_raw: int | None = 100, *, activated: bool = True) -> Look | None:
        return _look(
            TakeProfit(), quantity_raw=quantity_raw, moon_bag_raw=bag_raw, moon_bag_activated=activated
        )

    assert look(101) is not None
    assert look(100) is None
    assert look(99) is None
    assert look(100, activated=False) is not None
    assert look(100, None) is not None


def test_a_dca_is_looked_for_at_the_next_level_and_below() -> None:
    levels = [{"dropPercent": -10, "buyPercent": 50}, {"dropPercent": -30, "buyPercent": 50}]
    config = {"dca": {"mode": "custom", "levels": levels, "maxDCACount": 3}}

    look = _look(Dca(), config)
    assert look is not None
    assert look.from_seconds == -math.inf
    assert _bounds(look) == (None, Decimal("0.0009"))
    assert _bounds(_look(Dca(), config, dca_count=1)) == (None, Decimal("0.0007"))
    assert _look(Dca(), config, dca_count=2) is None
    once = {"dca": {"mode": "custom", "levels": levels, "maxDCACount": 1}}
    assert _look(Dca(), once, dca_count=1) is None


def test_a_dca_is_not_looked_for_before_its_cooldown_is_over() -> None:
    look = _look(Dca(), {"dca": {"mode": "aggressive", "cooldownSeconds": 30}}, last_dca_at=T0, dca_count=1)

    assert look is not None
    assert look.from_seconds == (T0 + 30 * SECOND).timestamp()


def test_nobody_averages_down_a_moon_bag_or_for_an_agent_that_does_not_trade_by_itself() -> None:
    assert _look(Dca(), quantity_raw=100, moon_bag_raw=100, moon_bag_activated=True) is None
    assert _look(Dca(), quantity_raw=100, moon_bag_raw=100) is not None
    assert _look(Dca(), quantity_raw=101, moon_bag_raw=100, moon_bag_activated=True) is not None

    agent = replace(an_agent(a_config(ON)), automated_trading_simulation=False)
    position = a_position(agent_id=agent.id, wallet_address=agent.wallets[0].address)
    assert Dca().look(position, position.base_trail, agent) is None


def test_a_stale_trade_is_looked_for_within_its_band_and_from_its_age_on() -> None:
    config = {"staleTrade": {"minHoldTimeMinutes": 10, "minProfitPercent": -5, "maxProfitPercent": 20}}
    look = _look(StaleTrade(), config)

    assert _bounds(look) == (Decimal("0.00095"), Decimal("0.0012"))
    assert look is not None
    assert (T0 + 600 * SECOND).timestamp() - 0.01 < look.from_seconds < (T0 + 600 * SECOND).timestamp()


def test_bounds_are_included_and_rounded_towards_looking() -> None:
    third = Decimal(1) / 3
    for percent in (Decimal(-50), Decimal(0), Decimal(75)):
        exact = third + third * percent / 100
        low = Look.at_gain(third, at_least=percent, from_seconds=5)
        high = Look.at_gain(third, at_most=percent)
        assert low.covers(exact, 5)
        assert not low.covers(exact, 4.9)
        assert not low.covers(exact * Decimal("0.9999"), 5)
        assert high.covers(exact, 0)
        assert not high.covers(exact * Decimal("1.0001"), 0)
    assert Look(Decimal(1), Decimal(1)).covers(Decimal(1), 0)
    assert Look().covers(Decimal(1), 0)
