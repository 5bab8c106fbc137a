"""The base of all shapes: snake_case here, camelCase outside, nothing converted that was not meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, model_validator
from pydantic.alias_generators import to_camel

from nexgent.api.http.requests import BrokenBody

_LONGEST_TEXT = 255


class ApiModel(BaseModel):
    """A shape of the interface."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    @classmethod
    def showing(cls, value: object, **otherwise: Any) -> Self:
        """Return the shape of a value of ours that has its fields under the same names, but for those that are given.

        Nothing is validated: the value is ours, and a contract test holds every answer against its shape. It is what
        `model_construct` makes of the same fields, which looks at aliases and defaults of each and takes three times as long:
        long lists are made of nothing else.
        """
        names = cls.__pydantic_fields__
        shown = cls.__new__(cls)
        fields = {name: otherwise[name] if name in otherwise else getattr(value, name) for name in names}
        object.__setattr__(shown, "__dict__", fields)
        object.__setattr__(shown, "__pydantic_fields_set__", set(names))
        object.__setattr__(shown, "__pydantic_extra__", None)
        object.__setattr__(shown, "__pydantic_private__", None)
        return shown


class Body(ApiModel):
    """What a request brings. Fields nobody knows are ignored, as clients of the reference expect.

    The first problem is reported, as text: "Invalid name: …".
    """

    model_config = ConfigDict(strict=True)

    all_problems: ClassVar[bool] = False
    """Whether all problems are reported together, as a list under `details.errors`."""

    missing: ClassVar[Mapping[str, str]] = {}
    """What is said when a field is missing, where the contract has words of its own."""

    @model_validator(mode="wrap")
    @classmethod
    def _readable(cls, data: object, handler: ModelWrapValidatorHandler[Body]) -> Body:
        # A body that could not be read is complained about now that it is clear that the caller may call.
        if isinstance(data, BrokenBody):
            raise data.error_of(as_list=cls.all_problems)
        return handler(data)


def left_out() -> Any:
    """Return the field of a value that may be left out but not be null. Whether it is there says `model_fields_set`."""
    return Field(default=None, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


class SchemaBody(Body):
    """A body all of whose problems are reported together, field by field."""

    all_problems = True


class NothingIn(Body):
    """Nothing is needed, but a broken body is a mistake of the sender's and said so."""


async def _nothing(body: NothingIn) -> None:
    """Read the body and leave it at that."""


READS_NOTHING: Any = Depends(_nothing)


class DoneOut(ApiModel):
    """A plain confirmation."""

    success: bool
    message: str


class Query(ApiModel):
    """The parameters of a list's query. Forms send what was left empty; it counts as left out."""

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        return {name: one for name, one in given.items() if not _is_blank(one)}


def _is_blank(value: object) -> bool:
    # What is longer than any text may be is refused, whatever it consists of.
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT and not value.strip()
