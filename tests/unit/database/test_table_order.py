"""Lines that come many in one value are those that were sent, however they come."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import asyncpg
import pytest

from nexgent.infrastructure.database.journal.codec import CorruptEntryError
from nexgent.infrastructure.database.journal.lines import Line
from nexgent.infrastructure.database.journal.table_order import TablePart, TakeOne, read_in_table_order
from nexgent.shared.ids import new_id
from nexgent.shared.types import WalletAddress

Mixed = tuple[bytes, Line]
PART = TablePart("journal_2026_12", 8_192, 8_192)
LINES: list[Mixed] = [
    (
        b"wallet" * (number % 3 + 1),
        (
            str(new_id()).encode(),
            str(new_id()).encode(),
            number,
            -(10**15) + number,
            b"intended" if number % 2 else b"settled",
            b"[]" * number,
            b"PGCOPY\n\xff\r\n\0 {}" * (5 - number),
        ),
    )
    for number in range(1, 6)
]


def row_of(mixed: Mixed, empty: int | None = None) -> bytes:
    """Return a row as PostgreSQL sends one, one of its fields without a value."""
    wallet, (entry_id, agent_id, seq, at, kind, postings, body) = mixed
    times = struct.pack(">q", seq), struct.pack(">q", at)
    data = struct.pack(">i", 8)
    for column, field in enumerate((entry_id, agent_id, *times, wallet, kind, postings, body)):
        value = struct.pack(">i", -1) if column == empty else struct.pack(">i", len(field)) + field
        data += struct.pack(">I", 4_000_000_000) + value
    return data


def copied(values: Sequence[bytes | None]) -> bytes:
    """Return values as binary COPY writes one column of them."""
    data = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for value in values:
        data += struct.pack(">hi", 1, len(value) if value is not None else -1) + (value or b"")
    return data + struct.pack(">h", -1)


WHOLE = copied([None, row_of(LINES[0]), None, b"".join(row_of(line) for line in LINES[1:]), None])


class Pieces:
    """A connection that copies in pieces of so many bytes, as the driver's `bytearray`."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size
        self.handed_on = 0

    async def execute(self, query: str) -> None:
        """Set what it likes."""

    async def copy_from_query(
        self, query: str, *, output: Callable[[bytes], Awaitable[None]], **_options: str
    ) -> str:
        for start in range(0, len(self._data), self._size):
            await output(cast("bytes", bytearray(self._data[start : start + self._size])))
            self.handed_on += 1
        return "COPY"


async def read(pieces: Pieces, take: TakeOne, parts: int = 1) -> None:
    connection = cast("asyncpg.Connection[asyncpg.Record]", pieces)
    await read_in_table_order(connection, [PART] * parts, [WalletAddress("w")], take)


async def test_lines_are_put_together_from_pieces_of_any_size() -> None:
    for size in range(1, len(WHOLE) + 1):
        found: list[Mixed] = []
        await read(Pieces(WHOLE, size), lambda *mixed: found.append(mixed), parts=2)  # noqa: B023 -- used at once
        assert found == LINES * 2, size


@pytest.mark.parametrize("column", range(8))
@pytest.mark.parametrize("row", range(5))
async def test_a_line_without_a_value_is_none_wherever_it_is(column: int, row: int) -> None:
    rows = [row_of(line, column if row == number else None) for number, line in enumerate(LINES)]
    for values in ([b"".join(rows)], rows):
        found: list[Mixed] = []

        with pytest.raises(CorruptEntryError):
            await read(Pieces(copied(values), 10_000), lambda *mixed: found.append(mixed))  # noqa: B023 -- used at once

        assert found == LINES[:row]


async def test_lines_that_stop_before_their_end_are_not_all() -> None:
    for size in (0, 10, len(WHOLE) // 2, len(WHOLE) - 2, len(WHOLE) - 1):
        with pytest.raises(CorruptEntryError):
            await read(Pieces(WHOLE[:size], 100), lambda *_: None)


async def test_a_value_that_ends_within_a_line_is_none() -> None:
    row = row_of(LINES[1])
    for size in range(1, len(row)):
        with pytest.raises(CorruptEntryError):
            await read(Pieces(copied([row[:size]]), 10_000), lambda *_: None)


async def test_whoever_takes_no_more_lets_the_rest_come_and_says_why() -> None:
    """A COPY that is broken off would take the snapshot with it."""
    pieces, taken = Pieces(WHOLE, 400), 0

    def take(*_: object) -> None:
        nonlocal taken
        taken += 1
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        await read(pieces, take)
    assert taken == 1
    assert pieces.handed_on == -(-len(WHOLE) // 400)


def test_a_piece_is_bounded_by_what_is_kept_beside_the_pages_as_well() -> None:
    plain, longer = TablePart("a", 800 * 8_192, 800 * 8_192), TablePart("b", 800 * 8_192, 8_000 * 8_192)

    assert (plain.pages, plain.step) == (800, 64)
    assert (longer.pages, longer.step) == (800, 6)
    assert TablePart("c", 8_192, 10**9).step == 1
