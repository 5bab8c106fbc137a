"""Configuration: defaults, merging, validation, round trip."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.agents.config import (
    DEFAULT_CONFIG,
    InvalidConfigError,
    TradingConfig,
    deep_merge,
    parse_config,
    to_json_dict,
    update_config,
)

MINT = "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf"
DEFAULTS = """
{"purchaseLimits":{"minimumAgentBalance":0.5,"maxPurchasePerToken":2,"maxPriceImpact":0.05},
 "signals":{"minScore":1,"allowedSignalTypes":[],"tokenFilterMode":"none","tokenList":[]},
 "stopLoss":{"enabled":true,"defaultPercentage":-32,"mode":"fixed","trailingLevels":[]},
 "positionCalculator":{"solBalanceThresholds":{"minimum":0.2,"medium":5,"large":10},
   "positionSizes":{"small":{"min":0.1,"max":0.1},"medium":{"min":0.5,"max":1},"large":{"min":1.5,"max":2}},
   "randomization":{"enabled":true}},
 "staleTrade":{"enabled":true,"minHoldTimeMinutes":60,"minProfitPercent":1,"maxProfitPercent":10},
 "dca":{"enabled":false,"mode":"moderate","levels":[],"maxDCACount":3,"cooldownSeconds":30},
 "takeProfit":{"enabled":false,"mode":"moderate",
   "levels":[{"targetPercent":50,"sellPercent":25},{"targetPercent":150,"sellPercent":25},
             {"targetPercent":300,"sellPercent":25},{"targetPercent":400,"sellPercent":15}],
   "moonBag":{"enabled":true,"triggerPercent":300,"retainPercent":10}}}
