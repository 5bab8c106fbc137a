"""Responses as bytes. Decimals become JSON numbers or plain text, never floats."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from starlette.responses import Response

from nexgent.shared.money import plain

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_JSON = (b"content-type", b"application/json; charset=utf-8")


class JsonBytes(Response):
    """A finished JSON document; costs nothing but its headers."""

    def __init__(self, content: bytes, status_code: int = 200) -> None:
        self.status_code = status_code
        self.body = content
        self.background = None
        self.raw_headers = [(b"content-length", str(len(content)).encode()), _JSON]


def encode(value: object) -> bytes:
    """Return a value as JSON: decimals as numbers, ids as text."""
    return _ENCODER.encode(value)


def json_response(value: object, status_code: int = 200) -> JsonBytes:
    """Return a value as a JSON response."""
    return JsonBytes(_ENCODER.encode(value), status_code)


def json_array(items: Iterable[bytes]) -> JsonBytes:
    """Return encoded items as a JSON array."""
    return JsonBytes(b"[" + b",".join(items) + b"]")


def iso(moment: datetime) -> str:
    """Return a time as `2025-01-27T12:00:00.000Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def iso_or_none(moment: datetime | None) -> str | None:
    """Return a time as text, if there is one."""
    return iso(moment) if moment is not None else None


def text_or_none(value: Decimal | None) -> str | None:
    """Return a decimal in plain notation, if there is one."""
    return plain(value) if value is not None else None


def seconds_up(seconds: float) -> int:
    """Return whole seconds, rounded up."""
    return math.ceil(seconds)
