"""Kinds of values that mean the same everywhere: format, limits and an example, told once.

A parameter or a field names its kind in its type, and is parsed, documented and written accordingly.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from nexgent.api import fields
from nexgent.api.encoding import iso
from nexgent.api.http.problems import problem_text
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.mints import read_mint, read_traded_mint
from nexgent.shared.money import CONTEXT, plain
from nexgent.shared.numbers import MAX_NUMBER_TEXT
from nexgent.shared.types import (
    AgentId,
    ClosedTradeId,
    PositionId,
    SignalId,
    TokenAddress,
    TransactionId,
    UserId,
    WalletAddress,
)

EXAMPLE_MINT = "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf"


def _uuid_of(what: str) -> BeforeValidator:
    def read(value: object) -> object:
        if value is None:
            return None
        try:
            return fields.parse_uuid(value, what)
        except InvalidInputError as error:
            raise problem_text(error.message) from None

    return BeforeValidator(read)


def _uuid_schema(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "format": "uuid", "examples": [example]})


_AGENT_SCHEMA = _uuid_schema("6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2")
_TRANSACTION_SCHEMA = _uuid_schema("b1a6a0de-3f0e-4a39-8a61-d3c5f2a4c9e7")
_OTHER_SCHEMA = _uuid_schema("3c0f2d7a-6a52-4f3e-9d41-8f5b7e6a1c24")
AnAgentId = Annotated[AgentId, _uuid_of("agent"), _AGENT_SCHEMA]
ATransactionId = Annotated[TransactionId, _uuid_of("transaction"), _TRANSACTION_SCHEMA]
ThatAgentIdInPath = Annotated[AgentId, _uuid_of("agent"), _AGENT_SCHEMA, Path(alias="agentId")]
"""The agent of a path `/agent-positions/{agentId}`."""
AgentIdInPath = Annotated[AgentId, _uuid_of("agent"), _AGENT_SCHEMA, Path(alias="id")]
"""The agent of a path `/agents/{id}`."""
PositionIdInPath = Annotated[
    PositionId,
    _uuid_of("position"),
    _uuid_schema("0d7c2f55-98a1-4a3f-bb0d-6e3f1c7a2b90"),
    Path(alias="positionId"),
]
BalanceIdInPath = Annotated[UUID, _uuid_of("balance"), _OTHER_SCHEMA, Path(alias="id")]
TransactionIdInPath = Annotated[TransactionId, _uuid_of("transaction"), _TRANSACTION_SCHEMA, Path(alias="id")]
ClosedTradeIdInPath = Annotated[ClosedTradeId, _uuid_of("historical swap"), _OTHER_SCHEMA, Path(alias="id")]
SessionIdInPath = Annotated[UUID, _uuid_of("session"), _OTHER_SCHEMA, Path(alias="id")]
UserIdInPath = Annotated[UserId, _uuid_of("user"), _OTHER_SCHEMA, Path(alias="id")]
KeyIdInPath = Annotated[UUID, _uuid_of("API key"), _OTHER_SCHEMA, Path(alias="id")]
WalletInPath = Annotated[
    WalletAddress,
    WithJsonSchema(
        {"type": "string", "maxLength": 255, "examples": ["sim_4cHcmpCsEvbjCPMU9aKbXrT6uGmqzNF7dpWzk2"]}
    ),
    Path(alias="walletAddress"),
]
WebhookIdInPath = Annotated[UUID, _uuid_of("webhook"), _OTHER_SCHEMA, Path(alias="id")]
TargetIdInPath = Annotated[UUID, _uuid_of("target"), _OTHER_SCHEMA, Path(alias="id")]

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

_STORED = Decimal("1e-18")
_DOUBLE = Context(prec=17, rounding=ROUND_HALF_EVEN)
FigureNumber = Annotated[
    Decimal,
    PlainSerializer(_DOUBLE.plus, return_type=Decimal),
    WithJsonSchema({"type": "number", "examples": [10.25]}),
]
"""A computed figure as a JSON number, with the digits that clients read into a double."""

Mint = Annotated[TokenAddress, WithJsonSchema({"type": "string", "examples": [EXAMPLE_MINT]})]
"""The address of a token as it is stored; case matters."""


@lru_cache(maxsize=1024)
def _outside(name: str) -> str:
    return to_camel(name.rstrip("_"))


def _named(info: ValidationInfo) -> str:
    """Return a field's name outside."""
    return _outside(info.field_name or "")


