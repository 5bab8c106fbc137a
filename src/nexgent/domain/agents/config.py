"""Read, change and write the trading configuration of an agent."""

from __future__ import annotations

from collections.abc import Mapping

from nexgent.domain.agents.config_errors import InvalidConfigError
from nexgent.domain.agents.config_keys import key_problems, token_problems
from nexgent.domain.agents.config_merge import deep_merge
from nexgent.domain.agents.config_models import (
    DcaConfig,
    DcaLevel,
    MoonBagConfig,
    PositionCalculatorConfig,
    PositionSizes,
    PurchaseLimitsConfig,
    RandomizationConfig,
    SignalsConfig,
    SizeRange,
    SolBalanceThresholds,
    StaleTradeConfig,
    StopLossConfig,
    TakeProfitConfig,
    TakeProfitLevel,
    TradingConfig,
    TrailingLevel,
)
from nexgent.domain.agents.config_numbers import describe
from nexgent.domain.agents.config_validation import MAX_PROBLEMS, read_config

__all__ = [
    "DEFAULT_CONFIG",
    "DcaConfig",
    "DcaLevel",
    "InvalidConfigError",
    "MoonBagConfig",
    "PositionCalculatorConfig",
    "PositionSizes",
    "PurchaseLimitsConfig",
    "RandomizationConfig",
    "SignalsConfig",
    "SizeRange",
    "SolBalanceThresholds",
    "StaleTradeConfig",
    "StopLossConfig",
    "TakeProfitConfig",
    "TakeProfitLevel",
    "TradingConfig",
    "TrailingLevel",
    "deep_merge",
    "parse_config",
    "to_json_dict",
    "update_config",
]

DEFAULT_CONFIG = TradingConfig()


def to_json_dict(config: TradingConfig) -> dict[str, object]:
    """Return the complete configuration as JSON values: camelCase, numbers as numbers.

    Signal bounds that are not set are left out. A missing price-impact limit is written as null, because
    leaving it out would bring the default back when the result is read again.
    """
    document: dict[str, object] = config.model_dump(mode="json", by_alias=True)
    signals = document["signals"]
    if isinstance(signals, dict):
        document["signals"] = {key: value for key, value in signals.items() if value is not None}
    return document


_DEFAULT_DOCUMENT = to_json_dict(DEFAULT_CONFIG)


def parse_config(stored: object) -> TradingConfig:
    """Return the effective configuration of what is stored, a partial one or nothing: defaults fill the gaps.

    Unknown and legacy keys are dropped: they are there already. Raises InvalidConfigError with everything that is wrong.
    """
    if stored is None:
        return DEFAULT_CONFIG
    if not isinstance(stored, Mapping):
        raise InvalidConfigError([f"root: must be an object, got {describe(stored)}"])
    return _merged(_DEFAULT_DOCUMENT, stored)


def update_config(current: TradingConfig, patch: object) -> TradingConfig:
    """Return `current` with a partial JSON configuration merged over it.

    Null clears an optional signal bound or the price-impact limit. A key that is no setting is refused: who sends it
    believes that it does something. Raises InvalidConfigError with everything that is wrong.
    """
    if not isinstance(patch, Mapping):
        raise InvalidConfigError([f"root: must be an object, got {describe(patch)}"])
    problems = [*key_problems(patch), *token_problems(patch, current.signals)]
    try:
        config = _merged(to_json_dict(current), patch)
    except InvalidConfigError as error:
        raise InvalidConfigError([*problems, *error.problems][:MAX_PROBLEMS]) from None
    if problems:
        raise InvalidConfigError(problems[:MAX_PROBLEMS])
    return config


def _merged(base: Mapping[str, object], patch: Mapping[str, object]) -> TradingConfig:
    return read_config(_with_stop_loss_mode(deep_merge(base, patch)))


def _with_stop_loss_mode(document: dict[str, object]) -> dict[str, object]:
    """Give configurations from before stop-loss modes existed the mode they used."""
    stop_loss = document.get("stopLoss")
    if isinstance(stop_loss, Mapping) and stop_loss.get("mode") in (None, ""):
        document["stopLoss"] = {**stop_loss, "mode": "fixed"}
    return document
