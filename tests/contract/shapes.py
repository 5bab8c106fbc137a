"""A few words for the shape of JSON: what a field is, whether it may be null, whether it may be absent."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

Shape = object
"""A word below, a dict of fields, or a list with the shape of its items."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True)
class Word:
    """A kind of value with its name."""

    name: str
    fits: Callable[[object], bool]


@dataclass(frozen=True)
class Nullable:
    """Always there, perhaps null."""

    shape: Shape


@dataclass(frozen=True)
class Optional:
    """Perhaps absent, never null."""

    shape: Shape


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


def _is_decimal(value: object) -> bool:
    try:
        return isinstance(value, str) and Decimal(value).is_finite() and "e" not in value.lower()
    except InvalidOperation:
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


UUID = Word("a UUID", _is_uuid)
TIME = Word(
    "a time such as 2025-01-27T12:00:00.000Z", lambda v: isinstance(v, str) and bool(_TIME.fullmatch(v))
)
TEXT = Word("a text", lambda v: isinstance(v, str))
DECIMAL = Word("a decimal as text", _is_decimal)
NUMBER = Word("a number", _is_number)
INT = Word("a whole number", lambda v: isinstance(v, int) and not isinstance(v, bool))
BOOL = Word("true or false", lambda v: isinstance(v, bool))
ANY = Word("anything", lambda _: True)


def one_of(*allowed: object) -> Word:
    """Return the word for exactly these values."""
    return Word(f"one of {allowed}", lambda v: v in allowed and isinstance(v, type(allowed[0])))


def mismatches(value: object, shape: Shape, where: str = "$") -> list[str]:
    """Return in words how a value differs from its shape; fields that are not in the shape are differences too."""
    if isinstance(shape, Nullable):
        return [] if value is None else mismatches(value, shape.shape, where)
    if isinstance(shape, Optional):
        return mismatches(value, shape.shape, where)
    if isinstance(shape, Word):
        return [] if shape.fits(value) else [f"{where}: {value!r} is not {shape.name}"]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is not an array"]
        return [
            line
            for index, item in enumerate(value)
            for line in mismatches(item, shape[0], f"{where}[{index}]")
        ]
    assert isinstance(shape, Mapping)
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is not an object"]
    found = [f"{where}.{name}: unknown field" for name in value if name not in shape]
    for name, field in shape.items():
        if name in value:
            found += mismatches(value[name], field, f"{where}.{name}")
        elif not isinstance(field, Optional):
            found.append(f"{where}.{name}: missing")
    return found
