"""Kinds of values that mean the same everywhere: format, limits and an example, told once.

A parameter or a field names its kind in its type, and is parsed, documented and written accordingly.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Annotated, Any

from fastapi import Path
from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, WithJsonSchema
from pydantic.alias_generators import to_camel

from nexgent.api import fields
from nexgent.api.encoding import iso
from nexgent.api.http.problems import problem_text
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.mints import read_mint, read_traded_mint
from nexgent.shared.money import plain
from nexgent.shared.types import AgentId, PositionId, TokenAddress

_MINT = "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf"


def _uuid_of(what: str) -> BeforeValidator:
    def read(value: object) -> object:
        try:
            return fields.parse_uuid(value, what)
        except InvalidInputError as error:
            raise problem_text(error.message) from None

    return BeforeValidator(read)


def _uuid_schema(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "format": "uuid", "examples": [example]})


_AGENT_SCHEMA = _uuid_schema("6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2")
AnAgentId = Annotated[AgentId, _uuid_of("agent"), _AGENT_SCHEMA]
APositionId = Annotated[
    PositionId, _uuid_of("position"), _uuid_schema("0d7c2f55-98a1-4a3f-bb0d-6e3f1c7a2b90")
]
ThatAgentIdInPath = Annotated[AgentId, _uuid_of("agent"), _AGENT_SCHEMA, Path(alias="agentId")]
"""The agent of a path `/agent-positions/{agentId}`."""
AgentIdInPath = Annotated[AgentId, _uuid_of("agent"), _AGENT_SCHEMA, Path(alias="id")]
"""The agent of a path `/agents/{id}`."""

Instant = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-01T12:00:00.000Z"]}),
]
"""A time in UTC with milliseconds, as text."""

DecimalText = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["10.25"]}),
]
"""An exact decimal as text, never in exponent notation."""

DecimalNumber = Annotated[Decimal, WithJsonSchema({"type": "number", "examples": [10.25]})]
"""An exact decimal as a JSON number."""

_DOUBLE = Context(prec=17, rounding=ROUND_HALF_EVEN)
FigureNumber = Annotated[
    Decimal,
    PlainSerializer(_DOUBLE.plus, return_type=Decimal),
    WithJsonSchema({"type": "number", "examples": [10.25]}),
]
"""A computed figure as a JSON number, with the digits that clients read into a double."""

Mint = Annotated[TokenAddress, WithJsonSchema({"type": "string", "examples": [_MINT]})]
"""The address of a token as it is stored; case matters."""


def _mint_of(read: Callable[[str, str], TokenAddress]) -> BeforeValidator:
    def check(value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        try:
            return read(value.strip(), to_camel(info.field_name or ""))
        except InvalidInputError as error:
            raise problem_text(error.message) from None

    return BeforeValidator(check)


GivenMint = Annotated[Mint, _mint_of(read_mint)]
"""The address of a token as somebody sends it: 32 bytes in base58."""

GivenTradedMint = Annotated[Mint, _mint_of(read_traded_mint)]
"""The address of a token that can be bought, which SOL is not."""


def text(max_length: int, *, min_length: int = 0) -> Any:
    """Return the limits of a text."""
    return Field(min_length=min_length, max_length=max_length)


def _stripped(value: object) -> object:
    """Return a text without surrounding blanks; nothing is left of a blank one."""
    return (value.strip() or None) if isinstance(value, str) else value


Stripped = BeforeValidator(_stripped)
"""Texts lose surrounding blanks, and blank ones count as absent."""

OptionalText = Annotated[Annotated[str, Field(max_length=255)] | None, Stripped]
"""A text that may be left out; an empty one counts as left out."""

WalletInQuery = Annotated[OptionalText, Field(description="Only this wallet")]
