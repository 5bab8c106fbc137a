"""What the OpenAPI document says of bodies is what happens: fields missing, null, of another type, too long, too big, unknown.

The probes are made from the document, and the models that FastAPI gives every body to say what becomes of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel, ValidationError

from nexgent.api.app import ENDPOINTS
from nexgent.api.body import parse_document
from nexgent.api.encoding import encode
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.shared.errors import NexgentError
from tests.openapi import openapi_document

DOCUMENT = openapi_document()
WITH_BODY = [route for route in ENDPOINTS if route.has_body]
WRONG: tuple[object, ...] = (None, True, "", " ", "x", -7, 7, Decimal("1.5"), [], {}, [[]])

# What a model takes and the document does not, or the other way round, with the reason.
_BY_USE_CASE = "the model takes it, and the use case refuses it with a text of its own"
_TOGETHER = (
    "percent belongs to the action reduce, and reduce needs it: two fields together, which the texts say"
)
DIFFERENT: Mapping[str, str] = {
    "POST /signal-webhooks maxAgeSeconds": _BY_USE_CASE,
    "POST /notifications/targets name": _BY_USE_CASE,
    "POST /notifications/targets url": _BY_USE_CASE,
    "POST /notifications/targets digestSeconds": _BY_USE_CASE,
    "PUT /notifications/targets/{id} name": _BY_USE_CASE,
    "PUT /notifications/targets/{id} url": _BY_USE_CASE,
    "PUT /notifications/targets/{id} digestSeconds": _BY_USE_CASE,
    "POST /signal-webhooks name": _BY_USE_CASE,
    "PUT /signal-webhooks/{id} maxAgeSeconds": _BY_USE_CASE,
    "PUT /signal-webhooks/{id} name": _BY_USE_CASE,
    "POST /auth/register password": _BY_USE_CASE,
    "POST /auth/change-password newPassword": _BY_USE_CASE,
    "POST /admin/users password": _BY_USE_CASE,
    "POST /admin/users/{id}/reset-password password": _BY_USE_CASE,
    "POST /auth/logout refreshToken": "whatever is no token is ignored, so that logging out always works",
    "POST /trading-signals action": _TOGETHER,
    "POST /trading-signals percent": _TOGETHER,
    "POST /trading-signals/test action": _TOGETHER,
    "POST /trading-signals/test percent": _TOGETHER,
    "POST /wallets walletType": "a live wallet with a key needs none",
    "POST /wallets privateKey": _BY_USE_CASE,
}


def named(route: ApiRoute) -> str:
    return f"{route.method} {route.path}"


def content_of(route: ApiRoute) -> dict[str, Any]:
    operation = DOCUMENT["paths"][PREFIX + route.path][route.method.lower()]
    found: dict[str, Any] = operation["requestBody"]["content"]["application/json"]
    return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def options_of(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = resolved(schema)
    for one in found.get("anyOf", [found]):
        yield resolved(one)


def beyond(schema: dict[str, Any]) -> Iterator[object]:
    """Yield values just beyond the limits of a field."""
    for one in options_of(schema):
        if "maxLength" in one:
            yield "x" * (one["maxLength"] + 1)
        if one.get("minLength"):
            yield "x" * (one["minLength"] - 1)
        if "maximum" in one:
            yield int(one["maximum"]) + 1
        if "exclusiveMaximum" in one:
            yield int(one["exclusiveMaximum"])
        if "minimum" in one:
            yield int(one["minimum"]) - 1
        if "exclusiveMinimum" in one:
            yield int(one["exclusiveMinimum"])


def probes(route: ApiRoute) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the field, what is done to it, and the body."""
    content = content_of(route)
    example = parse_document(encode(content["example"]))
    assert isinstance(example, dict)
    yield "", "as in the example", example
    yield "", "an unknown field", {**example, "nobodyKnowsThis": 1}
    for name, field in resolved(content["schema"]).get("properties", {}).items():
        yield name, "missing", {key: value for key, value in example.items() if key != name}
        for value in (*WRONG, *beyond(field)):
            yield name, f"{str(value)[:20]!r} ({type(value).__name__})", {**example, name: value}


def accepted(model: type[BaseModel], body: dict[str, Any]) -> bool:
    try:
        model.model_validate(body)
    except (ValidationError, NexgentError):
        return False
    return True


@pytest.mark.parametrize("route", WITH_BODY, ids=named)
def test_bodies_are_taken_as_documented(route: ApiRoute) -> None:
    schema = content_of(route)["schema"]
    says = jsonschema_rs.validator_for(
        {**schema, "components": DOCUMENT["components"]}, validate_formats=True
    )
    model = route.body_field.field_info.annotation if route.body_field is not None else None
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    different = []
    for field, what, body in probes(route):
        documented = says.is_valid(_floats(body))
        excused = field in DIFFERENT or f"{named(route)} {field}" in DIFFERENT
        if documented != accepted(model, body) and not excused:
            different.append(f"{field} {what}: the document says {'yes' if documented else 'no'}")
    assert different == []


@pytest.mark.parametrize("route", WITH_BODY, ids=named)
def test_a_body_is_required_where_none_would_be_refused(route: ApiRoute) -> None:
    # A missing body is an empty object, whoever it is sent to.
    model = route.body_field.field_info.annotation if route.body_field is not None else None
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    operation = DOCUMENT["paths"][PREFIX + route.path][route.method.lower()]
    assert operation["requestBody"].get("required", False) is not accepted(model, {})


def _floats(value: object) -> object:
    """Return a document for a validator that knows no decimals."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _floats(one) for name, one in value.items()}
    return [_floats(one) for one in value] if isinstance(value, list) else value
