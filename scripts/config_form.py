"""The fields of the trading configuration as the dashboard's form needs them: types, ranges, defaults.

The API's document has no ranges for them, since its numbers are read by hand (`config_numbers`); the models have.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nexgent.domain.agents.config_models import DcaConfig, StopLossConfig, TakeProfitConfig, TradingConfig
from nexgent.domain.agents.config_numbers import json_number
from nexgent.domain.trading.rules.dca import dca_levels
from nexgent.domain.trading.rules.stop_loss import stop_loss_percentage
from nexgent.domain.trading.rules.take_profit import take_profit_plan

Field = dict[str, Any]

_CURVE_GAINS_PCT = range(0, 305, 5)
_PRESETS = ("aggressive", "moderate", "conservative")


def config_form() -> dict[str, Any]:
    """Return the sections in their order with their fields, and what the rules themselves say of each mode.

    `takeProfit` and `dca` have the levels of their templates; `stopCurves` has by mode the stop for each peak gain, both in
    percent from the entry, null where the stop of the start still applies.
    """
    return {
        "sections": list(_fields(TradingConfig)),
        "takeProfit": {mode: _take_profit(mode) for mode in _PRESETS},
        "dca": {
            mode: [_json(level) for level in dca_levels(DcaConfig.model_validate({"mode": mode}))]
            for mode in _PRESETS
        },
        "stopCurves": {mode: _stop_curve(mode) for mode in ("fixed", "exponential", "zones")},
    }


def _take_profit(mode: str) -> Field:
    plan = take_profit_plan(TakeProfitConfig.model_validate({"mode": mode}))
    return {"levels": [_json(level) for level in plan.levels], "moonBag": _json(plan.moon_bag)}


def _stop_curve(mode: str) -> list[list[float | None]]:
    config = StopLossConfig.model_validate({"mode": mode, "defaultPercentage": -100})
    points: list[list[float | None]] = []
    for gain in _CURVE_GAINS_PCT:
        stop = stop_loss_percentage(Decimal(gain), config)
        points.append([gain, round(float(stop), 2) if stop > 0 else None])
    return points


def _fields(model: type[BaseModel]) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        yield {"key": info.serialization_alias or info.alias or name, **_described(info)}


def _described(info: FieldInfo) -> Field:
    kind, optional = _without_none(info.annotation)
    field: Field = _kind(kind)
    if optional:
        field["optional"] = True
    for rule in info.metadata:
        field |= _rule(rule)
    if not info.is_required():
        field["default"] = _json(info.get_default(call_default_factory=True))
    return field


def _kind(kind: Any) -> Field:
    if get_origin(kind) is Annotated:
        inner, *rules = get_args(kind)
        described = _kind(inner)
        for rule in rules:
            for one in getattr(rule, "metadata", [rule]):
                described |= _rule(one)
        return described
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {"type": "group", "fields": list(_fields(kind))}
    if get_origin(kind) is tuple:
        item = _kind(get_args(kind)[0])
        return {"type": "list", "item": item}
    if get_origin(kind) is Literal:
        return {"type": "choice", "options": list(get_args(kind))}
    named = {bool: "switch", int: "integer", Decimal: "number", str: "text"}
    return {"type": named[kind]}


def _rule(rule: object) -> Field:
    match rule:
        case annotated_types.Ge(ge=limit):
            return {"least": _json(limit)}
        case annotated_types.Gt(gt=limit):
            return {"above": _json(limit)}
        case annotated_types.Le(le=limit):
            return {"most": _json(limit)}
        case annotated_types.MinLen(min_length=length):
            return {"shortest": length}
        case annotated_types.MaxLen(max_length=length):
            return {"longest": length}
    return {}


def _without_none(kind: Any) -> tuple[Any, bool]:
    if get_origin(kind) in (Union, types.UnionType):
        kept = [one for one in get_args(kind) if one is not types.NoneType]
        return kept[0], len(kept) < len(get_args(kind))
    return kind, False


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return json_number(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    return [_json(one) for one in value] if isinstance(value, tuple) else value
