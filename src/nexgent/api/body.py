"""Request bodies: JSON without floats, or a form."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

from starlette.requests import Request

from nexgent.api.errors import InvalidJsonError
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.texts import is_clean_text

_MAX_DIGITS = 200
_INTEGER_DIGITS = 18
_MAX_EXPONENT = 400
_KINDS: dict[type, str] = {list: "array", str: "string", bool: "boolean", type(None): "null"}


class NotAnObjectError(InvalidInputError):
    """The body is JSON, but no object."""

    def __init__(self, document: object) -> None:
        super().__init__("Invalid request body: it must be a JSON object")
        self.kind = _KINDS.get(type(document), "number")
        """What it is instead."""


async def read_body(request: Request) -> dict[str, object]:
    """Return the body as an object; a missing one, or one of another content type, is empty.

    Numbers with a fraction are `Decimal`. Raises `InvalidJsonError`, `InvalidInputError`.
    """
    return body_as_object(await request.body(), request.headers.get("content-type", ""))


def body_as_object(raw: bytes, content_type: str) -> dict[str, object]:
    """Return the bytes of a body as an object. Raises `InvalidJsonError`, `InvalidInputError`."""
    if not raw:
        return {}
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return parse_object(raw)
    if kind == "application/x-www-form-urlencoded":
        return _form(raw)
    return {}


def parse_object(raw: bytes) -> dict[str, object]:
    """Return a JSON document that must be an object. Raises `InvalidJsonError`, `InvalidInputError`."""
    document = parse_document(raw)
    if not isinstance(document, dict):
        raise NotAnObjectError(document)
    return document


def parse_document(raw: bytes) -> object:
    """Return a JSON document of any shape. Raises `InvalidJsonError`."""
    try:
        # JSON between systems is UTF-8 (RFC 8259). From bytes the library would guess UTF-16 and let half pairs pass.
        text = raw.decode("utf-8-sig")
        document: object = json.loads(text, parse_float=_decimal, parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidJsonError(f"Invalid JSON in request body{place}") from None
    if b"\\u" in raw and not _is_clean(document):
        raise InvalidJsonError(
            "Invalid JSON in request body: texts must not contain NUL or half a surrogate pair"
        )
    return document


def _form(raw: bytes) -> dict[str, object]:
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise InvalidInputError("Invalid form in request body") from None
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            raise InvalidInputError(f"Invalid request body: {name[:50]} is given more than once")
        if not is_clean_text(value):
            raise InvalidInputError(f"Invalid {name[:50]}: texts must not contain NUL")
        fields[name] = value
    return fields


def _decimal(text: str) -> Decimal:
    if len(text) > _MAX_DIGITS:
        raise ValueError("too many digits")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("not a number") from None
    if number and abs(number.adjusted()) > _MAX_EXPONENT:
        raise ValueError("the exponent is out of range")
    return number


def _integer(text: str) -> int | Decimal:
    # What does not fit into 64 bits is a number, but nobody's integer.
    return int(text) if len(text) <= _INTEGER_DIGITS else _decimal(text)


def _refuse(text: str) -> object:
    raise ValueError(f"{text} is not JSON")


def _is_clean(value: object) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if not is_clean_text(item):
                return False
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return True
