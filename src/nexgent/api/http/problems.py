"""What pydantic finds wrong with a request, in the words of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic_core import PydanticCustomError

from nexgent.api.errors import SchemaError
from nexgent.api.fields import shown
from nexgent.api.http.models import Body
from nexgent.shared.errors import InvalidInputError, NexgentError

_RAW = "contract_text"
_ABOUT = "contract_about"


_PLACES = ("query", "header", "cookie", "path", "body")


def problem(text: str) -> PydanticCustomError:
    """Return a problem of a field; it is told as "Invalid {field}: {text}"."""
    return PydanticCustomError(_ABOUT, "{text}", {"text": text})


def problem_text(text: str) -> PydanticCustomError:
    """Return a problem whose text is complete as it is."""
    return PydanticCustomError(_RAW, "{text}", {"text": text})


def invalid_request(errors: Sequence[Mapping[str, Any]], body: type[Body] | None) -> NexgentError:
    """Return the error that says what is wrong.

    A body that reports all its problems comes before ids and parameters, as in the reference; else the first problem is told.
    """
    if body is not None and body.all_problems:
        found: dict[str, str] = {}
        for error in errors:
            if error["loc"][0] == "body":
                found.setdefault(_field(error), _schema_message(error))
        if found:
            return SchemaError(list(found.items()))
    # Parameters come before ids, and ids before the body.
    first = min(errors, key=lambda error: _PLACES.index(error["loc"][0]))
    return InvalidInputError(_sentence(first, body.missing if body is not None else {}))


def _field(error: Mapping[str, Any]) -> str:
    # The first part says whether it is the body, the query or the path; a union adds which of its members was tried.
    parts = [part for part in error["loc"][1:] if not (isinstance(part, str) and "[" in part)]
    return ".".join(str(part) for part in parts)


def _sentence(error: Mapping[str, Any], missing: Mapping[str, str]) -> str:
    name, kind, value, facts = _field(error), error["type"], error.get("input"), error.get("ctx", {})
    if kind == _RAW:
        return str(facts["text"])
    if kind == "missing" and error["loc"][0] == "query":
        return f"{name} query parameter is required"
    if kind == "missing" or (value is None and kind != _ABOUT):
        return missing.get(name, f"{name} is required")
    return f"Invalid {name}: {_wrong(kind, value, facts)}"


def _wrong(kind: str, value: object, facts: Mapping[str, Any]) -> str:
    match kind:
        case "contract_about":
            return str(facts["text"])
        case "string_type":
            return f"a text is required, received {shown(value)}"
        case "string_too_long":
            return f"it must not be longer than {facts['max_length']} characters"
        case "string_too_short":
            return f"it must have at least {facts['min_length']} characters"
        case "bool_type" | "bool_parsing":
            return f"true or false is required, received {shown(value)}"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"an integer is required, received {shown(value)}"
        case "enum" | "literal_error":
            return f"{_alternatives(str(facts['expected']))} is required, received {shown(value)}"
        case "greater_than_equal":
            return f"it must not be less than {_plain(facts['ge'])}"
        case "less_than_equal":
            return f"it must not be more than {_plain(facts['le'])}"
        case "greater_than":
            return f"it must be greater than {_plain(facts['gt'])}"
        case "less_than":
            return f"it must be less than {_plain(facts['lt'])}"
        case "list_type":
            return f"an array is required, received {shown(value)}"
        case "too_long":
            return f"at most {facts['max_length']} items are allowed"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"an object is required, received {shown(value)}"
        case _:
            return f"it cannot be {shown(value)}"


def _schema_message(error: Mapping[str, Any]) -> str:
    kind, value, facts = error["type"], error.get("input"), error.get("ctx", {})
    match kind:
        case "contract_text" | "contract_about":
            return str(facts["text"])
        case "missing":
            return "Required"
        case "string_type":
            return f"Expected string, received {json_type(value)}"
        case "bool_type":
            return f"Expected boolean, received {json_type(value)}"
        case "int_type" | "int_from_float":
            return f"Expected number, received {json_type(value)}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"Expected object, received {json_type(value)}"
        case "string_too_short":
            return f"String must contain at least {facts['min_length']} character(s)"
        case "string_too_long":
            return f"String must contain at most {facts['max_length']} character(s)"
        case "literal_error" | "enum":
            names = str(facts["expected"]).replace(" or ", " | ").replace(", ", " | ")
            return f"Invalid enum value. Expected {names}, received {shown(value)}"
        case _:
            return _wrong(kind, value, facts)


def json_type(value: object) -> str:
    """Return what JSON calls the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, Decimal)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _alternatives(expected: str) -> str:
    return "one of " + expected.replace("'", "").replace(" or ", ", ")


def _plain(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
