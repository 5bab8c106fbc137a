"""Lines of the journal are those that were sent, however they come."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import asyncpg
import pytest

from nexgent.infrastructure.database.journal.codec import CorruptEntryError
from nexgent.infrastructure.database.journal.lines import Line, read_lines
from nexgent.infrastructure.database.journal.side_by_side import batches_of
from nexgent.infrastructure.database.journal.wallet_check import Stream
from nexgent.shared.ids import new_id
from nexgent.shared.types import WalletAddress

WALLET = WalletAddress("w")
LINES: list[Line] = [
    (
        str(new_id()).encode(),
        str(new_id()).encode(),
        seq,
        -(10**15) + seq,
        b"intended" if seq % 2 else b"settled",
        b"[]" * seq,
        b"PGCOPY\n\xff\r\n\0 {}" * (5 - seq),
    )
    for seq in range(1, 6)
]


def copied(lines: Sequence[Line], empty: tuple[int, int] | None = None) -> bytes:
    """Return lines as binary COPY writes them, one field of one line without a value."""
    data = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for row, (entry_id, agent_id, seq, at, kind, postings, body) in enumerate(lines):
        fields = (entry_id, agent_id, struct.pack(">q", seq), struct.pack(">q", at), kind, postings, body)
        data += struct.pack(">h", 7)
        for column, field in enumerate(fields):
            data += struct.pack(">i", -1) if (row, column) == empty else struct.pack(">i", len(field)) + field
    return data + struct.pack(">h", -1)


class Pieces:
    """A connection that copies in pieces of so many bytes, as `bytes` or as the driver's `bytearray`."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size
        self.handed_on = 0

    async def copy_from_query(
        self, query: str, *, output: Callable[[bytes], Awaitable[None]], **_options: str
    ) -> str:
        for start in range(0, len(self._data), self._size):
            await output(cast("bytes", bytearray(self._data[start : start + self._size])))
            self.handed_on += 1
        return "COPY"


async def read(pieces: Pieces, take: Callable[[Sequence[Line]], None]) -> None:
    await read_lines(cast("asyncpg.Connection[asyncpg.Record]", pieces), "journal", WALLET, 0, take)


@pytest.mark.parametrize("lines", [[], LINES[:1], LINES])
async def test_lines_are_put_together_from_pieces_of_any_size(lines: list[Line]) -> None:
    data = copied(lines)
    for size in range(1, len(data) + 1):
        found: list[Line] = []
        await read(Pieces(data, size), found.extend)
        assert found == lines, size


@pytest.mark.parametrize("column", range(7))
async def test_a_line_without_a_value_is_none_and_does_not_end_them_quietly(column: int) -> None:
    for row in range(len(LINES)):
        data, found = copied(LINES, (row, column)), list[Line]()

        with pytest.raises(CorruptEntryError):
            await read(Pieces(data, len(data)), found.extend)

        assert found == LINES[:row]


async def test_lines_that_stop_before_their_end_are_not_all() -> None:
    data = copied(LINES)
    for size in (0, 10, len(data) // 2, len(data) - 2, len(data) - 1):
        with pytest.raises(CorruptEntryError):
            await read(Pieces(data[:size], 100), lambda _: None)


async def test_whoever_takes_no_more_lets_the_rest_come_and_says_why() -> None:
    """A COPY that is broken off would take the snapshot with it."""
    pieces, taken = Pieces(copied(LINES), 200), 0

    def take(lines: Sequence[Line]) -> None:
        nonlocal taken
        taken += 1
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        await read(pieces, take)
    assert taken == 1
    assert pieces.handed_on == -(-len(copied(LINES)) // 200)


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_parts_have_every_wallet_once_and_are_small_at_the_end(processes: int) -> None:
    found = [Stream(WalletAddress(f"w{number}"), 1 + number % 7 * 100) for number in range(1_000)]
    sizes = {one.wallet_address: one.entries for one in found}

    batches = batches_of(found, 50_000, processes, pages=10**9)

    assert sorted(wallet for batch in batches for wallet in batch) == sorted(sizes)
    entries = [sum(sizes[wallet] for wallet in batch) for batch in batches]
    assert max(entries) < 51_000
    assert entries[0] > 3 * entries[-1]
    assert all(one > 5_000 for one in entries[:-1])


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_where_each_process_reads_all_pages_there_is_a_part_for_each_of_equally_much(processes: int) -> None:
    found = [Stream(WalletAddress(f"w{number}"), 1 + number % 7 * 100) for number in range(1_000)]
    sizes = {one.wallet_address: one.entries for one in found}

    batches = batches_of(found, 50_000, processes, pages=75_000)

    assert sorted(wallet for batch in batches for wallet in batch) == sorted(sizes)
    entries = [sum(sizes[wallet] for wallet in batch) for batch in batches]
    assert len(batches) == processes
    assert max(entries) - min(entries) <= 601


def test_a_part_has_no_more_than_a_process_keeps() -> None:
    found = [Stream(WalletAddress(f"w{number}"), 100_000) for number in range(50)]

    batches = batches_of(found, 50_000, 2, pages=1_000)

    assert sorted(len(batch) for batch in batches) == [12, 12, 13, 13]


def test_what_is_no_more_than_a_process_is_worth_is_one_part() -> None:
    found = [Stream(WalletAddress("a"), 0), Stream(WalletAddress("b"), 10)]

    assert batches_of([], 10, 2, 0) == []
    assert batches_of(found, 10, 2, 0) == [["a", "b"]]
    assert batches_of(found, 9, 2, 10**9) == [["b"], ["a"]]
