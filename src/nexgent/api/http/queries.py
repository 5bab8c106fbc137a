"""What the queries of lists and exports have in common: pages, a period, and the form of a file."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from nexgent.api.fields import shown
from nexgent.api.http.models import Query
from nexgent.api.http.problems import problem
from nexgent.api.http.types import OptionalText, OptionalTime
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.numbers import read_whole

_MOST_ROWS = 1000
_MOST_DIGITS = 15
_FORMATS = ("csv", "json")


class Whole:
    """Reads a whole number from a text, and tells the documentation its bounds."""

    def __init__(self, least: int) -> None:
        self._least = least

    def _read(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        number = read_whole(value, most_digits=_MOST_DIGITS)
        if number is None or number < self._least:
            raise problem(f"a whole number from {self._least} is required")
        return number

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "integer", "minimum": self._least, "maximum": 10**_MOST_DIGITS - 1}


class PageQuery(Query):
    """Which page of a list: `limit` and `offset` as ever, or `limit` and the `cursor` an earlier page came with."""

    limit: Annotated[int, Whole(1)] = Field(
        default=100, description=f"At most so many, up to {_MOST_ROWS} (default 100)"
    )
    offset: Annotated[int, Whole(0)] = Field(
        default=0, description="Leave out the first so many; not together with cursor"
    )
    cursor: OptionalText = Field(
        default=None, description="The X-Next-Cursor of the page before: go on from there"
    )

    @property
    def rows(self) -> int:
        """How many rows are wanted."""
        return min(self.limit, _MOST_ROWS)


def not_before(own_name: str) -> Any:
    """Return the field `from` of a list whose own name of it is this."""
    return Field(default=None, alias="from", description=f"Not before; another name for {own_name}")


def not_after(own_name: str) -> Any:
    """Return the field `to` of a list whose own name of it is this."""
    return Field(default=None, alias="to", description=f"Not after; another name for {own_name}")


class PeriodQuery(Query):
    """The bounds of a list's main time: `from` and `to`, or the list's own names. Giving both is refused.

    A list says what its own names are by declaring both with `not_before` and `not_after`.
    """

    from_: OptionalTime = Field(default=None, alias="from")
    to: OptionalTime = Field(default=None, alias="to")

    def bounds(self, own_start: str, own_end: str) -> tuple[datetime | None, datetime | None]:
        """Return the bounds, given the names of the fields that mean the same. Raises `InvalidInputError`."""
        return self._bound("from", self.from_, own_start), self._bound("to", self.to, own_end)

    def _bound(self, name: str, general: datetime | None, own_name: str) -> datetime | None:
        own: datetime | None = getattr(self, own_name)
        if general is not None and own is not None:
            alias = type(self).model_fields[own_name].alias
            raise InvalidInputError(f"Invalid {name}: it means the same as {alias}; give only one of them")
        return general if general is not None else own


def _format(value: object) -> object:
    wanted = value.strip().lower() if isinstance(value, str) else ""
    if wanted and wanted not in _FORMATS:
        raise problem(f"one of {', '.join(_FORMATS)} is required, received {shown(wanted)}")
    return wanted or "csv"


class ExportQuery(Query):
    """The form of a file."""

    format: Annotated[str, BeforeValidator(_format), WithJsonSchema({"type": "string"})] = Field(
        default="csv", description="csv (the default), or json for an array of objects"
    )
    timezone: Annotated[OptionalText, WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})] = (
        Field(
            default=None,
            description="IANA name of the zone whose clocks the CSV shows (default, and for unknown ones: UTC)",
        )
    )

    @property
    def as_json(self) -> bool:
        """Whether objects are wanted instead of lines."""
        return self.format == "json"

    @property
    def zone(self) -> tzinfo:
        """Return the zone; UTC for none, and for one that does not exist."""
        if self.timezone is None:
            return UTC
        try:
            return ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            return UTC
