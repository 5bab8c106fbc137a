"""Build domain values from the JSON of a vector, without validation: some are deliberate nonsense."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


def decimal(value: Any) -> Decimal:
    """Return a JSON number or a string of one as a decimal."""
    return Decimal(value)


def optional_decimal(value: Any) -> Decimal | None:
    """Return a JSON number as a decimal, null as None."""
    return None if value is None else Decimal(value)


def span(value: Any, unit: timedelta) -> timedelta:
    """Return so many units of time, exact to the microsecond."""
    microseconds = Decimal(value) * (unit // timedelta(microseconds=1))
    return timedelta(microseconds=int(microseconds))


def section(model: type[Model], data: Mapping[str, Any]) -> Model:
    """Return a part of the configuration; what the JSON leaves out has its default."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        key = field.serialization_alias or field.alias or name
        if key in data:
            values[name] = _value(field.annotation, data[key])
    return model.model_construct(None, **values)


def _value(annotation: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(annotation) is Annotated:
        return _value(get_args(annotation)[0], value)
    if get_origin(annotation) is tuple:
        return tuple(_value(get_args(annotation)[0], item) for item in value)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return section(annotation, value)
    members = [member for member in get_args(annotation) if member is not NoneType]
    if annotation is Decimal:
        return Decimal(value)
    if NoneType in get_args(annotation):
        return _value(members[0], value)
    return value
