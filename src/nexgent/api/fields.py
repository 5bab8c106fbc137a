"""Read single values, with errors that name the field and what is allowed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from uuid import UUID

from nexgent.shared.errors import InvalidInputError
from nexgent.shared.numbers import MAX_NUMBER_TEXT, read_decimal, read_whole

_MAX_SHOWN = 40
_MAX_INT32 = 2**31 - 1
# `UUID` alone would also take digits of other scripts and underscores.
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def parse_uuid(text: object, what: str) -> UUID:
    """Return an id in its usual form, 8-4-4-4-12 hex digits. Raises `InvalidInputError`: "Invalid agent ID format"."""
    if isinstance(text, str) and _UUID.fullmatch(text):
        return UUID(text)
    raise InvalidInputError(f"Invalid {what} ID format")


def parse_time(value: object, name: str) -> datetime:
    """Return a time: ISO-8601 (a date is UTC midnight, no offset means UTC), RFC 2822, or milliseconds since 1970."""
    moment: datetime | None = None
    try:
        if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(float(value) / 1000, UTC)
        elif isinstance(value, str) and len(value) <= MAX_NUMBER_TEXT and value.isascii():
            moment = _time_of_text(value.strip())
    except (ValueError, OverflowError, OSError, IndexError, TypeError):
        moment = None
    if moment is None or not 1970 <= moment.year <= 9000:
        raise InvalidInputError(f"Invalid {name}: a date such as 2025-01-27T12:00:00.000Z is required")
    return moment


def _time_of_text(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = parsedate_to_datetime(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_decimal(value: object, name: str) -> Decimal:
    """Return a finite number given as a JSON number or a numeric text."""
    number: Decimal | None = None
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        # JSON knows -0.0.
        number = Decimal(value) if value else Decimal(0)
    elif isinstance(value, str):
        number = read_decimal(value)
    if number is None or not number.is_finite():
        raise InvalidInputError(f"Invalid {name}: a number is required, received {shown(value)}")
    return number


def parse_signal_id(value: object, name: str = "signalId") -> int:
    """Return a signal's number: a positive 32-bit integer, as number or text."""
    if isinstance(value, str):
        value = read_whole(value, most_digits=12)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_INT32:
        return value
    raise InvalidInputError(f"Invalid {name}: it must be a valid integer")


def shown(value: object) -> str:
    """Return a value for an error message: short, and only its type where it is not a scalar."""
    if isinstance(value, str):
        return repr(value[:_MAX_SHOWN])
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return str(value)[:_MAX_SHOWN]
    return "an array" if isinstance(value, list) else "an object"
