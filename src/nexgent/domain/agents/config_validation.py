"""Check a complete configuration document, collect every problem in the order of the schema, build the model.

Ranges come from the fields of the models. Within a section, fields are checked in their order; rules between
fields follow, unless one of the section's fields has the wrong type. A value that is merely out of range does
not silence them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel

from nexgent.domain.agents.config_errors import InvalidConfigError
from nexgent.domain.agents.config_models import (
    DcaConfig,
    SignalsConfig,
    SizeRange,
    SolBalanceThresholds,
    StaleTradeConfig,
    StopLossConfig,
    TakeProfitConfig,
    TradingConfig,
)
from nexgent.domain.agents.config_numbers import describe, is_safe_integer, json_number, read_number
from nexgent.shared.money import plain


class _WrongTypeError(Exception):
    """A value, or one inside it, has the wrong type; the problem is already noted."""


# An array of thousands of bad items deserves an answer, not one line for each.
MAX_PROBLEMS = 100

_Problems = list[str]
_Reader = Callable[[object, str, _Problems], Any]


def read_config(document: Mapping[str, object]) -> TradingConfig:
    """Return the configuration of a complete document.

    Raises InvalidConfigError with everything that is wrong.
    """
    problems: _Problems = []
    try:
        config = _read_model(TradingConfig, document, "", problems)
    except _WrongTypeError:
        raise InvalidConfigError(problems[:MAX_PROBLEMS]) from None
    if problems:
        raise InvalidConfigError(problems[:MAX_PROBLEMS])
    if not isinstance(config, TradingConfig):
        raise TypeError(f"expected a TradingConfig, built {type(config).__name__}")
    return config


def _read_model(model: type[BaseModel], value: object, path: str, problems: _Problems) -> BaseModel:
    if not isinstance(value, Mapping):
        raise _wrong(path, "an object", value, problems)
    values: dict[str, object] = {}
    aborted = False
    for field in _fields(model):
        field_path = f"{path}.{field.key}" if path else field.key
        raw = value.get(field.key)
        if raw is None and field.optional:
            values[field.name] = None
            continue
        if field.may_be_absent and (field.key not in value or (raw is None and model is TradingConfig)):
            values[field.name] = field.default
            continue
        if field.key not in value:
            problems.append(f"{field_path}: is required")
            aborted = True
            continue
        try:
            values[field.name] = field.read(raw, field_path, problems)
        except _WrongTypeError:
            aborted = True
    if aborted:
        raise _WrongTypeError
    built = model.model_construct(None, **values)
    rule = _RULES.get(model)
    if rule is not None:
        for where, message in rule(built):
            problems.append(f"{'.'.join(part for part in (path, where) if part)}: {message}")
    return built


def _wrong(path: str, wanted: str, value: object, problems: _Problems) -> _WrongTypeError:
    problems.append(f"{path}: must be {wanted}, got {describe(value)}")
    return _WrongTypeError()


# --- Readers, built once per model from its fields ---

_YOUNGER = frozenset(
    info.annotation for info in TradingConfig.model_fields.values() if info.exclude_if is not None
)
"""Sections that are written only when they say something: whatever was stored or sent before may lack them."""


@dataclass(frozen=True, slots=True)
class _Field:
    key: str
    name: str
    optional: bool
    read: _Reader
    may_be_absent: bool
    """Only for sections and fields that are younger than the contract: stored configurations do not have them."""
    default: object


@cache
def _fields(model: type[BaseModel]) -> tuple[_Field, ...]:
    fields = []
    for name, info in model.model_fields.items():
        annotation, optional = _without_none(info.annotation)
        key = info.serialization_alias or info.alias or name
        reader = _reader(annotation, info.metadata)
        younger = info.exclude_if is not None
        may_be_absent = younger or model in _YOUNGER or annotation in _YOUNGER
        fields.append(_Field(key, name, optional, reader, may_be_absent, info.default))
    return tuple(fields)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    members = [member for member in get_args(annotation) if member is not NoneType]
    return members[0], True


def _reader(annotation: Any, metadata: Sequence[object]) -> _Reader:
    constraints = list(metadata)
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        constraints.extend(_unpacked(more))
    if annotation is bool:
        return _read_bool
    if annotation is str:
        return _string_reader(constraints)
    if annotation in (Decimal, int):
        return _number_reader(whole=annotation is int, constraints=constraints)
    if get_origin(annotation) is Literal:
        return _choice_reader(get_args(annotation))
    if get_origin(annotation) is tuple:
        return _list_reader(_reader(get_args(annotation)[0], ()), constraints)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return lambda value, path, problems: _read_model(annotation, value, path, problems)
    raise TypeError(f"a configuration field cannot have the type {annotation!r}")


def _unpacked(metadata: Sequence[Any]) -> Iterator[object]:
    """Yield constraints, also those wrapped in a pydantic `Field(...)` inside `Annotated`."""
    for item in metadata:
        inner = getattr(item, "metadata", None)
        if inner is None:
            yield item
        else:
            yield from inner


def _read_bool(value: object, path: str, problems: _Problems) -> bool:
    if not isinstance(value, bool):
        raise _wrong(path, "true or false", value, problems)
    return value


def _number_reader(*, whole: bool, constraints: Sequence[object]) -> _Reader:
    limits = tuple(_limits(constraints))

    def read(value: object, path: str, problems: _Problems) -> Decimal | int:
        try:
            number = read_number(value)
        except ValueError as error:
            problems.append(f"{path}: {error}")
            raise _WrongTypeError from None
        if whole and not is_safe_integer(number):
            problems.append(f"{path}: must be a whole number, got {json_number(number)}")
        for broken, wanted in limits:
            if broken(number):
                problems.append(f"{path}: must be {wanted}, got {json_number(number)}")
        return int(number) if whole else number

    return read


def _limits(constraints: Sequence[object]) -> Iterator[tuple[Callable[[Decimal], bool], str]]:
    for item in constraints:
        match item:
            case annotated_types.Ge(ge=bound):
                yield _limit(bound, lambda number, low: number < low), f"at least {bound}"
            case annotated_types.Gt(gt=bound):
                yield _limit(bound, lambda number, low: number <= low), f"greater than {bound}"
            case annotated_types.Le(le=bound):
                yield _limit(bound, lambda number, high: number > high), f"at most {bound}"


def _limit(bound: Any, breaks: Callable[[Decimal, Decimal], bool]) -> Callable[[Decimal], bool]:
    exact = Decimal(bound)
    return lambda number: breaks(number, exact)


def _lengths(constraints: Sequence[object]) -> tuple[int, int | None]:
    low, high = 0, None
    for item in constraints:
        if isinstance(item, annotated_types.MinLen):
            low = item.min_length
        elif isinstance(item, annotated_types.MaxLen):
            high = item.max_length
    return low, high


def _string_reader(constraints: Sequence[object]) -> _Reader:
    low, high = _lengths(constraints)

    def read(value: object, path: str, problems: _Problems) -> str:
        if not isinstance(value, str):
            raise _wrong(path, "a string", value, problems)
        if len(value) < low or (high is not None and len(value) > high):
            problems.append(f"{path}: must have {low} to {high} characters, got {len(value)}")
        return value

    return read


def _choice_reader(choices: tuple[str, ...]) -> _Reader:
    wanted = f"one of {', '.join(choices)}"

    def read(value: object, path: str, problems: _Problems) -> str:
        if not isinstance(value, str) or value not in choices:
            raise _wrong(path, wanted, value, problems)
        return value

    return read


def _list_reader(item: _Reader, constraints: Sequence[object]) -> _Reader:
    _, high = _lengths(constraints)

    def read(value: object, path: str, problems: _Problems) -> tuple[object, ...]:
        if not isinstance(value, list | tuple):
            raise _wrong(path, "an array", value, problems)
        if high is not None and len(value) > high:
            problems.append(f"{path}: must have at most {high} items, got {len(value)}")
        items: list[object] = []
        aborted = False
        for index, element in enumerate(value):
            try:
                items.append(item(element, f"{path}.{index}", problems))
            except _WrongTypeError:
                aborted = True
        if aborted:
            raise _WrongTypeError
        return tuple(items)

    return read


# --- Rules between fields: yield (where inside the section, message) ---

_Findings = Iterator[tuple[str, str]]


def _size_range_rules(sizes: SizeRange) -> _Findings:
    if sizes.min > sizes.max:
        yield "", f"min must not be greater than max, got {plain(sizes.min)} and {plain(sizes.max)}"


def _threshold_rules(thresholds: SolBalanceThresholds) -> _Findings:
    if thresholds.minimum >= thresholds.medium:
        yield (
            "",
            f"minimum must be less than medium, got {plain(thresholds.minimum)} and {plain(thresholds.medium)}",
        )
    if thresholds.medium >= thresholds.large:
        yield (
            "",
            f"medium must be less than large, got {plain(thresholds.medium)} and {plain(thresholds.large)}",
        )


def _signal_rules(signals: SignalsConfig) -> _Findings:
    bounds: tuple[tuple[str, Decimal | int | None, Decimal | int | None], ...] = (
        ("marketCap", signals.market_cap_min, signals.market_cap_max),
        ("liquidity", signals.liquidity_min, signals.liquidity_max),
        ("holderCount", signals.holder_count_min, signals.holder_count_max),
    )
    for name, low, high in bounds:
        if low is not None and high is not None and low > high:
            yield (
                f"{name}Max",
                f"must not be less than {name}Min, got {plain(Decimal(high))} and {plain(Decimal(low))}",
            )


def _stop_loss_rules(stop_loss: StopLossConfig) -> _Findings:
    if stop_loss.mode != "custom":
        return
    if stop_loss.enabled and not stop_loss.trailing_levels:
        yield "trailingLevels", "mode custom needs at least one level"
    changes = [level.change for level in stop_loss.trailing_levels]
    for index in range(1, len(changes)):
        if changes[index] >= changes[index - 1]:
            yield f"trailingLevels.{index}", "levels must be in descending order of change, without repeats"


def _stale_trade_rules(stale: StaleTradeConfig) -> _Findings:
    if stale.min_profit_percent > stale.max_profit_percent:
        yield (
            "maxProfitPercent",
            (
                f"must not be less than minProfitPercent, got {plain(stale.max_profit_percent)} "
                f"and {plain(stale.min_profit_percent)}"
            ),
        )


def _dca_rules(dca: DcaConfig) -> _Findings:
    if dca.mode != "custom":
        return
    if dca.enabled and not dca.levels:
        yield "levels", "mode custom needs at least one level"
    drops = [level.drop_percent for level in dca.levels]
    for index in range(1, len(drops)):
        if drops[index] > drops[index - 1]:
            yield f"levels.{index}", "levels must go from the smallest drop to the largest"


def _take_profit_rules(take_profit: TakeProfitConfig) -> _Findings:
    if take_profit.mode != "custom":
        return
    levels, moon_bag = take_profit.levels, take_profit.moon_bag
    if not levels:
        yield "levels", "mode custom needs at least one level"
        return
    retained = moon_bag.retain_percent if moon_bag.enabled else Decimal(0)
    allocated = sum((level.sell_percent for level in levels), retained)
    if allocated > 100:
        yield "levels", f"sold and retained percent must not exceed 100 together, got {plain(allocated)}"
    for index in range(1, len(levels)):
        if levels[index].target_percent <= levels[index - 1].target_percent:
            yield f"levels.{index}", "levels must be in ascending order of targetPercent, without repeats"
    if moon_bag.enabled and moon_bag.trigger_percent > levels[-1].target_percent:
        yield (
            "moonBag.triggerPercent",
            (
                f"must not be greater than the last level's targetPercent, "
                f"got {plain(moon_bag.trigger_percent)} and {plain(levels[-1].target_percent)}"
            ),
        )


_RULES: dict[type[BaseModel], Callable[[Any], _Findings]] = {
    SizeRange: _size_range_rules,
    SolBalanceThresholds: _threshold_rules,
    SignalsConfig: _signal_rules,
    StopLossConfig: _stop_loss_rules,
    StaleTradeConfig: _stale_trade_rules,
    DcaConfig: _dca_rules,
    TakeProfitConfig: _take_profit_rules,
}
