"""Numbers of a configuration: JSON numbers outside, `Decimal` inside, and back without a change of value."""

from __future__ import annotations

import math
from decimal import Decimal

# Up to here a JSON number is an exact integer for every client; beyond, all of them read a double.
MAX_SAFE_INTEGER = 2**53 - 1


def read_number(value: object) -> Decimal:
    """Return a JSON number as the shortest decimal of its double: 2 and 2.0 are `2`, 0.05 is `0.05`.

    Raises ValueError for anything else: numeric strings, booleans, NaN, infinities, null.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        # ValueError, because pydantic turns that one into a validation error.
        raise ValueError(  # noqa: TRY004
            f"must be a number, got {describe(value)}"
        )
    if isinstance(value, int) and -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return Decimal(value)
    try:
        number = float(value)
    except (OverflowError, ValueError):
        raise ValueError("must be a finite number") from None
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    if number.is_integer() and -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        return Decimal(int(number))
    return Decimal(repr(number))


def is_safe_integer(number: Decimal) -> bool:
    """Tell whether a number of `read_number` is a whole one that every JSON client keeps exactly."""
    return -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER and number == number.to_integral_value()


def read_integer(value: object) -> int:
    """Return a JSON number that is whole (3 or 3.0). Raises ValueError for anything else."""
    number = read_number(value)
    if not is_safe_integer(number):
        raise ValueError(f"must be a whole number, got {json_number(number)}")
    return int(number)


def json_number(number: Decimal) -> int | float:
    """Return a number as JSON writes it: whole ones as integers, others as the double they came from."""
    return int(number) if is_safe_integer(number) else float(number)


def describe(value: object) -> str:
    """Name a JSON value for an error message: its kind, never its content, which may be long or private."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int() | float() | Decimal():
            return "a number"
        case dict():
            return "an object"
        case list() | tuple():
            return "an array"
        case _:
            return f"a value of type {type(value).__name__}"
