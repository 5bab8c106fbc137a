"""The section `protections` of the configuration: invisible until somebody uses it."""

from __future__ import annotations

import pytest

from nexgent.domain.agents.config import (
    DEFAULT_CONFIG,
    InvalidConfigError,
    parse_config,
    to_json_dict,
    update_config,
)
from nexgent.domain.agents.config_models import NO_PROTECTIONS, TradingConfig

SECTIONS = [
    "purchaseLimits",
    "signals",
    "stopLoss",
    "positionCalculator",
    "staleTrade",
    "dca",
    "takeProfit",
]


def test_the_default_document_has_the_seven_known_sections() -> None:
    assert list(to_json_dict(DEFAULT_CONFIG)) == SECTIONS
    assert parse_config(to_json_dict(DEFAULT_CONFIG)) == DEFAULT_CONFIG
    # Decisions take the short way when the section is the default itself.
    assert parse_config({"dca": {"enabled": True}, "stopLoss": {}}).protections is NO_PROTECTIONS
    assert TradingConfig().protections == NO_PROTECTIONS


def test_what_is_set_is_written_and_read_again() -> None:
    config = update_config(DEFAULT_CONFIG, {"protections": {"maxDailyLossSol": 1.5, "maxLossStreak": 3}})

    document = to_json_dict(config)

    assert document["protections"] == {
        "maxDailyLossSol": 1.5,
        "maxLossStreak": 3,
        "lossStreakPauseMinutes": 60,
    }
    assert parse_config(document) == config


def test_null_switches_off_one_or_all() -> None:
    config = update_config(DEFAULT_CONFIG, {"protections": {"maxDailyLossSol": 1.5, "maxLossStreak": 3}})

    one = update_config(config, {"protections": {"maxDailyLossSol": None}})
    none = update_config(config, {"protections": None})
    other = update_config(config, {"dca": {"enabled": True}})

    assert (one.protections.max_daily_loss_sol, one.protections.max_loss_streak) == (None, 3)
    assert list(to_json_dict(none)) == SECTIONS
    assert other.protections == config.protections


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"maxDailyLossSol": 0}, "maxDailyLossSol"),
        ({"maxDailyLossPercent": 100.5}, "maxDailyLossPercent"),
        ({"maxDrawdownPercent": "10"}, "maxDrawdownPercent"),
        ({"maxLossStreak": 1.5}, "maxLossStreak"),
        ({"lossStreakPauseMinutes": None}, "lossStreakPauseMinutes"),
        ({"tokenCooldownMinutes": 10081}, "tokenCooldownMinutes"),
        ({"maxTradesPerHour": 0}, "maxTradesPerHour"),
        ({"maxExposureSol": -1}, "maxExposureSol"),
        ({"maxExposurePercent": 101}, "maxExposurePercent"),
    ],
)
def test_what_makes_no_sense_is_refused(patch: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        update_config(DEFAULT_CONFIG, {"protections": patch})
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"protections.{path}: must be ")


def test_the_section_is_an_object() -> None:
    with pytest.raises(InvalidConfigError, match="protections: must be an object"):
        update_config(DEFAULT_CONFIG, {"protections": []})