def _reader(read: Callable[[object, str], object]) -> BeforeValidator:
    """Return what reads a value that is there; absent are null, and in a query the empty text."""

    def check(value: object, info: ValidationInfo) -> object:
        if value is None:
            return None
        try:
            return read(value, _named(info))
        except InvalidInputError as error:
            raise problem_text(error.message) from None

    return BeforeValidator(check)


def _mint_of(read: Callable[[str, str], TokenAddress]) -> BeforeValidator:
    def check(value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        if not value.strip():
            raise problem_text(f"{_named(info)} is required and must not be blank")
        try:
            return read(value.strip(), _named(info))
        except InvalidInputError as error:
            raise problem_text(error.message) from None

    return BeforeValidator(check)


def _stripped(value: object) -> object:
    """Return a text without surrounding blanks; nothing is left of a blank one."""
    return (value.strip() or None) if isinstance(value, str) else value


Stripped = BeforeValidator(_stripped)
"""Texts lose surrounding blanks, and blank ones count as absent."""

_BASE58 = "[1-9A-HJ-NP-Za-km-z]{32,44}"


def _mint_text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": rf"^\s*{pattern}\s*$", "examples": [EXAMPLE_MINT]}


_MINT_SCHEMA = WithJsonSchema(_mint_text(_BASE58))
GivenMint = Annotated[Mint, _mint_of(read_mint), _MINT_SCHEMA]
"""The address of a token as somebody sends it: 32 bytes in base58."""

OptionalMint = Annotated[
    Mint | None,
    _mint_of(read_mint),
    Stripped,
    WithJsonSchema({"anyOf": [_mint_text(f"({_BASE58})?"), {"type": "null"}]}),
]
"""The address of a token that may be left out; a blank one counts as left out."""

OptionalMintInQuery = Annotated[Mint | None, _mint_of(read_mint), Stripped, _MINT_SCHEMA]
"""The same in a query."""

GivenTradedMint = Annotated[Mint, _mint_of(read_traded_mint), _MINT_SCHEMA]
"""The address of a token that can be bought, which SOL is not."""


def text(max_length: int, *, min_length: int = 0) -> Any:
    """Return the limits of a text."""
    return Field(min_length=min_length, max_length=max_length)


BLANK: dict[str, Any] = {"type": "string", "pattern": r"^\s*$"}
"""A text that counts as absent, as it is documented."""

GivenTransactionId = Annotated[
    ATransactionId | None,
    Stripped,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "uuid", "examples": ["b1a6a0de-3f0e-4a39-8a61-d3c5f2a4c9e7"]},
                BLANK,
                {"type": "null"},
            ]
        }
    ),
]
"""The id of a transaction in a body; null and blank mean none."""

OptionalTargetId = Annotated[UUID | None, _uuid_of("target"), Stripped, _OTHER_SCHEMA]
"""The id of a target of notifications in a query, which may be left out."""

OptionalTransactionId = Annotated[ATransactionId | None, Stripped]
"""The id of a transaction in a query, which may be left out."""


def _trimmed(value: str | None) -> str | None:
    return (value.strip() or None) if value is not None else None


Trimmed = AfterValidator(_trimmed)
"""Texts within their limits lose surrounding blanks; nothing is left of a blank one."""

OptionalText = Annotated[str | None, Field(max_length=255), Trimmed]
"""A text that may be left out; an empty one counts as left out."""

WalletInQuery = Annotated[OptionalText, Field(description="Only this wallet")]


def _not_blank(value: str | None, info: ValidationInfo) -> str | None:
    text = value.strip() if value is not None else None
    if text == "":
        raise problem_text(f"{_named(info)} is required and must not be blank")
    return text


class _NotBlank:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return AfterValidator(_not_blank).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = handler(schema)
        for one in found.get("anyOf", [found]):
            if one.get("type") == "string":
                one["pattern"] = r"\S"
        return found


NotBlank = _NotBlank()
"""Texts that are there lose surrounding blanks, and something has to be left."""

MILLISECONDS: dict[str, Any] = {"type": "number", "minimum": 0}
"""A time as milliseconds since 1970, as it is documented."""
_TIME_TEXT = {"type": "string", "examples": ["2026-01-01T12:00:00.000Z"]}
OptionalTime = Annotated[datetime | None, _reader(fields.parse_time), Stripped, WithJsonSchema(_TIME_TEXT)]
"""A time in a query: ISO-8601 (a date is UTC midnight, no offset means UTC), RFC 2822; an empty one counts as left out."""

