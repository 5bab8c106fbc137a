"""Read single values from bodies and queries, with errors that name the field and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TypeVar
from uuid import UUID

from starlette.requests import Request

from nexgent.api.errors import SchemaError
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.mints import read_mint, read_traded_mint
from nexgent.shared.money import CONTEXT
from nexgent.shared.numbers import MAX_NUMBER_TEXT, read_decimal, read_whole
from nexgent.shared.types import TokenAddress

_MAX_SHOWN = 40
_MAX_INT32 = 2**31 - 1
_MAX_MINT_TEXT = 255
# `UUID` alone would also take digits of other scripts and underscores.
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_STORED = Decimal("1e-18")
_MISSING = object()
_T = TypeVar("_T")


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


class BodyFields:
    """The fields of a body whose first error is reported. An optional field that is null counts as absent."""

    def __init__(self, body: Mapping[str, object]) -> None:
        self._body = body

    def given(self, name: str) -> bool:
        """Tell whether the field is there and not null."""
        return self._body.get(name) is not None

    def present(self, name: str) -> bool:
        """Tell whether the field is there, be it as null."""
        return name in self._body

    def raw(self, name: str) -> object:
        """Return the field as it is, or None."""
        return self._body.get(name)

    def required(self, name: str) -> object:
        """Return the field. Raises when it is missing or null."""
        value = self._body.get(name)
        if value is None:
            raise InvalidInputError(f"{name} is required")
        return value

    def text(self, name: str, max_length: int) -> str:
        """Return a required text without surrounding blanks; blank ones are refused."""
        value = self.required(name)
        text = self._text(value, name, max_length)
        if not text:
            raise InvalidInputError(f"{name} is required and must not be blank")
        return text

    def optional_text(self, name: str, max_length: int | None) -> str | None:
        """Return a text without surrounding blanks, or None when it is absent, null or blank."""
        value = self._body.get(name)
        return None if value is None else self._text(value, name, max_length) or None

    def _text(self, value: object, name: str, max_length: int | None) -> str:
        if not isinstance(value, str):
            raise InvalidInputError(f"Invalid {name}: a text is required, received {shown(value)}")
        if max_length is not None and len(value) > max_length:
            raise InvalidInputError(f"Invalid {name}: it must not be longer than {max_length} characters")
        return value.strip()

    def mint(self, name: str) -> TokenAddress:
        """Return a required mint."""
        return read_mint(self.text(name, _MAX_MINT_TEXT), name)

    def traded_mint(self, name: str) -> TokenAddress:
        """Return the required mint of a token that can be bought."""
        return read_traded_mint(self.text(name, _MAX_MINT_TEXT), name)

    def optional_mint(self, name: str) -> TokenAddress | None:
        """Return a mint, or None when it is absent, null or blank."""
        text = self.optional_text(name, _MAX_MINT_TEXT)
        return read_mint(text, name) if text is not None else None

    def optional_decimal(
        self, name: str, *, minimum: Decimal | None = None, below: Decimal
    ) -> Decimal | None:
        """Return a number between limits with the 18 places that are stored, or None when it is absent or null."""
        value = self._body.get(name)
        if value is None:
            return None
        number = parse_decimal(value, name)
        if minimum is not None and number < minimum:
            raise InvalidInputError(f"Invalid {name}: it must not be less than {minimum}")
        if abs(number) >= below:
            raise InvalidInputError(f"Invalid {name}: it must be less than {below:f}")
        return number.quantize(_STORED, context=CONTEXT)

    def optional_bool(self, name: str, default: bool) -> bool:
        """Return a JSON boolean."""
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InvalidInputError(f"Invalid {name}: true or false is required, received {shown(value)}")
        return value


class SchemaFields:
    """The fields of a body all of whose errors are reported together, by `done`."""

    def __init__(self, body: Mapping[str, object]) -> None:
        self._body = body
        self._problems: list[tuple[str, str]] = []

    def text(
        self, name: str, *, minimum: int = 0, maximum: int = 10_000, required: bool = True
    ) -> str | None:
        """Return a text whose length is within limits (before trimming)."""
        value = self._typed(name, str, "string", required)
        if value is None:
            return None
        if len(value) < minimum:
            self.fail(name, f"String must contain at least {minimum} character(s)")
        elif len(value) > maximum:
            self.fail(name, f"String must contain at most {maximum} character(s)")
        return value

    def boolean(self, name: str) -> bool | None:
        """Return an optional boolean."""
        return self._typed(name, bool, "boolean", required=False)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """Return an optional text that is one of those allowed."""
        value = self._body.get(name, _MISSING)
        if value is _MISSING:
            return None
        if isinstance(value, str) and value in allowed:
            return value
        names = " | ".join(f"'{one}'" for one in allowed)
        self.fail(name, f"Invalid enum value. Expected {names}, received {shown(value)}")
        return None

    def fail(self, name: str, message: str) -> None:
        """Note a problem."""
        self._problems.append((name, message))

    def done(self) -> None:
        """Raise `SchemaError` when there were problems."""
        if self._problems:
            raise SchemaError(self._problems)

    def _typed(self, name: str, kind: type[_T], word: str, required: bool) -> _T | None:
        value = self._body.get(name, _MISSING)
        if value is _MISSING:
            if required:
                self.fail(name, "Required")
            return None
        if not isinstance(value, kind):
            self.fail(name, f"Expected {word}, received {_json_type(value)}")
            return None
        return value


class QueryFields:
    """The parameters of a query. Each may be given once; an empty one counts as absent."""

    def __init__(self, request: Request) -> None:
        self._values: dict[str, str] = {}
        if not request.scope["query_string"]:
            return
        for name, value in request.query_params.multi_items():
            if name in self._values:
                raise InvalidInputError(f"Invalid {name[:_MAX_SHOWN]}: it must be given only once")
            self._values[name] = value

    def text(self, name: str, *, max_length: int = 255) -> str | None:
        """Return a text without surrounding blanks, or None."""
        given = self._values.get(name, "")
        if len(given) > max_length:
            raise InvalidInputError(f"Invalid {name}: at most {max_length} characters of text are allowed")
        return given.strip() or None

    def time(self, name: str) -> datetime | None:
        """Return a time, or None."""
        value = self.text(name)
        return parse_time(value, name) if value is not None else None

    def decimal(self, name: str) -> Decimal | None:
        """Return a number, or None."""
        value = self.text(name)
        return parse_decimal(value, name) if value is not None else None

    def flag(self, name: str) -> bool | None:
        """Return whether the parameter is exactly `true`, or None when it is absent."""
        value = self._values.get(name)
        return value == "true" if value else None

    def uuid(self, name: str, what: str) -> UUID | None:
        """Return an id, or None."""
        value = self.text(name)
        return parse_uuid(value, what) if value is not None else None

    def page(self) -> tuple[int, int]:
        """Return `limit` (default 100, at most 1000) and `offset` (default 0)."""
        return min(self._whole("limit", 100, 1), 1000), self._whole("offset", 0, 0)

    def _whole(self, name: str, default: int, minimum: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        number = read_whole(value, most_digits=15)
        if number is None or number < minimum:
            raise InvalidInputError(f"Invalid {name}: a whole number from {minimum} is required")
        return number


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, Decimal)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
