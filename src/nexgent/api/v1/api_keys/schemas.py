"""Shapes of API keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from nexgent.api.fields import parse_time, shown
from nexgent.api.http.models import ApiModel, SchemaBody
from nexgent.api.http.problems import problem
from nexgent.api.http.types import MILLISECONDS, Instant
from nexgent.domain.users.api_keys import ApiKeyRecord, NewApiKey
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.names import MAX_NAME_LENGTH


def _name(value: str) -> str:
    length = len(value.strip())
    if not 1 <= length <= MAX_NAME_LENGTH:
        limit = "at least 1" if length == 0 else f"at most {MAX_NAME_LENGTH}"
        raise problem(f"String must contain {limit} character(s)")
    return value


def _scopes(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
    if not isinstance(value, list):
        raise problem(f"Expected array, received {shown(value)}")
    if not value:
        raise problem("Array must contain at least 1 element(s)")
    # A long list of nonsense deserves an answer, not one line for each.
    found: list[Scope] = handler(value[: len(Scope)])
    for one in value[len(Scope) :]:
        if not (isinstance(one, str) and one in set(Scope)):
            raise problem("Array contains invalid values")
        found.append(Scope(one))
    return found


def _expiry(value: object, info: ValidationInfo) -> object:
    if value is None:
        return None
    try:
        return parse_time(value, "expiresAt")
    except InvalidInputError as error:
        if {"name", "scopes"} <= info.data.keys():
            # The contract tells of it by itself, once everything else is right.
            raise
        raise problem(error.message) from None


AScope = Annotated[Scope, Strict(False)]
Name = Annotated[
    str,
    Field(max_length=10_000),
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH, "pattern": r"\S"}),
]


class ApiKeyIn(SchemaBody):
    """A new key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Signals", "scopes": ["signals"]}]})

    name: Name
    scopes: Annotated[list[AScope], WrapValidator(_scopes)] = Field(json_schema_extra={"minItems": 1})
    expires_at: Annotated[
        datetime | None,
        BeforeValidator(_expiry),
        WithJsonSchema(
            {"anyOf": [{"type": "string", "format": "date-time"}, MILLISECONDS, {"type": "null"}]}
        ),
    ] = None


class ApiKeyOut(ApiModel):
    """A key without the key: `prefix` is how it begins."""

    id: UUID
    name: str
    prefix: str
    scopes: list[AScope]
    created_at: Instant
    expires_at: Instant | None

    @classmethod
    def of(cls, record: ApiKeyRecord) -> ApiKeyOut:
        """Return what is kept of a key."""
        return cls.model_construct(**_facts(record))


class NewApiKeyOut(ApiKeyOut):
    """A key in the only answer that contains it."""

    key: str

    @classmethod
    def with_key(cls, new: NewApiKey) -> NewApiKeyOut:
        """Return a key with the key."""
        return cls.model_construct(**_facts(new.record), key=new.key)


def _facts(record: ApiKeyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "prefix": record.prefix,
        "scopes": list(record.scopes),
        "created_at": record.created_at,
        "expires_at": record.expires_at,
    }


class ApiKeysOut(ApiModel):
    """All keys of a user, newest first."""

    items: list[ApiKeyOut]

    @classmethod
    def of(cls, records: Sequence[ApiKeyRecord]) -> ApiKeysOut:
        """Return all keys."""
        return cls.model_construct(items=[ApiKeyOut.of(record) for record in records])
