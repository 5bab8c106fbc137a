"""Whole tables as one streamed file, batch by batch: memory stays the same however long the table is.

The first batch is read before the answer begins, so what is wrong until then is answered like any other failure. Later there is
only one honest way to say that the file is not complete: to break the connection off, which clients report as an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Generic, TypeVar

import structlog
from starlette.responses import Response

from nexgent.api.csv_text import csv_line
from nexgent.api.deps import ApiServices
from nexgent.api.encoding import dumped, encode, json_response
from nexgent.api.http.refusals import Refusal
from nexgent.api.streaming import Streamed
from nexgent.shared.errors import UnavailableError

log = structlog.get_logger(__name__)

BATCH_ROWS = 1000
FIRST_BATCH_SECONDS = 300.0
NEXT_BATCH_SECONDS = 60.0
TOOK_TOO_LONG = Refusal(408, "The export took too long")
EXPORT_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
        }
    }
}
"""What a file looks like, for the `responses` of an endpoint."""
_PIECE_ROWS = 100
"""How many rows are formatted before others have their turn: trades go through the same event loop."""
_RowT = TypeVar("_RowT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported(Generic[_RowT]):
    """A table and its two forms. `read` returns the batch behind a row, the first one behind None; a short one is the last."""

    name: str
    header: Sequence[str]
    cells: Callable[[_RowT], Iterable[str]]
    view: Callable[[_RowT], object]
    read: Callable[[_RowT | None], Awaitable[Sequence[_RowT]]]


async def exported(services: ApiServices, table: Exported[_RowT], *, as_json: bool) -> Response:
    """Return the file, or 503 or 408 when its beginning cannot be read."""
    try:
        async with asyncio.timeout(FIRST_BATCH_SECONDS):
            first = await table.read(None)
    except UnavailableError as error:
        log.warning("export.unavailable", export=table.name, problem=error.message)
        response = json_response(
            {"error": error.message, "code": error.code, "message": "Please try again in a moment."}, 503
        )
        response.raw_headers.append((b"retry-after", b"1"))
        return response
    except TimeoutError:
        text = "Please try again, or ask for less with a filter."
        return json_response({"error": "The export took too long", "message": text}, 408)
    today = services.clock.now().astimezone(UTC).date().isoformat()
    name = f"{table.name}-{today}.{'json' if as_json else 'csv'}"
    pieces = _json(table, first) if as_json else _csv(table, first)
    return Streamed(
        pieces,
        headers={"content-disposition": f'attachment; filename="{name}"'},
        media_type="application/json; charset=utf-8" if as_json else "text/csv; charset=utf-8",
    )


async def _csv(table: Exported[_RowT], first: Sequence[_RowT]) -> AsyncIterator[bytes]:
    yield csv_line(table.header).encode()
    async for rows in _pieces(table, first):
        yield "".join([csv_line(table.cells(row)) for row in rows]).encode()


async def _json(table: Exported[_RowT], first: Sequence[_RowT]) -> AsyncIterator[bytes]:
    opening = b"["
    async for rows in _pieces(table, first):
        yield opening + b",\n".join([encode(dumped(table.view(row))) for row in rows])
        opening = b",\n"
    yield b"]" if opening != b"[" else b"[]"


async def _pieces(table: Exported[_RowT], batch: Sequence[_RowT]) -> AsyncIterator[Sequence[_RowT]]:
    while batch:
        for start in range(0, len(batch), _PIECE_ROWS):
            yield batch[start : start + _PIECE_ROWS]
            await asyncio.sleep(0)
        if len(batch) < BATCH_ROWS:
            return
        async with asyncio.timeout(NEXT_BATCH_SECONDS):
            batch = await table.read(batch[-1])