"""


def problems(patch: object) -> list[str]:
    with pytest.raises(InvalidConfigError) as caught:
        update_config(DEFAULT_CONFIG, patch)
    return caught.value.problems


def paths(patch: object) -> list[str]:
    return [problem.split(": ", 1)[0] for problem in problems(patch)]


def test_the_defaults_are_those_of_the_contract_to_the_character() -> None:
    assert json.dumps(to_json_dict(DEFAULT_CONFIG)) == json.dumps(json.loads(DEFAULTS))


def test_nothing_stored_means_the_defaults() -> None:
    assert parse_config(None) == parse_config({}) == parse_config(json.loads(DEFAULTS)) == DEFAULT_CONFIG


def test_objects_merge_and_everything_else_replaces() -> None:
    base: dict[str, object] = {"a": {"x": 1, "y": [1, 2]}, "b": 1}

    assert deep_merge(base, {"a": {"y": [3]}, "c": {"z": 1}}) == {
        "a": {"x": 1, "y": [3]},
        "b": 1,
        "c": {"z": 1},
    }
    assert base == {"a": {"x": 1, "y": [1, 2]}, "b": 1}


def test_unknown_and_legacy_keys_are_dropped() -> None:
    stored: dict[str, object] = {
        "bio": "x",
        "purchaseLimits": {"min": 1, "max": 2},
        "stopLoss": {"continuousTrailing": True, "mode": None},
    }

    assert to_json_dict(parse_config(stored)) == json.loads(DEFAULTS)


def test_keys_that_clients_of_the_reference_send_for_nothing_are_taken() -> None:
    patch: dict[str, object] = {
        "purchaseLimits": {"min": 1, "max": 2},
        "stopLoss": {"continuousTrailing": {"enabled": True}},
        "signals": {"minSignalScore": 0.5, "minExpectedMove": 0},
        "autoTrade": {"enabled": False, "tokens": []},
        "portfolio": {"replacementMargin": 0.1},
    }

    assert update_config(DEFAULT_CONFIG, patch) == DEFAULT_CONFIG


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        (
            {"stopLoss": {"defaultPercent": -10}},
            "stopLoss.defaultPercent: is not a setting; did you mean stopLoss.defaultPercentage?",
        ),
        ({"takeprofit": {"enabled": True}}, "takeprofit: is not a setting; did you mean takeProfit?"),
        ({"stop_loss": {}}, "stop_loss: is not a setting; did you mean stopLoss?"),
        ({"dca": {"maxDcaCount": 1}}, "dca.maxDcaCount: is not a setting; did you mean dca.maxDCACount?"),
        (
            {"takeProfit": {"moonBag": {"trigger": 5}}},
            "takeProfit.moonBag.trigger: is not a setting; known here are enabled, triggerPercent, retainPercent",
        ),
        (
            {"takeProfit": {"trailingLevels": []}},
            "takeProfit.trailingLevels: is not a setting; did you mean stopLoss.trailingLevels?",
        ),
        (
            {"takeProfit": {"levels": [{"targetPercent": 5, "sellPercent": 5, "sellPercents": 6}]}},
            "takeProfit.levels.0.sellPercents: is not a setting; did you mean takeProfit.levels.0.sellPercent?",
        ),
        (
            {"positionCalculator": {"positionSizes": {"tiny": {}}}},
            "positionCalculator.positionSizes.tiny: is not a setting; known here are small, medium, large",
        ),
        (
            {"protections": {"maxDailyLoss": 1}},
            "protections.maxDailyLoss: is not a setting; did you mean protections.maxDailyLossSol?",
        ),
    ],
)
def test_a_key_that_would_change_nothing_is_refused_with_what_was_meant(patch: object, problem: str) -> None:
    assert problems(patch) == [problem]


def test_unknown_keys_and_bad_values_are_told_together() -> None:
    assert paths({"bio": 1, "stopLoss": {"mode": "x", "modus": 1}}) == [
        "bio",
        "stopLoss.modus",
        "stopLoss.mode",
    ]


def test_a_hundred_thousand_unknown_keys_get_a_short_answer() -> None:
    assert len(problems({f"key{number}": 1 for number in range(100_000)})) == 20


def test_tokens_of_the_list_are_mints_but_those_of_old_may_stay() -> None:
    old = replace_tokens("0" * 44)

    assert problems({"signals": {"tokenList": ["0" * 44, MINT, "1" * 33]}}) == [
        "signals.tokenList.0: must be a mint address (32 bytes in base58)",
        "signals.tokenList.2: must be a mint address (32 bytes in base58)",
    ]
    changed = update_config(old, {"signals": {"tokenList": ["0" * 44, MINT], "minScore": 2}})
    assert changed.signals.token_list == ("0" * 44, MINT)


def replace_tokens(*tokens: str) -> TradingConfig:
    """Return a configuration as an earlier version has stored it."""
    return parse_config({"signals": {"tokenList": list(tokens)}})


def test_null_clears_bounds_and_the_impact_guard_for_good() -> None:
    bounded = update_config(DEFAULT_CONFIG, {"signals": {"marketCapMin": 10, "holderCountMax": 7}})
    cleared = update_config(
        bounded, {"signals": {"marketCapMin": None}, "purchaseLimits": {"maxPriceImpact": None}}
    )

    assert bounded.signals.market_cap_min == 10
    assert cleared.signals.market_cap_min is None
    assert cleared.signals.holder_count_max == 7
    assert cleared.purchase_limits.max_price_impact is None
    assert parse_config(to_json_dict(cleared)) == cleared
    signals = to_json_dict(cleared)["signals"]
    assert isinstance(signals, dict)
    assert "marketCapMin" not in signals


@pytest.mark.parametrize("patch", [None, 5, "x", [], True])
def test_what_is_no_object_is_refused(patch: object) -> None:
    assert paths(patch) == ["root"]


@pytest.mark.parametrize(
    "value", ["2", None, True, [], {}, float("nan"), float("inf"), 10**400, Decimal("NaN")]
)
def test_numbers_must_be_finite_json_numbers(value: object) -> None:
    assert paths({"purchaseLimits": {"maxPurchasePerToken": value}}) == ["purchaseLimits.maxPurchasePerToken"]


@pytest.mark.parametrize("section", sorted(json.loads(DEFAULTS)))
@pytest.mark.parametrize("value", [None, 1, "x", []])
def test_a_section_must_be_an_object(section: str, value: object) -> None:
    assert paths({section: value}) == [section]


def test_problems_of_all_sections_come_in_the_order_of_the_schema() -> None:
    patch = {
        "takeProfit": {"moonBag": {"retainPercent": 51}},
        "stopLoss": {"defaultPercentage": 5, "mode": "custom"},
        "positionCalculator": {
            "solBalanceThresholds": {"minimum": 9, "medium": 8, "large": 7},
            "positionSizes": {"medium": {"min": 3}},
        },
        "purchaseLimits": {"minimumAgentBalance": 0},
    }

    assert paths(patch) == [
        "purchaseLimits.minimumAgentBalance",
        "stopLoss.defaultPercentage",
        "stopLoss.trailingLevels",
        "positionCalculator.solBalanceThresholds",
        "positionCalculator.solBalanceThresholds",
        "positionCalculator.positionSizes.medium",
        "takeProfit.moonBag.retainPercent",
    ]


def test_a_wrong_type_silences_the_rules_of_its_section_only() -> None:
    patch = {
        "stopLoss": {"defaultPercentage": "low", "mode": "custom"},
        "staleTrade": {"minProfitPercent": 99},
    }

    assert paths(patch) == ["stopLoss.defaultPercentage", "staleTrade.maxProfitPercent"]


def test_items_name_their_index_and_missing_fields() -> None:
    levels = [{"targetPercent": 50, "sellPercent": 25}, {"targetPercent": 0.5}, 7]

    assert problems({"takeProfit": {"levels": levels}}) == [
        "takeProfit.levels.1.targetPercent: must be at least 1, got 0.5",
        "takeProfit.levels.1.sellPercent: is required",
        "takeProfit.levels.2: must be an object, got a number",
    ]


def test_a_flood_of_bad_items_gets_a_bounded_answer() -> None:
    assert len(problems({"signals": {"tokenList": [1] * 5000}})) == 100


@pytest.mark.parametrize(
    ("value", "dumped"),
    [
        (2, "2"),
        (2.0, "2"),
        (0.05, "0.05"),
        (Decimal("2.50"), "2.5"),
        (1e-7, "1e-07"),
        (2**70, "1.1805916207174113e+21"),
    ],
)
def test_numbers_keep_their_value_and_kind(value: object, dumped: str) -> None:
    config = update_config(DEFAULT_CONFIG, {"purchaseLimits": {"maxPurchasePerToken": value}})
    limits = to_json_dict(config)["purchaseLimits"]

    assert isinstance(limits, dict)
    assert json.dumps(limits["maxPurchasePerToken"]) == dumped
    assert parse_config(to_json_dict(config)) == config


def numbers(low: float, high: float) -> st.SearchStrategy[float | int]:
    return st.floats(low, high) | st.integers(int(low) + 1, int(high))


@st.composite
def configs(draw: st.DrawFn) -> TradingConfig:
    levels = sorted(draw(st.sets(st.integers(1, 9999), min_size=1, max_size=5)), reverse=True)
    patch: dict[str, Any] = {
        "purchaseLimits": {
            "minimumAgentBalance": draw(numbers(0.1, 1e6)),
            "maxPriceImpact": draw(st.none() | st.floats(0, 1)),
        },
        "signals": {
            "minScore": draw(st.integers(1, 5)),
            "allowedSignalTypes": draw(st.lists(st.text(min_size=1, max_size=50), max_size=3)),
            "liquidityMin": draw(st.none() | numbers(1e-9, 1e12)),
            "holderCountMin": draw(st.none() | st.integers(0, 10**9)),
        },
        "stopLoss": {
            "mode": draw(st.sampled_from(["fixed", "exponential", "zones", "custom"])),
            "defaultPercentage": draw(st.floats(-100, 0)),
            "trailingLevels": [{"change": level, "stopLoss": draw(numbers(1e-6, 1000))} for level in levels],
        },
        "dca": {"maxDCACount": draw(st.floats(1, 10))},
    }
    return update_config(DEFAULT_CONFIG, patch)


@given(configs())
def test_writing_and_reading_a_configuration_changes_nothing(config: TradingConfig) -> None:
    document = to_json_dict(config)

    assert parse_config(document) == config
    assert parse_config(json.loads(json.dumps(document))) == config
    assert parse_config(json.loads(json.dumps(document), parse_float=Decimal)) == config
    assert TradingConfig.model_validate(document) == config


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(json.loads(DEFAULTS))), st.data())
def test_any_json_is_accepted_or_refused_with_a_path(section: str, data: st.DataObject) -> None:
    fields = json.loads(DEFAULTS)[section]
    patch = {section: data.draw(st.dictionaries(st.sampled_from(sorted(fields)), JSON, max_size=3) | JSON)}
    found: list[str] = []
    config = DEFAULT_CONFIG
    try:
        config = update_config(DEFAULT_CONFIG, patch)
    except InvalidConfigError as error:
        found = error.problems or ["an error without a problem"]

    assert all(problem.startswith(section) for problem in found)
    assert parse_config(to_json_dict(config)) == config
