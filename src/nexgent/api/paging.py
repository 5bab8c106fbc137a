"""Pages of lists: `limit` and `offset` as ever, or `limit` and the `cursor` an earlier page came with.

The body stays a bare array; where there is more, the response says so in its header `X-Next-Cursor`. A cursor is the time and the
id of the last row, so unlike an offset it stays right while rows are added.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from starlette.responses import Response

from nexgent.api.encoding import dumped, encode, json_array
from nexgent.api.http.queries import PageQuery
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.paging import IdT, PageCursor

MAX_PAGE_BYTES = 4 * 1024 * 1024
"""A page ends before it grows beyond this, also when it has fewer rows than were asked for."""
NEXT_PAGE = (
    "Where there is more, the header `X-Next-Cursor` says what to send as `cursor` to get the next page. "
    "A page that would be larger than 4 MiB ends earlier."
)
_PIECE_ROWS = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RowT = TypeVar("_RowT")


@dataclass(frozen=True, slots=True)
class Page(Generic[IdT]):
    """Which part of a list is wanted: at most `limit` rows, after a mark or after the first `offset`."""

    limit: int
    offset: int
    after: PageCursor[IdT] | None

    @property
    def asked(self) -> int:
        """How many rows to read: one more than is shown tells whether there is more."""
        return self.limit + 1


class Paging(Generic[IdT]):
    """Reads and writes the cursors of one list; those of another list are refused."""

    def __init__(self, resource: str, read_id: Callable[[str], IdT]) -> None:
        self._resource = resource
        self._read_id = read_id

    def page(self, query: PageQuery) -> Page[IdT]:
        """Return the wanted part. Raises `InvalidInputError`."""
        if query.cursor is None:
            return Page(query.rows, query.offset, None)
        if "offset" in query.model_fields_set:
            raise InvalidInputError("Invalid offset: it cannot be given together with cursor")
        return Page(query.rows, 0, self._decode(query.cursor))

    async def answer(
        self,
        rows: Sequence[_RowT],
        page: Page[IdT],
        *,
        view: Callable[[_RowT], object],
        mark: Callable[[_RowT], PageCursor[IdT]],
    ) -> Response:
        """Return the rows as a bare array, with the cursor of the next page where there is one.

        A thousand rows take 18 ms to write; trades and prices have their turn in between.
        """
        items: list[bytes] = []
        size = 0
        for number, row in enumerate(rows[: page.limit], 1):
            if number % _PIECE_ROWS == 0:
                await asyncio.sleep(0)
            item = encode(dumped(view(row)))
            size += len(item)
            if items and size > MAX_PAGE_BYTES:
                break
            items.append(item)
        response = json_array(items)
        if len(rows) > len(items):
            response.raw_headers.append((b"x-next-cursor", self._encode(mark(rows[len(items) - 1])).encode()))
        return response

    def _encode(self, mark: PageCursor[IdT]) -> str:
        microseconds = (mark.time - _EPOCH) // _MICROSECOND
        text = f"{self._resource}|{microseconds}|{mark.id}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _decode(self, cursor: str) -> PageCursor[IdT]:
        mark: PageCursor[IdT] | None
        try:
            text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
            resource, microseconds, row_id = text.split("|")
            mark = PageCursor(_EPOCH + int(microseconds) * _MICROSECOND, self._read_id(row_id))
        except (ValueError, OverflowError, InvalidInputError):
            mark, resource = None, ""
        # Only what this list wrote itself is taken: no other list's, no other spelling of the same.
        if mark is None or resource != self._resource or self._encode(mark) != cursor:
            raise InvalidInputError(
                "Invalid cursor: it must be the X-Next-Cursor of an earlier page of this list, unchanged"
            )
        return mark