GivenTime = Annotated[
    datetime,
    _reader(fields.parse_time),
    WithJsonSchema({"anyOf": [_TIME_TEXT | {"format": "date-time"}, MILLISECONDS]}),
]
"""A time in a body: as text, or in milliseconds since 1970."""

_SIGNAL_NUMBER = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1, "examples": [42]}
SignalInQuery = Annotated[
    SignalId | None, _reader(fields.parse_signal_id), Stripped, WithJsonSchema(_SIGNAL_NUMBER)
]
"""The number of a signal, which may be left out."""


def _signal_of_path(value: object) -> object:
    try:
        return fields.parse_signal_id(value)
    except InvalidInputError:
        raise problem_text("Signal ID must be a valid integer") from None


SignalIdInPath = Annotated[
    SignalId, BeforeValidator(_signal_of_path), WithJsonSchema(_SIGNAL_NUMBER), Path(alias="id")
]
GivenSignalId = Annotated[
    SignalId | None,
    _reader(fields.parse_signal_id),
    WithJsonSchema(
        {
            "anyOf": [
                _SIGNAL_NUMBER,
                {"type": "string", "pattern": r"^[ \t\r\n]*[0-9]{1,12}[ \t\r\n]*$"},
                {"type": "null"},
            ]
        }
    ),
]
"""The number of a signal in a body, as number or text, or null for none."""

NumberInQuery = Annotated[
    Decimal | None, _reader(fields.parse_decimal), Stripped, WithJsonSchema({"type": "number"})
]
"""An exact number in a query, which may be left out."""


def _flag(value: object) -> object:
    return value == "true" if isinstance(value, str) and value else None


FlagInQuery = Annotated[
    bool | None, BeforeValidator(_flag), WithJsonSchema({"type": "string", "examples": ["true"]})
]
"""Whether a parameter is exactly `true`; None when it is left out."""


OptionalUserId = Annotated[
    Annotated[UserId, _uuid_of("user"), _uuid_schema("9f1c7d24-0b4e-4c8e-8d55-2b1f0a6e3c77")] | None, Stripped
]
"""A user of a list, who may be left out."""

AgentIdInQuery = Annotated[AgentId, _uuid_of("agent"), Stripped, _AGENT_SCHEMA]
"""The agent of a list, without which there is none."""


NUMBER_TEXT: dict[str, Any] = {
    "type": "string",
    "maxLength": MAX_NUMBER_TEXT,
    "pattern": r"^[ \t\r\n]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?[ \t\r\n]*$",
    "examples": ["10.25"],
}
"""A number as text, as it is documented."""


class GivenNumber:
    """Reads an exact number in a body, given as a JSON number or a numeric text, kept with the 18 places that are stored."""

    def __init__(
        self,
        *,
        below: Decimal,
        or_equal: bool = False,
        least: Decimal | None = None,
        more_than: Decimal | None = None,
    ) -> None:
        """`or_equal` allows `below` itself."""
        self._below = below
        self._or_equal = or_equal
        self._least = least
        self._more_than = more_than

    def _read(self, value: object, name: str) -> Decimal:
        number = fields.parse_decimal(value, name)
        if self._least is not None and number < self._least:
            raise InvalidInputError(f"Invalid {name}: it must not be less than {self._least}")
        try:
            stored = None if self._is_over(number) else number.quantize(_STORED, context=CONTEXT)
        except InvalidOperation:
            # Just below a limit of as many digits as there is room for, and rounded to it.
            stored = None
        if stored is None or self._is_over(stored):
            allowed = "not be greater" if self._or_equal else "be less"
            raise InvalidInputError(f"Invalid {name}: it must {allowed} than {self._below:f}")
        if self._more_than is not None and stored <= self._more_than:
            raise InvalidInputError(f"Invalid {name}: it must be greater than {self._more_than}")
        return stored

    def _is_over(self, number: Decimal) -> bool:
        # Without rounding, as `abs` has it.
        size = number.copy_abs()
        return size > self._below or (size == self._below and not self._or_equal)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _reader(self._read).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number: dict[str, Any] = {
            "type": "number",
            "maximum" if self._or_equal else "exclusiveMaximum": float(self._below),
        }
        if self._more_than is not None:
            number["exclusiveMinimum"] = float(self._more_than)
        else:
            number |= (
                {"exclusiveMinimum": -float(self._below)}
                if self._least is None
                else {"minimum": float(self._least)}
            )
        null = {"type": "null"}
        nullable = [null] if null in handler(schema).get("anyOf", ()) else []
        return {"anyOf": [NUMBER_TEXT, number, *nullable]}
