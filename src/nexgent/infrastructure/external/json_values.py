"""JSON of others: numbers as decimals from their text, values taken leniently."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_MAX_EXPONENT = 60
_MAX_DIGITS = 100


class BadJsonError(ValueError):
    """The bytes are not JSON, or not of the expected kind."""


def decode(body: bytes | str) -> object:
    """Return the value of a JSON text; numbers with a fraction or exponent are `Decimal`. Raises `BadJsonError`."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, InvalidOperation, RecursionError, UnicodeDecodeError) as error:
        raise BadJsonError("the body is not JSON") from error


def decode_object(body: bytes | str) -> dict[str, Any]:
    """Return the members of a JSON object. Raises `BadJsonError`."""
    value = decode(body)
    if not isinstance(value, dict):
        raise BadJsonError("the body is not a JSON object")
    return value


def decimal_of(value: object) -> Decimal | None:
    """Return a finite number of a magnitude one can calculate with, given as a JSON number or as text, else None."""
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    elif isinstance(value, str) and len(value) <= _MAX_DIGITS:
        try:
            number = Decimal(value)
        except InvalidOperation:
            return None
    else:
        return None
    if not number.is_finite() or abs(number.adjusted()) > _MAX_EXPONENT:
        return None
    return number


def int_of(value: object) -> int | None:
    """Return a whole number given as a JSON number or as digits, else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if (
        isinstance(value, str)
        and len(value) <= _MAX_DIGITS
        and value.lstrip("-").isdecimal()
        and value.isascii()
    ):
        try:
            return int(value)
        except ValueError:
            return None
    return None


def text_of(value: object) -> str | None:
    """Return a non-empty text, else None."""
    return value if isinstance(value, str) and value else None


def mapping_of(value: object) -> Mapping[str, Any]:
    """Return an object's members, nothing for every other value."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Return the elements of an array, nothing for every other value."""
    return value if isinstance(value, list) else []
